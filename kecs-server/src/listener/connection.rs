//! One connection: plain requests are read and answered here, and with the first that is not plain it is hyper's.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::header::HeaderMap;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Body as HttpBody;
use kecs_core::Body;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_util::io::poll_read_buf;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Answers;
use super::date::Date;
use super::handed_over::{self, HandedOver, Protocols};
use super::request;
use super::response::{To, write_head};
use super::turn::after_the_others;

/// Room for a read. SDKs' heads with credentials have 1 to 2 KiB.
const READ: usize = 4 * 1024;
/// The longest body that is copied behind its head, so that both are one buffer; a longer one is written from where it is.
const COPIED: usize = 4 * 1024;
/// What a connection may keep in memory for its next answer.
const KEPT: usize = 16 * 1024;

/// What connections of one listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) protocols: Protocols,
    pub(super) patience: Duration,
    pub(super) stop: CancellationToken,
}

/// Serves a connection to its end.
pub(super) async fn serve<S: Answers>(
    stream: TcpStream,
    service: S,
    shared: &Shared,
    watcher: handed_over::Watcher,
) -> io::Result<()> {
    let mut connection = Connection::new(stream, shared);
    let mut is_first = true;
    loop {
        let received = match connection.receive().await? {
            Received::Bytes(received) => received,
            Received::End => return connection.end().await,
        };
        let Some(taken) = request::take(&received, std::mem::take(&mut connection.headers)) else {
            let handed = HandedOver::new(service, received, None);
            return handed_over::serve(connection.stream, handed, shared, is_first, watcher).await;
        };
        is_first = false;
        // What came behind it is for the next turn.
        connection.received.extend_from_slice(&received[taken.length..]);
        let is_head = taken.request.method() == Method::HEAD;
        // Whoever answers may write to somebody, too.
        after_the_others().await;
        let Some(response) = connection.answer(&service, taken.request).await else { return Ok(()) };
        let closes = shared.stop.is_cancelled();
        match connection.respond(response, To { is_head, closes }).await? {
            None if closes => return connection.end().await,
            None => {}
            Some(response) => {
                let unread = connection.received.split().freeze();
                let replayed = if unread.is_empty() { received } else { [&received[..taken.length], &unread[..]].concat().into() };
                let handed = HandedOver::new(service, replayed, Some(response));
                return handed_over::serve(connection.stream, handed, shared, false, watcher).await;
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    /// What was read and is not answered yet.
    received: BytesMut,
    out: Vec<u8>,
    /// An empty map, for its memory.
    headers: HeaderMap,
    date: Date,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
}

/// What there is to answer.
enum Received {
    Bytes(Bytes),
    /// Nothing, and nothing is to be waited for: the peer is gone or silent for too long, or the server stops.
    End,
}

impl Connection {
    fn new(stream: TcpStream, shared: &Shared) -> Self {
        Self {
            stream,
            received: BytesMut::new(),
            out: Vec::new(),
            headers: HeaderMap::new(),
            date: Date::default(),
            stop: Box::pin(shared.stop.clone().cancelled_owned()),
            patience: shared.patience,
            timer: Box::pin(tokio::time::sleep(shared.patience)),
        }
    }

    /// Waits for bytes, if there are none.
    async fn receive(&mut self) -> io::Result<Received> {
        if self.received.is_empty() {
            let until = Instant::now() + self.patience;
            if !poll_fn(|cx| self.poll_receive(cx, until)).await? {
                return Ok(Received::End);
            }
        }
        Ok(Received::Bytes(self.received.split().freeze()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<io::Result<bool>> {
        if let Poll::Ready(read) = self.poll_read(cx) {
            return Poll::Ready(read.map(|length| length > 0));
        }
        if self.stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(false));
        }
        // The timer is set anew only when it rings: nearly always it rings for a request that was answered long ago.
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= until {
                return Poll::Ready(Ok(false));
            }
            self.timer.as_mut().reset(until);
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.received.capacity() - self.received.len() < READ / 2 {
            self.received.reserve(READ);
        }
        poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.received)
    }

    /// Has a request answered; `None` when the client is gone meanwhile, which nobody has to answer.
    async fn answer(&mut self, service: &impl Answers, request: Request<Full<Bytes>>) -> Option<Response<Body>> {
        let mut answer = pin!(service.answer(request));
        poll_fn(|cx| {
            if let Poll::Ready(response) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(response));
            }
            // With the next request there, the end of the connection lies behind it.
            // Asked first, so that the buffer is left to the request, whose it still is, unless there is something to read.
            if self.received.is_empty()
                && self.stream.poll_read_ready(cx).is_ready()
                && let Poll::Ready(read) = self.poll_read(cx)
                && !read.is_ok_and(|length| length > 0)
            {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// Writes an answer, or gives it back if it is not plain or not whole.
    async fn respond(&mut self, response: Response<Body>, to: To) -> io::Result<Option<Response<Body>>> {
        let (mut head, body) = response.into_parts();
        let body = match whole(body) {
            Ok(body) => body,
            Err(body) => return Ok(Some(Response::from_parts(head, body))),
        };
        self.out.clear();
        if !write_head(&mut self.out, &head, &body, to, &mut self.date) {
            return Ok(Some(Response::from_parts(head, crate::reply::full(body))));
        }
        after_the_others().await;
        if body.len() <= COPIED {
            self.out.extend_from_slice(&body);
            self.stream.write_all(&self.out).await?;
        } else {
            self.stream.write_all_buf(&mut (&self.out[..]).chain(body)).await?;
        }
        self.out.shrink_to(KEPT);
        head.headers.clear();
        self.headers = head.headers;
        Ok(None)
    }

    async fn end(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// The whole body if it is there, else the body. Nothing is waited for.
fn whole(mut body: Body) -> Result<Bytes, Body> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let Some(length) = body.size_hint().exact() else { return Err(body) };
    let mut cx = Context::from_waker(std::task::Waker::noop());
    // Whoever polls it next is woken instead.
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) if data.len() as u64 == length && body.is_end_stream() => Ok(data),
            Ok(data) => Err(handed_over::begun_with(Ok(hyper::body::Frame::data(data)), body)),
            Err(frame) => Err(handed_over::begun_with(Ok(frame), body)),
        },
        Poll::Ready(Some(Err(error))) => Err(handed_over::begun_with(Err(error), body)),
        Poll::Ready(None) | Poll::Pending => Err(body),
    }
}
