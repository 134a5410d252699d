//! A [`LocalStack`] as the backend of AWS calls: they wait for it, and follow it when it moves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ErrorKind, ServiceId};

use super::status::NotReady;
use super::{LocalStack, LocalStackState, edition};
use crate::{HttpBackend, HttpBackendConfig};

/// How long a call waits for an emulator that starts: it does so within seconds, and clients give up after a minute.
const PATIENCE: Duration = Duration::from_secs(30);

/// Calls a [`LocalStack`]. A call that comes while it starts waits, and one to a LocalStack that is disabled or failed is
/// [unavailable](ErrorKind::Unavailable) at once, with the reason; what else can go wrong is [`HttpBackend`]'s.
#[derive(Debug)]
pub struct LocalStackBackend {
    localstack: Arc<LocalStack>,
    patience: Duration,
    current: Mutex<Option<Arc<HttpBackend>>>,
}

impl LocalStackBackend {
    /// Calls this one; a call waits up to 30 s for it.
    pub fn new(localstack: Arc<LocalStack>) -> Self {
        Self { localstack, patience: PATIENCE, current: Mutex::default() }
    }

    /// The same, with another patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The backend of one that is up, if it has been called before.
    fn current(&self) -> Option<Arc<HttpBackend>> {
        let status = self.localstack.current();
        let endpoint = status.endpoint.as_deref().filter(|_| status.is_up())?;
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|backend| backend.url().as_str() == endpoint).cloned()
    }

    async fn backend(&self) -> Result<Arc<HttpBackend>, BackendError> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let endpoint = self.localstack.ready(self.patience).await.map_err(|error| unavailable(&error))?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(backend) = current.as_ref().filter(|backend| backend.url().as_str() == endpoint) {
            return Ok(Arc::clone(backend));
        }
        let url = endpoint
            .parse()
            .map_err(|error| BackendError::new(ErrorKind::Internal, "the endpoint is no URL").with_source(error))?;
        Ok(Arc::clone(current.insert(Arc::new(HttpBackend::new(url, HttpBackendConfig::default())))))
    }
}

/// With a time to come back for one that will be there by itself.
fn unavailable(not_ready: &NotReady) -> BackendError {
    let error = BackendError::new(ErrorKind::Unavailable, not_ready.to_string());
    if not_ready.state == LocalStackState::Starting { error.with_retry_after(Duration::from_secs(5)) } else { error }
}

#[async_trait]
impl AwsServiceBackend for LocalStackBackend {
    /// All but the services that it says are disabled.
    fn serves(&self, service: &ServiceId) -> bool {
        let status = self.localstack.current();
        status.services.get(edition::canonical_service(service.as_str())).is_none_or(|state| state != "disabled")
    }

    fn endpoint(&self, _service: &ServiceId) -> Option<String> {
        self.localstack.endpoint()
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        let status = self.localstack.status();
        Ok(if status.is_up() { AwsHealth::Ready } else { AwsHealth::NotReady(status.not_ready().to_string()) })
    }

    fn hands_on(&self, _service: &ServiceId) -> Option<Arc<dyn AwsServiceBackend>> {
        Some(self.current()?)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        self.backend().await?.call(service, request).await
    }
}
