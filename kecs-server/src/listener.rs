//! Connections of one listener: HTTP/1.1 and HTTP/2 without TLS, bounded, ended gracefully.

mod connection;
mod date;
mod handed_over;
mod request;
mod response;
mod turn;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body as HttpBody;
use hyper_util::server::graceful::GracefulShutdown;
use kecs_core::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Limits;
use crate::gather::BoxError;
use connection::Shared;
use handed_over::Protocols;
#[doc(hidden)]
pub use request::fuzz;

/// Requests of one HTTP/2 connection in hand at a time.
const STREAMS: u32 = 128;
/// How often a silent HTTP/2 connection is asked whether its peer is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The largest head of an HTTP/2 request, and the read buffer of HTTP/1.1, which bounds its heads. A presigned URL with a session token
/// and SDK headers stays below 8 KiB. It is how much of a body is read and written at once, too: larger is slower (benches/proxy).
const HEAD_BYTES: u32 = 32 * 1024;
/// How long accepting rests when the machine is out of something, usually file descriptors.
const REST: Duration = Duration::from_millis(50);

/// What a listener serves.
pub(crate) trait Served: Send + Sync + 'static {
    /// What answers the requests of one connection.
    type Service: Answers;

    /// The service for a connection from `peer`, which was just accepted.
    fn connected(&self, peer: SocketAddr) -> Self::Service;

    fn limits(&self) -> Limits;
}

/// Answers requests, of whichever server.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// Answers one request. Dropping the future gives it up.
    fn answer<B>(&self, request: Request<B>) -> impl Future<Output = Response<Body>> + Send
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>;
}

/// A listener at work. Dropping it stops accepting and lets open requests finish, without waiting for them.
#[derive(Debug)]
pub(crate) struct Listening {
    stop: DropGuard,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Begins to accept. Must be called in a tokio runtime with I/O and time.
    pub(crate) fn start(listener: TcpListener, served: impl Served) -> Self {
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, served, stop.clone()));
        Self { stop: stop.drop_guard(), accepting }
    }

    /// Stops accepting, waits for the requests in hand, at most [`Limits::shutdown_grace`], and closes all connections.
    pub(crate) async fn end(self) {
        drop(self.stop);
        // An error is a panic of the accept loop, which tokio has reported, or a runtime that ends: closed is closed.
        let _ = self.accepting.await;
    }
}

async fn accept(listener: TcpListener, served: impl Served, stop: CancellationToken) {
    let limits = served.limits();
    let shared = Arc::new(Shared { protocols: Protocols::new(&limits), patience: limits.header_read_timeout, stop: stop.clone() });
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        // Ended connections are taken out as new ones come, so that the set does not grow.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                prepare(&stream);
                let (service, shared, watcher) = (served.connected(peer), Arc::clone(&shared), graceful.watcher());
                connections.spawn(async move {
                    if let Err(error) = connection::serve(stream, service, &shared, watcher).await {
                        tracing::debug!(%peer, error = %error, "a connection ended early");
                    }
                    drop(slot);
                });
            }
            Err(error) => rest(&error).await,
        }
    }
    // New connections are refused from here on, not left to wait.
    drop(listener);
    if tokio::time::timeout(limits.shutdown_grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(open = connections.len(), "closing connections whose requests did not finish in time");
    }
    connections.shutdown().await;
}

/// Small answers must not wait for the client's acknowledgement of the previous ones.
fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
}

/// A connection that broke before it was accepted concerns nobody else; anything else is a shortage, which needs time to pass.
async fn rest(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "cannot accept connections");
    tokio::time::sleep(REST).await;
}

#[cfg(test)]
mod tests;
