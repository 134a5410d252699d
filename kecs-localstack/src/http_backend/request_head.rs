//! The head of a request, as it goes to the endpoint.

use bytes::{BufMut, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::Body as HttpBody;
use kecs_core::Body;

use super::BaseUrl;
use super::hop_by_hop::Named;

/// How the endpoint is told where a request's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestFraming {
    /// There is none, and nothing says so.
    None,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
}

impl RequestFraming {
    /// As the client framed it, where that is known: `Content-Length: 0` stays, and so does chunked.
    pub(super) fn of(head: &Parts, body: &Body) -> Self {
        let declared = || head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        if body.is_end_stream() {
            // RFC 9110 §8.6: methods that anticipate content say that there is none.
            let says_so =
                head.headers.contains_key(CONTENT_LENGTH) || matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
            return if says_so { Self::Length(0) } else { Self::None };
        }
        body.size_hint().exact().or_else(declared).map_or(Self::Chunked, Self::Length)
    }
}

/// Writes the request line and the headers. Names are written as HTTP/2 has them, in lower case; values as they came.
pub(super) fn write(out: &mut BytesMut, head: &Parts, framing: RequestFraming, url: &BaseUrl) {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    out.reserve(size(&head.headers) + target.len() + 256);
    out.put_slice(head.method.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(target.as_bytes());
    out.put_slice(b" HTTP/1.1\r\n");
    if !head.headers.contains_key(HOST) {
        // HTTP/2 has it in the URI.
        let authority = head.uri.authority().map_or(url.authority(), |authority| authority.as_str());
        header(out, "host", authority.as_bytes());
    }
    let named = Named::of(&head.headers);
    for (name, value) in &head.headers {
        if *name == CONTENT_LENGTH || *name == EXPECT || named.excludes(name) {
            continue;
        }
        header(out, name.as_str(), value.as_bytes());
    }
    match framing {
        RequestFraming::None => {}
        RequestFraming::Length(length) => header(out, "content-length", length.to_string().as_bytes()),
        RequestFraming::Chunked => header(out, "transfer-encoding", b"chunked"),
    }
    out.put_slice(b"\r\n");
}

fn header(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// Writes trailers as the end of a chunked body. What would change how the message is read is left out (RFC 9110 §6.5.1).
pub(super) fn write_trailers(out: &mut BytesMut, trailers: &HeaderMap) {
    let named = Named::default();
    out.put_slice(b"0\r\n");
    for (name, value) in trailers {
        if *name != CONTENT_LENGTH && *name != HOST && !named.excludes(name) {
            header(out, name.as_str(), value.as_bytes());
        }
    }
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn written(request: http::request::Builder, framing: RequestFraming) -> String {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let mut out = BytesMut::new();
        write(&mut out, &head, framing, &"http://127.0.0.1:4566".parse().unwrap());
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_request_is_written_as_it_came() {
        let request = Request::put("/bucket/a%20key?x=%2F&y")
            .header("host", "bucket.s3.localhost:4566")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=a/b")
            .header("x-amz-meta-a", "one")
            .header("x-amz-meta-a", "two");
        assert_eq!(
            written(request, RequestFraming::Length(7)),
            "PUT /bucket/a%20key?x=%2F&y HTTP/1.1\r\nhost: bucket.s3.localhost:4566\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=a/b\r\nx-amz-meta-a: one\r\nx-amz-meta-a: two\r\ncontent-length: 7\r\n\r\n"
        );
    }

    // RFC 9110 §7.6.1: an intermediary must remove the header fields that Connection names, and these whether named or not.
    #[test]
    fn what_belongs_to_the_connection_is_left_out() {
        let request = Request::get("/")
            .header("host", "h")
            .header("connection", "close, X-Mine")
            .header("x-mine", "1")
            .header("keep-alive", "timeout=5")
            .header("proxy-authorization", "Basic x")
            .header("proxy-connection", "keep-alive")
            .header("te", "trailers")
            .header("trailer", "x")
            .header("transfer-encoding", "chunked")
            .header("upgrade", "h2c")
            .header("expect", "100-continue")
            .header("x-other", "2");
        assert_eq!(written(request, RequestFraming::None), "GET / HTTP/1.1\r\nhost: h\r\nx-other: 2\r\n\r\n");
    }

    #[test]
    fn connection_cannot_take_host_or_length_away() {
        let request = Request::put("/").header("connection", "host, content-length").header("host", "h");
        assert_eq!(written(request, RequestFraming::Length(0)), "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
    }

    #[test]
    fn the_authority_of_http_2_becomes_the_host() {
        let head = written(Request::get("http://bucket.s3.localhost/key"), RequestFraming::None);
        assert_eq!(head, "GET /key HTTP/1.1\r\nhost: bucket.s3.localhost\r\n\r\n");
        assert_eq!(written(Request::get("/key"), RequestFraming::None), "GET /key HTTP/1.1\r\nhost: 127.0.0.1:4566\r\n\r\n");
    }

    #[test]
    fn trailers_do_not_change_the_framing() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-amz-checksum-crc32", "AAAAAA==".parse().unwrap());
        trailers.insert("content-length", "5".parse().unwrap());
        let mut out = BytesMut::new();
        write_trailers(&mut out, &trailers);
        assert_eq!(out, "0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n");
    }
}
