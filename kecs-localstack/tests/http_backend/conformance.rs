//! The rules of every backend.

use std::net::SocketAddr;

use kecs_core::testing::aws_service::Harness;
use kecs_localstack::{HttpBackend, HttpBackendConfig};

struct Forwarder(HttpBackend);

impl Harness for Forwarder {
    type Backend = HttpBackend;

    async fn start(endpoint: SocketAddr) -> Self {
        Self(HttpBackend::new(format!("http://{endpoint}").parse().unwrap(), HttpBackendConfig::default()))
    }

    fn backend(&self) -> &HttpBackend {
        &self.0
    }
}

kecs_core::aws_service_conformance!(Forwarder);
