//! The body of an answer, as it comes.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use kecs_core::Body;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use super::chunked::{Chunked, Step};
use super::connection::Connection;
use super::pool::Pool;
use super::response_head::{NotHttp, ResponseFraming, ResponseHead};
use super::upload::Upload;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Streams an answer's body from its connection, and gives the connection back at the end.
pub(super) struct ResponseBody {
    /// Until the end.
    open: Option<Open>,
    framing: Framing,
    keeps_alive: bool,
    pool: Arc<Pool>,
}

struct Open {
    connection: Connection,
    /// What the endpoint had not taken of the request when it began to answer.
    upload: Option<Upload>,
}

enum Framing {
    Length(u64),
    Chunked(Chunked),
    UntilClosed,
}

/// An answer that cannot be read to its end. Whoever passes the body on must break off too.
#[derive(Debug, Error)]
enum BodyError {
    #[error("the endpoint closed the connection in the middle of its answer")]
    BrokenOff(#[source] Option<io::Error>),
    #[error("the body of the answer is not HTTP")]
    NotHttp(#[source] NotHttp),
}

/// What was read of a body, for whoever reads the body. It shares the memory of the connection's buffer, unless it is secret: then it moves to memory
/// that is wiped when nobody needs it any more.
fn handed_on(mut data: BytesMut, is_secret: bool) -> Bytes {
    if !is_secret {
        return data.freeze();
    }
    let moved = Zeroizing::new(data.to_vec());
    data.as_mut().zeroize();
    Bytes::from_owner(moved)
}

impl ResponseBody {
    /// The answer, with the body to come. A body that is there already gives the connection back at once.
    pub(super) fn respond(head: ResponseHead, mut connection: Connection, upload: Upload, pool: &Arc<Pool>) -> Response<Body> {
        let is_sent = upload.is_done();
        let body = match head.framing {
            ResponseFraming::Length(length) if is_sent && length <= connection.received.len() as u64 => {
                let length = usize::try_from(length).expect("it is within a buffer");
                let bytes = handed_on(connection.received.split_to(length), connection.is_secret);
                // Bytes beyond the answer are nobody's: then the connection is not to be trusted.
                if head.keeps_alive && connection.received.is_empty() {
                    connection.spare = upload.into_spare();
                    pool.put(connection);
                }
                Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
            }
            framing => {
                let framing = match framing {
                    ResponseFraming::Length(length) => Framing::Length(length),
                    ResponseFraming::Chunked => Framing::Chunked(Chunked::default()),
                    ResponseFraming::UntilClosed => Framing::UntilClosed,
                };
                let open = Some(Open { connection, upload: (!is_sent).then_some(upload) });
                Self { open, framing, keeps_alive: head.keeps_alive, pool: Arc::clone(pool) }.boxed_unsync()
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        response
    }

    /// The end was reached: the connection is free, if it is in order.
    fn finish(&mut self) {
        let Some(Open { connection, upload }) = self.open.take() else { return };
        if self.keeps_alive && upload.is_none() && connection.received.is_empty() {
            self.pool.put(connection);
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        let Some(open) = &mut self.open else { return Poll::Ready(Ok(None)) };
        if let Some(upload) = &mut open.upload {
            // An endpoint that answers early often takes no more. What it answers counts.
            match upload.poll_send(cx, &mut open.connection) {
                Poll::Ready(Ok(())) => open.upload = None,
                Poll::Ready(Err(_)) => {
                    open.upload = None;
                    self.keeps_alive = false;
                }
                Poll::Pending => {}
            }
        }
        let connection = &mut open.connection;
        loop {
            let expected = match &mut self.framing {
                Framing::Length(0) => {
                    self.finish();
                    return Poll::Ready(Ok(None));
                }
                Framing::Length(left) => {
                    if !connection.received.is_empty() {
                        let here = usize::try_from(*left).unwrap_or(usize::MAX).min(connection.received.len());
                        *left -= here as u64;
                        let data = handed_on(connection.received.split_to(here), connection.is_secret);
                        // At once: whoever reads the body need not ask again after its last byte.
                        if *left == 0 {
                            self.finish();
                        }
                        return Poll::Ready(Ok(Some(Frame::data(data))));
                    }
                    *left
                }
                Framing::Chunked(state) => {
                    match state.step(&mut connection.received).map_err(BodyError::NotHttp)? {
                        Step::Data(data) => return Poll::Ready(Ok(Some(Frame::data(handed_on(data, connection.is_secret))))),
                        Step::End(trailers) => {
                            self.finish();
                            let frame = (!trailers.is_empty()).then(|| Frame::trailers(trailers));
                            return Poll::Ready(Ok(frame));
                        }
                        Step::More => {}
                    }
                    if let Chunked::Data(left) = state { *left } else { 0 }
                }
                Framing::UntilClosed => {
                    if !connection.received.is_empty() {
                        let data = handed_on(connection.received.split(), connection.is_secret);
                        return Poll::Ready(Ok(Some(Frame::data(data))));
                    }
                    u64::MAX
                }
            };
            match ready!(connection.poll_receive(cx, expected)) {
                Ok(0) if matches!(self.framing, Framing::UntilClosed) => {
                    self.open = None;
                    return Poll::Ready(Ok(None));
                }
                Ok(0) => return Poll::Ready(Err(BodyError::BrokenOff(None))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(BodyError::BrokenOff(Some(error)))),
            }
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = ready!(self.poll_data(cx));
        if polled.is_err() {
            self.open = None;
        }
        Poll::Ready(polled.map_err(Into::into).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none() || matches!(self.framing, Framing::Length(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length(left) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}
