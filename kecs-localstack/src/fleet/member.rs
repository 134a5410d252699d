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
    name: Arc<str>,
    /// The services of the settings it was made of; none, if it was made while KECS ran.
    configured: Option<Vec<String>>,
    localstack: Arc<LocalStack>,
    backend: LocalStackBackend,
    start: StartWhen,
}

impl Member {
    pub(super) fn new(
        name: &str,
        config: LocalStackConfig,
        configured: Option<Vec<String>>,
        deployer: Arc<dyn Deployer>,
        fleet: &FleetConfig,
    ) -> Result<Self, LocalStackError> {
        let localstack = Arc::new(LocalStack::new(name, config, deployer)?);
        let backend = LocalStackBackend::new(Arc::clone(&localstack)).with_patience(fleet.patience);
        if fleet.start == StartWhen::Now {
            localstack.start();
        }
        Ok(Self { name: name.into(), configured, localstack, backend, start: fleet.start })
    }

    /// The cluster that has it, or [`SHARED`](super::SHARED).
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn configured(&self) -> Option<&[String]> {
        self.configured.as_deref()
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

    /// One that is up has been started.
    fn hands_on(&self, service: &ServiceId) -> Option<Arc<dyn AwsServiceBackend>> {
        self.backend.hands_on(service)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        if self.start == StartWhen::Called && self.localstack.watch().borrow().state == LocalStackState::Disabled {
            self.localstack.start();
        }
        self.backend.call(service, request).await
    }
}
