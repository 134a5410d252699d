//! A request on its way to the endpoint.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Method, Request};
use http_body::Body as HttpBody;
use kecs_core::{BackendError, Body, ErrorKind};

use super::connection::{Connection, Spare};
use super::request_head::{self, RequestFraming};
use super::{BaseUrl, SecretAnswer};

/// For how many headers an idle connection keeps memory.
const KEPT_HEADERS: usize = 64;

/// A request that is being written. The head goes out together with the first frame of the body.
pub(super) struct Upload {
    head: Parts,
    body: Body,
    framing: RequestFraming,
    /// What is yet to come of a body of known length.
    remaining: u64,
    /// The body was read to its end.
    is_read: bool,
    /// The body was asked once in vain, and gets one more chance before the head goes out alone.
    has_waited: bool,
    /// How many bytes the endpoint took.
    written: u64,
    /// To be written next, in this order: heads and sizes of chunks, the body's own bytes, the end of a chunk.
    prefix: BytesMut,
    data: Bytes,
    suffix: &'static [u8],
}

/// Why a request could not be written.
#[derive(Debug)]
pub(super) enum UploadError {
    /// The endpoint does not take it. There may be an answer all the same.
    Write(io::Error),
    /// The request itself ends early, or is longer than it said.
    Request(BackendError),
}

impl Upload {
    /// `prefix` is empty, and given for its memory.
    pub(super) fn new(request: Request<Body>, url: &BaseUrl, mut prefix: BytesMut) -> Result<Self, BackendError> {
        let (head, body) = request.into_parts();
        if head.method == Method::CONNECT {
            return Err(BackendError::new(ErrorKind::Invalid, "no AWS service has the method CONNECT"));
        }
        let framing = RequestFraming::of(&head, &body);
        let remaining = if let RequestFraming::Length(length) = framing { length } else { 0 };
        let is_read = matches!(framing, RequestFraming::None | RequestFraming::Length(0));
        request_head::write(&mut prefix, &head, framing, url);
        Ok(Self { head, body, framing, remaining, is_read, has_waited: false, written: 0, prefix, data: Bytes::new(), suffix: b"" })
    }

    /// Whether the whole request was written.
    pub(super) fn is_done(&self) -> bool {
        self.is_read && self.is_written()
    }

    /// Whether whoever asks wants no copy of the answer to be left.
    pub(super) fn answer_is_secret(&self) -> bool {
        self.head.extensions.get::<SecretAnswer>().is_some()
    }

    /// What is of use to another request, when all is written.
    pub(super) fn into_spare(self) -> Spare {
        let mut headers = self.head.headers;
        headers.clear();
        if headers.capacity() > KEPT_HEADERS {
            headers = HeaderMap::new();
        }
        Spare { out: self.prefix, headers }
    }

    /// Whether the endpoint cannot have acted on the request, or it does not matter if it did.
    pub(super) fn may_be_repeated(&self) -> bool {
        let is_safe = matches!(self.head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        self.written == 0 || (is_safe && matches!(self.framing, RequestFraming::None))
    }

    /// Goes back to the beginning, which is only possible when it [may be repeated](Self::may_be_repeated).
    pub(super) fn start_over(&mut self, url: &BaseUrl) {
        if self.written > 0 {
            self.written = 0;
            self.prefix.clear();
            request_head::write(&mut self.prefix, &self.head, self.framing, url);
        }
    }

    /// Writes until all is written. Back-pressure is the endpoint's: the body is asked for more only when what it gave is written.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, connection: &mut Connection) -> Poll<Result<(), UploadError>> {
        loop {
            if !self.is_read && self.data.is_empty() && self.suffix.is_empty() {
                match Pin::new(&mut self.body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => self.take_data(data)?,
                        Err(frame) => self.take_trailers(frame.trailers_ref()),
                    },
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken_off(Some(error)))),
                    Poll::Ready(None) => self.take_end()?,
                    Poll::Pending if self.prefix.is_empty() => return Poll::Pending,
                    // A server that has the first bytes of the body already hands them over only now that it was asked. Then head and body are one
                    // write. A client that waits for an answer before it sends more is not waited for.
                    Poll::Pending if !self.has_waited => {
                        self.has_waited = true;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Pending => {}
                }
            }
            if self.is_written() {
                if self.is_read {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let parts = [&self.prefix[..], &self.data[..], self.suffix];
            let written = std::task::ready!(connection.poll_write(cx, parts)).map_err(UploadError::Write)?;
            self.written += written as u64;
            self.advance(written);
        }
    }

    /// Whether all that is known of the request was written.
    pub(super) fn is_written(&self) -> bool {
        self.prefix.is_empty() && self.data.is_empty() && self.suffix.is_empty()
    }

    /// How many bytes the endpoint took so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    fn advance(&mut self, mut written: usize) {
        let mut of = |length: usize| {
            let part = written.min(length);
            written -= part;
            part
        };
        let (prefix, data, suffix) = (of(self.prefix.len()), of(self.data.len()), of(self.suffix.len()));
        self.prefix.advance(prefix);
        self.data.advance(data);
        self.suffix = &self.suffix[suffix..];
    }

    fn take_data(&mut self, data: Bytes) -> Result<(), UploadError> {
        if data.is_empty() {
            return Ok(());
        }
        if self.framing == RequestFraming::Chunked {
            self.prefix.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
            self.suffix = b"\r\n";
        } else {
            self.remaining = self.remaining.checked_sub(data.len() as u64).ok_or_else(|| broken_off(None))?;
            // A body that says that it is at its end has nothing more to tell; one that does not may still fail.
            self.is_read = self.remaining == 0 && self.body.is_end_stream();
        }
        self.data = data;
        Ok(())
    }

    fn take_trailers(&mut self, trailers: Option<&http::HeaderMap>) {
        if let (RequestFraming::Chunked, Some(trailers)) = (self.framing, trailers) {
            request_head::write_trailers(&mut self.prefix, trailers);
            self.is_read = true;
        }
    }

    fn take_end(&mut self) -> Result<(), UploadError> {
        self.is_read = true;
        if self.framing == RequestFraming::Chunked {
            self.prefix.put_slice(b"0\r\n\r\n");
        } else if self.remaining > 0 {
            return Err(broken_off(None));
        }
        Ok(())
    }
}

fn broken_off(source: Option<Box<dyn StdError + Send + Sync>>) -> UploadError {
    let (text, source) = match source {
        Some(source) => ("the request's body broke off", source),
        None => ("the request's body is not as long as it says", "its length is not its content-length".into()),
    };
    UploadError::Request(BackendError::new(ErrorKind::Invalid, text).with_source(source))
}
