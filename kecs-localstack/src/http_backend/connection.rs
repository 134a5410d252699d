//! One connection to the endpoint.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use kecs_core::{BackendError, ErrorKind};
use memchr::memmem;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_util::io::poll_read_buf;
use zeroize::Zeroize;

use super::pool::Pool;

/// The largest head of an answer.
const HEAD_BYTES: usize = 64 * 1024;
/// Room for a read where little is expected.
const SMALL_READ: usize = 8 * 1024;
/// Room for a read where a large body is expected. A read buffer of each call. No larger than what the gateway's listener writes at once, which else waits for
/// a second read before it writes: benches/proxy shows that as a third less throughput with bodies of 1 MiB.
const LARGE_READ: usize = 32 * 1024;

/// What a call leaves to the next one of its connection. All of it is empty, and kept for its memory.
#[derive(Default)]
pub(super) struct Spare {
    /// What a request is written into.
    pub(super) out: BytesMut,
    /// What the headers of an answer are put into.
    pub(super) headers: HeaderMap,
}

impl fmt::Debug for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spare(..)")
    }
}

/// A connection that nobody else writes to or reads from.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// What was read and not understood yet.
    pub(super) received: BytesMut,
    /// Whether that is secret: then nothing of it is left when the connection is let go of, whatever the reason.
    pub(super) is_secret: bool,
    pub(super) spare: Spare,
    /// One timer for all calls of the connection. It may ring for an earlier one, and is then set for this one: nearly always the answer is there
    /// before, and to set it for each call costs more than all that the call itself asks of the runtime.
    timer: Pin<Box<Sleep>>,
    /// When it is time.
    until: Instant,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(pool: &Pool) -> Result<Self, BackendError> {
        let (url, patience) = (pool.url(), pool.config().connect_timeout);
        let connecting = async {
            match url.host().parse::<IpAddr>() {
                Ok(address) => TcpStream::connect((address, url.port())).await,
                Err(_) => TcpStream::connect((url.host(), url.port())).await,
            }
        };
        let stream = match tokio::time::timeout(patience, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(BackendError::new(ErrorKind::Unavailable, format!("{url} cannot be reached")).with_source(error));
            }
            Err(_) => {
                let text = format!("{url} did not accept a connection within {patience:?}");
                return Err(BackendError::new(ErrorKind::Timeout, text));
            }
        };
        // A request is one write, and must not wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let timer = Box::pin(tokio::time::sleep(Duration::MAX));
        let (received, spare) = (BytesMut::new(), Spare::default());
        Ok(Self { stream, received, is_secret: false, spare, until: timer.deadline(), timer })
    }

    /// Whether an idle connection can take a call: the endpoint has neither closed it nor said anything unasked. Asks the kernel only when the
    /// runtime has heard of something.
    pub(super) fn is_usable(&self) -> bool {
        let nothing = self.stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        nothing && self.received.is_empty()
    }

    /// Sets the timer that [`poll_timer`](Self::poll_timer) waits for.
    pub(super) fn set_timer(&mut self, after: Duration) {
        let now = Instant::now();
        self.until = now.checked_add(after).unwrap_or(now + Duration::from_hours(24));
        if self.timer.deadline() > self.until {
            self.timer.as_mut().reset(self.until);
        }
    }

    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= self.until {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.until);
        }
    }

    /// Writes some of `parts`, as one system call.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, parts: [&[u8]; 3]) -> Poll<io::Result<usize>> {
        let slices = parts.map(IoSlice::new);
        let full = slices.iter().filter(|slice| !slice.is_empty()).count();
        let written = match parts.iter().find(|part| !part.is_empty()) {
            Some(part) if full == 1 => Pin::new(&mut self.stream).poll_write(cx, part),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, &slices),
        };
        match ready!(written) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => Poll::Ready(written),
        }
    }

    /// Reads until an answer's head is there, and takes it out of `received`.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, HeadError>> {
        let mut searched = 0;
        loop {
            if let Some(end) = memmem::find(&self.received[searched..], b"\r\n\r\n") {
                return Poll::Ready(Ok(self.received.split_to(searched + end + 4).freeze()));
            }
            if self.received.len() > HEAD_BYTES {
                return Poll::Ready(Err(HeadError::TooLarge));
            }
            // The end may lie across two reads.
            searched = self.received.len().saturating_sub(3);
            match ready!(self.poll_receive(cx, 0)) {
                Ok(0) => return Poll::Ready(Err(HeadError::Closed(None))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(HeadError::Closed(Some(error)))),
            }
        }
    }

    /// Reads once, into `received`; `expected` is how much will come, as far as that is known. `Ok(0)` is the end.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>, expected: u64) -> Poll<io::Result<usize>> {
        let room = if expected > SMALL_READ as u64 { LARGE_READ } else { SMALL_READ };
        if self.received.capacity() - self.received.len() < room / 4 {
            self.received.reserve(room);
        }
        poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.received)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_secret {
            self.received.as_mut().zeroize();
        }
    }
}

/// Why there is no head.
#[derive(Debug)]
pub(super) enum HeadError {
    /// The connection ended, by an error if there is one.
    Closed(Option<io::Error>),
    /// It is larger than any answer's.
    TooLarge,
}
