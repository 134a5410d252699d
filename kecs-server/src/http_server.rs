//! An address, and what is served there.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body as HttpBody;
use kecs_core::Body;
use tokio::net::TcpListener;

use crate::gather::BoxError;
use crate::listener::{Answers, Listening, Served};
use crate::{Endpoint, EndpointConfig, Limits, Sidecar, SidecarConfig, SidecarServer, StartError};

/// A server that is listening. Dropping it stops accepting and lets open requests finish, without waiting for them.
#[derive(Debug)]
pub struct HttpServer {
    endpoint: Endpoint,
    local_addr: SocketAddr,
    listening: Listening,
}

/// An address that is bound and not served yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Bound {
    /// The address that is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Begins to serve. The address that is bound becomes a host that is accepted.
    pub fn serve(self, mut config: EndpointConfig) -> HttpServer {
        let Self { listener, local_addr } = self;
        config.hosts = config.hosts.listening_on(local_addr);
        let endpoint = Endpoint::new(config);
        let listening = Listening::start(listener, endpoint.clone());
        HttpServer { endpoint, local_addr, listening }
    }

    /// Begins to serve a sidecar instead.
    pub fn serve_sidecar(self, mut config: SidecarConfig) -> SidecarServer {
        let Self { listener, local_addr } = self;
        config.hosts = config.hosts.listening_on(local_addr);
        SidecarServer::new(local_addr, Listening::start(listener, Sidecar::new(config)))
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
        self.listening.end().await;
        if let Some(channels) = &self.endpoint.shared.channels {
            channels.ended().await;
        }
    }
}

impl Answers for Endpoint {
    async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        self.respond(request).await
    }
}

impl Served for Endpoint {
    type Service = Self;

    fn connected(&self, peer: SocketAddr) -> Self {
        self.shared.metrics.connected();
        self.for_peer(peer)
    }

    fn limits(&self) -> Limits {
        self.shared.limits
    }
}
