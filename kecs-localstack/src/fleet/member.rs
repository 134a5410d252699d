//! One member of the fleet: a LocalStack that a call wakes.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ServiceId};

use super::{FleetConfig, StartWhen};
use crate::{Deployer, LocalStack, LocalStackBackend, LocalStackConfig, LocalStackError, LocalStackState};

/// A [`LocalStack`] as a backend that starts it when it is first called. A call that comes while it starts waits, and is refused with the reason
/// where it does not get ready in time.
#[derive(Debug)]
pub struct Member {
    localstack: Arc<LocalStack>,
    backend: LocalStackBackend,
    start: StartWhen,
}

impl Member {
    pub(super) fn new(
        name: &str,
        config: LocalStackConfig,
        deployer: Arc<dyn Deployer>,
        fleet: &FleetConfig,
    ) -> Result<Self, LocalStackError> {
        let localstack = Arc::new(LocalStack::new(name, config, deployer)?);
        let backend = LocalStackBackend::new(Arc::clone(&localstack)).with_patience(fleet.patience);
        if fleet.start == StartWhen::Now {
            localstack.start();
        }
        Ok(Self { localstack, backend, start: fleet.start })
    }

    /// The LocalStack itself.
    pub fn localstack(&self) -> &Arc<LocalStack> {
        &self.localstack
    }
}

#[async_trait]
impl AwsServiceBackend for Member {
    fn serves(&self, service: &ServiceId) -> bool {
        self.localstack.config().enabled && self.backend.serves(service)
    }

    fn endpoint(&self, service: &ServiceId) -> Option<String> {
        self.backend.endpoint(service)
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        self.backend.health().await
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        if self.start == StartWhen::Called && self.localstack.watch().borrow().state == LocalStackState::Disabled {
            self.localstack.start();
        }
        self.backend.call(service, request).await
    }
}
