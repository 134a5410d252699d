//! An answer that is written as it is.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::response::Parts;
use http::{StatusCode, Version};

use super::date::Date;

/// What an answer is to.
#[derive(Clone, Copy, Debug)]
pub(super) struct To {
    /// The request was a `HEAD`, whose answer has no body.
    pub(super) is_head: bool,
    /// The connection ends after the answer.
    pub(super) closes: bool,
}

/// Writes the head of an answer with this body, in the form that hyper's server gives it. If there is more to it than that (a length that is not the
/// body's, codings, a body where there is none), nothing is written and `false` returned: hyper decides what becomes of it.
pub(super) fn write_head(out: &mut Vec<u8>, head: &Parts, body: &Bytes, to: To, date: &mut Date) -> bool {
    let begin = out.len();
    let written = try_write_head(out, head, body, to, date).is_some();
    if !written {
        out.truncate(begin);
    }
    written
}

fn try_write_head(out: &mut Vec<u8>, head: &Parts, body: &Bytes, to: To, date: &mut Date) -> Option<()> {
    let has_body = !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    // An answer may carry a reason phrase of its own in its extensions.
    if head.version != Version::HTTP_11 || head.status.is_informational() || !head.extensions.is_empty() {
        return None;
    }
    if !body.is_empty() && (to.is_head || !has_body) {
        return None;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.status.canonical_reason().unwrap_or("<none>").as_bytes());
    out.extend_from_slice(b"\r\n");
    let (mut has_length, mut has_date) = (false, false);
    for (name, value) in &head.headers {
        match *name {
            CONNECTION | TRANSFER_ENCODING | TRAILER | UPGRADE => return None,
            CONTENT_LENGTH if has_length || !has_body => return None,
            CONTENT_LENGTH => {
                if !to.is_head && !is_length(value.as_bytes(), body.len()) {
                    return None;
                }
                // That there is nothing is said at the end.
                if !to.is_head && body.is_empty() {
                    continue;
                }
                has_length = true;
            }
            DATE => has_date = true,
            _ => {}
        }
        line(out, name.as_str(), value.as_bytes());
    }
    if to.closes {
        line(out, "connection", b"close");
    }
    if !has_length && has_body && !to.is_head {
        line(out, "content-length", body.len().to_string().as_bytes());
    }
    if !has_date {
        line(out, "date", date.now());
    }
    out.extend_from_slice(b"\r\n");
    Some(())
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn is_length(value: &[u8], length: usize) -> bool {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) == Some(length)
}

#[cfg(test)]
mod tests;
