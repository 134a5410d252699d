//! The head of an answer: understood, and stripped of what belongs to the connection.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};

use super::hop_by_hop::{Named, is_hop_by_hop};

/// More headers than any answer has.
const HEADERS: usize = 128;

/// What an answer says before its body.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) framing: ResponseFraming,
    /// Whether the connection may carry another call.
    pub(super) keeps_alive: bool,
}

/// Where an answer's body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseFraming {
    Length(u64),
    Chunked,
    /// Where the connection ends. Whether it is whole, nobody can tell.
    UntilClosed,
}

/// An answer that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotHttp(pub(super) &'static str);

impl ResponseHead {
    /// Reads a whole head. `is_head`: the request was a `HEAD`, whose answers have no body whatever they say.
    ///
    /// Values are not copied; they share the buffer that was read into. `headers` is empty, and given for its memory.
    pub(super) fn parse(bytes: &Bytes, is_head: bool, mut headers: HeaderMap) -> Result<Self, NotHttp> {
        let mut slots = [const { MaybeUninit::uninit() }; HEADERS];
        let mut parsed = httparse::Response::new(&mut []);
        let outcome = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut slots);
        if !outcome.is_ok_and(|status| status.is_complete()) {
            return Err(NotHttp("its head is not HTTP/1.1"));
        }
        let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(NotHttp("it has no status"))?;
        let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };

        let mut connection = Named::default();
        let mut says = Says::default();
        for header in parsed.headers.iter() {
            if header.name.eq_ignore_ascii_case("connection") {
                connection.add(header.value);
                says.connection(header.value);
            }
        }
        headers.reserve(parsed.headers.len());
        for header in parsed.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| NotHttp("a header's name is not one"))?;
            if name == CONTENT_LENGTH {
                says.length(header.value)?;
            } else if name == http::header::TRANSFER_ENCODING {
                says.coding(header.value);
            }
            if is_hop_by_hop(name.as_str()) || connection.holds(name.as_str()) {
                continue;
            }
            let value =
                HeaderValue::from_maybe_shared(bytes.slice_ref(header.value)).map_err(|_| NotHttp("a header is not text"))?;
            headers.append(name, value);
        }
        let framing = says.framing(status, is_head);
        // With both, only the coding counts, and the connection is not trusted again (RFC 9112 §6.1).
        let is_ambiguous = says.is_coded && says.length.is_some();
        if says.is_coded {
            headers.remove(CONTENT_LENGTH);
        }
        let keeps_alive = match version {
            Version::HTTP_10 => says.keep_alive && !says.close,
            _ => !says.close,
        };
        let keeps_alive = keeps_alive && !is_ambiguous && framing != ResponseFraming::UntilClosed;
        Ok(Self { status, headers, framing, keeps_alive })
    }

    /// `100 Continue` and its like: the answer is yet to come.
    pub(super) fn is_interim(&self) -> bool {
        self.status.is_informational()
    }
}

/// What the headers say about the body and the connection.
#[derive(Debug, Default)]
struct Says {
    length: Option<u64>,
    is_coded: bool,
    ends_chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Says {
    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// Digits only: `parse` would take a sign. The same length may be said twice, two lengths may not.
    fn length(&mut self, value: &[u8]) -> Result<(), NotHttp> {
        const WRONG: NotHttp = NotHttp("its content-length is not a length");
        for part in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let digits = std::str::from_utf8(part).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|digits| digits.parse().ok()).ok_or(WRONG)?;
            if self.length.is_some_and(|said| said != length) {
                return Err(NotHttp("it has two lengths"));
            }
            self.length = Some(length);
        }
        Ok(())
    }

    fn coding(&mut self, value: &[u8]) {
        self.is_coded = true;
        let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        self.ends_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
    }

    fn framing(&self, status: StatusCode, is_head: bool) -> ResponseFraming {
        if is_head || status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return ResponseFraming::Length(0);
        }
        match (self.is_coded, self.length) {
            (true, _) if self.ends_chunked => ResponseFraming::Chunked,
            (false, Some(length)) => ResponseFraming::Length(length),
            _ => ResponseFraming::UntilClosed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<ResponseHead, NotHttp> {
        ResponseHead::parse(&Bytes::from(head.to_owned()), false, HeaderMap::new())
    }

    fn framing(headers: &str) -> (ResponseFraming, bool) {
        let head = parse(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).unwrap();
        (head.framing, head.keeps_alive)
    }

    // RFC 9112 §6.3, its rules in order.
    #[test]
    fn the_end_of_a_body_is_found_as_http_says() {
        use ResponseFraming::{Chunked, Length, UntilClosed};
        assert_eq!(framing("Content-Length: 12\r\n"), (Length(12), true));
        assert_eq!(framing("Content-Length: 12, 12\r\n"), (Length(12), true));
        assert_eq!(framing("Transfer-Encoding: gzip, Chunked\r\n"), (Chunked, true));
        assert_eq!(framing("Transfer-Encoding: chunked\r\nContent-Length: 12\r\n"), (Chunked, false));
        assert_eq!(framing("Transfer-Encoding: gzip\r\n"), (UntilClosed, false));
        assert_eq!(framing(""), (UntilClosed, false));
        for head in ["HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n"] {
            assert_eq!(parse(head).unwrap().framing, Length(0));
        }
    }

    #[test]
    fn an_answer_to_head_has_no_body_and_keeps_its_length() {
        let head =
            ResponseHead::parse(&Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), true, HeaderMap::new())
                .unwrap();
        assert_eq!((head.framing, &head.headers[CONTENT_LENGTH]), (ResponseFraming::Length(0), &HeaderValue::from_static("5")));
    }

    #[test]
    fn a_connection_is_kept_as_its_version_says() {
        let kept = |head: &str| parse(head).unwrap().keeps_alive;
        assert!(kept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(!kept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n"));
        assert!(!kept("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(kept("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn what_belongs_to_the_connection_is_left_out() {
        let head = parse(
            "HTTP/1.1 200 OK\r\nx-mine: 1\r\nConnection: X-Mine\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\
             Content-Length: 3\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
        );
        let headers = head.unwrap().headers;
        let left: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(left, [("set-cookie", &b"a"[..]), ("set-cookie", b"b")]);
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for head in [
            "SSH-2.0-OpenSSH_9.6\r\n\r\n",
            "HTTP/1.1 9 X\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ] {
            assert!(parse(head).is_err(), "{head:?}");
        }
    }
}
