//! A request out, the head of its answer in, on one connection.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use kecs_core::{BackendError, ErrorKind};

use super::connection::{Connection, HeadError};
use super::pool::Pool;
use super::response_head::{NotHttp, ResponseHead};
use super::upload::{Upload, UploadError};

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: BackendError,
    /// The connection was closed without a byte of an answer, as happens to idle ones.
    pub(super) was_closed: bool,
}

/// Sends the request and waits for the head of its answer. Both happen at once: an endpoint may answer before it has the whole request, which
/// then goes on with the answer's body.
pub(super) async fn exchange(
    pool: &Pool,
    connection: &mut Connection,
    upload: &mut Upload,
    is_head: bool,
) -> Result<ResponseHead, Failure> {
    let mut exchange = Exchange { pool, connection, upload, is_head, waits_for: WaitsFor::Nothing, refused: None };
    poll_fn(|cx| exchange.poll(cx)).await
}

struct Exchange<'a> {
    pool: &'a Pool,
    connection: &'a mut Connection,
    upload: &'a mut Upload,
    is_head: bool,
    waits_for: WaitsFor,
    /// The endpoint took no more of the request. It may have said why.
    refused: Option<io::Error>,
}

/// What the timer is set for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    Nothing,
    /// That the endpoint takes more than so many bytes.
    Write(u64),
    Answer,
}

impl Exchange<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        let is_sent = self.poll_send(cx)?;
        loop {
            match self.connection.poll_head(cx) {
                Poll::Ready(Ok(bytes)) => {
                    let headers = std::mem::take(&mut self.connection.spare.headers);
                    let head = ResponseHead::parse(&bytes, self.is_head, headers).map_err(|error| self.not_http(error))?;
                    if !head.is_interim() {
                        return Poll::Ready(Ok(head));
                    }
                    if head.status == http::StatusCode::SWITCHING_PROTOCOLS {
                        return Poll::Ready(Err(self.not_http(NotHttp("it speaks another protocol, unasked"))));
                    }
                }
                Poll::Ready(Err(HeadError::TooLarge)) => {
                    return Poll::Ready(Err(self.not_http(NotHttp("its head is too large"))));
                }
                Poll::Ready(Err(HeadError::Closed(error))) => return Poll::Ready(Err(self.closed(error))),
                Poll::Pending => break,
            }
        }
        if is_sent && self.waits_for != WaitsFor::Answer {
            self.waits_for = WaitsFor::Answer;
            self.connection.set_timer(self.pool.config().response_timeout);
        }
        if self.waits_for != WaitsFor::Nothing && self.connection.poll_timer(cx).is_ready() {
            return Poll::Ready(Err(self.too_late()));
        }
        Poll::Pending
    }

    /// Whether the request needs no more sending.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<bool, Failure> {
        if self.upload.is_done() || self.refused.is_some() {
            return Ok(true);
        }
        match self.upload.poll_send(cx, self.connection) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(UploadError::Write(error))) => {
                self.refused = Some(error);
                Ok(true)
            }
            Poll::Ready(Err(UploadError::Request(error))) => Err(Failure { error, was_closed: false }),
            Poll::Pending => {
                // It is the endpoint's turn when there is something to write, else the client's, who may take its time.
                let stalled = WaitsFor::Write(self.upload.written());
                if self.upload.is_written() {
                    self.waits_for = WaitsFor::Nothing;
                } else if self.waits_for != stalled {
                    self.waits_for = stalled;
                    self.connection.set_timer(self.pool.config().write_timeout);
                }
                Ok(false)
            }
        }
    }

    fn not_http(&self, error: NotHttp) -> Failure {
        let text = format!("{} answered with something that is not HTTP", self.pool.url());
        Failure { error: BackendError::new(ErrorKind::Internal, text).with_source(error), was_closed: false }
    }

    fn closed(&mut self, error: Option<io::Error>) -> Failure {
        let text = format!("{} closed the connection without an answer", self.pool.url());
        let cause = self.refused.take().or(error).unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
        let error = BackendError::new(ErrorKind::Unavailable, text).with_source(cause);
        Failure { error, was_closed: self.connection.received.is_empty() }
    }

    fn too_late(&self) -> Failure {
        let (url, config) = (self.pool.url(), self.pool.config());
        let text = match self.waits_for {
            WaitsFor::Write(_) => format!("{url} took no more of the request for {:?}", config.write_timeout),
            _ => format!("{url} did not answer within {:?}", config.response_timeout),
        };
        Failure { error: BackendError::new(ErrorKind::Timeout, text), was_closed: false }
    }
}
