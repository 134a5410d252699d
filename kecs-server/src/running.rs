//! A control plane at work.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use kecs_core::Engine;

use crate::{HttpServer, StopTasks};

/// A [`Kecs`](crate::Kecs) that listens. Dropping it stops accepting requests and working, without waiting; [`shutdown`](Self::shutdown)
/// waits.
#[derive(Debug)]
pub struct Running {
    server: HttpServer,
    engine: Arc<Engine>,
}

impl Running {
    pub(crate) fn new(server: HttpServer, engine: Arc<Engine>) -> Self {
        Self { server, engine }
    }

    /// The URL to point clients at, as `AWS_ENDPOINT_URL` takes it. An address of all interfaces is given as loopback.
    pub fn endpoint(&self) -> String {
        endpoint_of(self.local_addr())
    }

    /// The address that is listened on, with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The engine, for calls without HTTP.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Waits until somebody asks over HTTP that the server be stopped (`kecs stop`), and tells what shall become of the tasks. It is for
    /// the caller to act on it. Cancel safe.
    pub async fn stop_requested(&self) -> StopTasks {
        self.server.endpoint().stop_requested().await
    }

    /// Stops accepting, waits for the requests in hand within [`Limits::shutdown_grace`](crate::Limits), then stops the engine, which
    /// makes what was begun durable. Tasks go on or not as their backend does.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
        self.engine.shutdown().await;
    }
}

/// The URL of an address that is listened on, for clients on this machine.
pub(crate) fn endpoint_of(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    format!("http://{address}")
}
