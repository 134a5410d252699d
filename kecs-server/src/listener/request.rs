//! A request that can be taken from the bytes of a connection as it is.

mod fuzz;

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

#[doc(hidden)]
pub use fuzz::fuzz;

/// More headers than this are hyper's to refuse.
const HEADERS: usize = 100;
/// Longer targets are hyper's to refuse.
const TARGET: usize = 16 * 1024;

/// A request that was taken whole, and how many bytes it is of those received.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) request: Request<Full<Bytes>>,
    pub(super) length: usize,
}

/// Takes the request that `received` begins with, if it is whole and plain: HTTP/1.1 with a path, a body of stated length or none, on a connection
/// that stays open. `None` says nothing of what it is instead, neither that it is wrong nor that it is complete: that is for hyper to find out, which gets
/// the same bytes. Whatever is taken here, hyper's server would take for the same request.
///
/// `headers` is an empty map whose memory is used again.
pub(super) fn take(received: &Bytes, headers: HeaderMap) -> Option<Taken> {
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    // What hyper's server parses requests with, and as strictly.
    let outcome = httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut parsed, received, &mut slots);
    let Ok(httparse::Status::Complete(head)) = outcome else { return None };
    let target = parsed.path.filter(|target| target.starts_with('/') && target.len() <= TARGET)?;
    let method = Method::from_bytes(parsed.method?.as_bytes()).ok().filter(|method| *method != Method::CONNECT)?;
    if parsed.version != Some(1) {
        return None;
    }
    let uri = Uri::from_maybe_shared(received.slice_ref(target.as_bytes())).ok()?;

    let mut headers = headers;
    headers.reserve(parsed.headers.len());
    let mut body = None;
    for header in parsed.headers.iter() {
        let name = name(header.name.as_bytes())?;
        match name {
            TRANSFER_ENCODING | UPGRADE | EXPECT => return None,
            CONNECTION if !header.value.eq_ignore_ascii_case(b"keep-alive") => return None,
            CONTENT_LENGTH if body.is_some() => return None,
            CONTENT_LENGTH => body = Some(length(header.value)?),
            _ => {}
        }
        headers.append(name, HeaderValue::from_maybe_shared(received.slice_ref(header.value)).ok()?);
    }
    let length = head.checked_add(body.unwrap_or_default())?;
    // Not all of it is there: its body streams.
    if length > received.len() {
        return None;
    }
    let mut request = Request::new(Full::new(received.slice(head..length)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some(Taken { request, length })
}

/// Names that SDKs send with each request and that `http` does not know: made here, they are not copied each time.
static OF_SDKS: [HeaderName; 6] = [
    HeaderName::from_static("amz-sdk-invocation-id"),
    HeaderName::from_static("amz-sdk-request"),
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
    HeaderName::from_static("x-amz-target"),
];

fn name(text: &[u8]) -> Option<HeaderName> {
    if matches!(text.first(), Some(b'a' | b'A' | b'x' | b'X'))
        && let Some(name) = OF_SDKS.iter().find(|name| text.eq_ignore_ascii_case(name.as_str().as_bytes()))
    {
        return Some(name.clone());
    }
    HeaderName::from_bytes(text).ok()
}

/// Digits only, and no more of them than a number takes that fits a buffer.
fn length(value: &[u8]) -> Option<usize> {
    let plain = (1..=7).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| plain)?.parse().ok()
}

#[cfg(test)]
mod tests;
