//! What is not plain, and everything behind it on the same connection: hyper's.

use std::convert::Infallible;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
pub(super) use hyper_util::server::graceful::Watcher;
use kecs_core::Body;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::connection::Shared;
use super::{Answers, HEAD_BYTES, KEEP_ALIVE, STREAMS};
use crate::Limits;
use crate::gather::BoxError;

/// How hyper serves connections.
#[derive(Debug)]
pub(super) struct Protocols {
    any: auto::Builder<TokioExecutor>,
    /// Where HTTP/1.1 was spoken before.
    http1: auto::Builder<TokioExecutor>,
}

impl Protocols {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut any = auto::Builder::new(TokioExecutor::new());
        any.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read_timeout)
            .max_buf_size(HEAD_BYTES as usize)
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .keep_alive_interval(KEEP_ALIVE);
        Self { http1: any.clone().http1_only(), any }
    }
}

/// A service for the rest of a connection, and what was received and not answered of it.
#[derive(Debug)]
pub(super) struct HandedOver<S> {
    service: S,
    received: Bytes,
    /// The answer to the request that the bytes begin with, if it was asked for already.
    first: Mutex<Option<Response<Body>>>,
}

impl<S> HandedOver<S> {
    pub(super) fn new(service: S, received: Bytes, first: Option<Response<Body>>) -> Self {
        Self { service, received, first: Mutex::new(first) }
    }
}

impl<S: Answers> Service<Request<Incoming>> for HandedOver<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let service = self.service.clone();
        Box::pin(async move {
            match first {
                Some(response) => {
                    // It was answered with its body, which is there: that makes the connection free for what follows.
                    let _ = request.into_body().collect().await;
                    Ok(response)
                }
                None => Ok(service.answer(request).await),
            }
        })
    }
}

/// Lets hyper serve a connection to its end. `is_first`: nothing was answered on it, so it may speak HTTP/2.
pub(super) async fn serve<S: Answers>(
    stream: TcpStream,
    service: HandedOver<S>,
    shared: &Shared,
    is_first: bool,
    watcher: Watcher,
) -> io::Result<()> {
    let protocol = if is_first { &shared.protocols.any } else { &shared.protocols.http1 };
    let (read, write) = stream.into_split();
    let stream = tokio::io::join(Cursor::new(service.received.clone()).chain(read), write);
    let connection = protocol.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    Box::pin(watcher.watch(connection)).await.map_err(io::Error::other)
}

/// A body whose first frame was taken out already.
pub(super) fn begun_with(first: Result<Frame<Bytes>, BoxError>, rest: Body) -> Body {
    Begun { first: Some(first), rest }.boxed_unsync()
}

struct Begun {
    first: Option<Result<Frame<Bytes>, BoxError>>,
    rest: Body,
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + first);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + first);
        }
        hint
    }
}
