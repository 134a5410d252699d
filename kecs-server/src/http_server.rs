//! A listener in front of an [`Endpoint`]: HTTP/1.1 and HTTP/2 without TLS, bounded connections, graceful shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Endpoint, EndpointConfig, Limits, StartError};

/// Requests of one HTTP/2 connection in hand at a time.
const STREAMS: u32 = 128;
/// How often a silent HTTP/2 connection is asked whether its peer is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The largest head of an HTTP/2 request, and the read buffer of HTTP/1.1, which bounds its heads. A presigned URL with a session token
/// and SDK headers stays below 8 KiB.
const HEAD_BYTES: u32 = 64 * 1024;
/// How long accepting rests when the machine is out of something, usually file descriptors.
const REST: Duration = Duration::from_millis(50);

/// A server that is listening. Dropping it stops accepting and lets open requests finish, without waiting for them.
#[derive(Debug)]
pub struct HttpServer {
    endpoint: Endpoint,
    local_addr: SocketAddr,
    stop: DropGuard,
    accepting: JoinHandle<()>,
}

/// An address that is bound and not served yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Bound {
    /// Begins to serve. The address that is bound becomes a host that is accepted.
    pub fn serve(self, mut config: EndpointConfig) -> HttpServer {
        let Self { listener, local_addr } = self;
        config.hosts = config.hosts.listening_on(local_addr);
        let endpoint = Endpoint::new(config);
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, endpoint.clone(), stop.clone()));
        HttpServer { endpoint, local_addr, stop: stop.drop_guard(), accepting }
    }
}

impl HttpServer {
    /// Binds `listen` (port 0: any free one). Must be called in a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`StartError::Bind`].
    pub async fn bind(listen: SocketAddr) -> Result<Bound, StartError> {
        let error = |source| StartError::Bind { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(error)?;
        let local_addr = listener.local_addr().map_err(error)?;
        Ok(Bound { listener, local_addr })
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What answers the requests.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Stops accepting, waits for the requests in hand, at most [`Limits::shutdown_grace`], and closes all connections.
    pub async fn shutdown(self) {
        self.endpoint.set_stopping();
        drop(self.stop);
        // An error is a panic of the accept loop, which tokio has reported, or a runtime that ends: closed is closed.
        let _ = self.accepting.await;
    }
}

async fn accept(listener: TcpListener, endpoint: Endpoint, stop: CancellationToken) {
    let limits = endpoint.shared.limits;
    let protocol = protocol(&limits);
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
                endpoint.shared.metrics.connected();
                prepare(&stream);
                let connection = protocol.serve_connection(TokioIo::new(stream), endpoint.for_peer(peer)).into_owned();
                let connection = graceful.watch(connection);
                connections.spawn(async move {
                    if let Err(error) = connection.await {
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

fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_buf_size(HEAD_BYTES as usize)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES)
        .keep_alive_interval(KEEP_ALIVE);
    builder
}
