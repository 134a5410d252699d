//! The seam to whatever answers for the AWS services that KECS does not answer itself.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

use crate::{BackendError, ClusterRef};

/// A request's or response's body: streamed, never gathered.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// An AWS service's name as SigV4 has it, such as `s3`, `ssm` or `secretsmanager`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(Arc<str>);

impl ServiceId {
    /// The service that SigV4 calls `name`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Answers for AWS services: LocalStack, or any endpoint that is compatible with AWS.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AwsServiceBackend: fmt::Debug + Send + Sync + 'static {
    /// Whether calls to the service are answered here. Cheap, and may change while the backend lives.
    fn serves(&self, service: &ServiceId) -> bool;

    /// Where a task reaches the service, for its `AWS_ENDPOINT_URL`; `None` where it cannot.
    fn endpoint(&self, service: &ServiceId) -> Option<String>;

    /// How the backend is.
    ///
    /// # Errors
    ///
    /// When that cannot be found out. An endpoint that does not answer is [`NotReady`](AwsHealth::NotReady), and no error.
    async fn health(&self) -> Result<AwsHealth, BackendError>;

    /// Whom calls to the service are for, where this backend does nothing but hand them on now: neither changes them nor looks at their answers, nor
    /// waits. Whoever asks may [call](Self::call) that one instead, at once; it need not, and then this one does. Cheap. Default: `None`.
    fn hands_on(&self, service: &ServiceId) -> Option<Arc<dyn AwsServiceBackend>> {
        let _ = service;
        None
    }

    /// Passes a request on and returns the answer as it begins; both bodies stream. Not repeated by the caller: the request may have taken
    /// effect when an error comes back. Dropping the future, or the response's body, ends the call upstream.
    ///
    /// # Errors
    ///
    /// Only where there is no answer: what the service itself refuses is one. `Unavailable` and `Timeout` are 503 and 504 for the client, `Unsupported`
    /// is a service that is not there, `Invalid` a request that could not be passed on whole, and all else 502.
    async fn call(&self, service: &ServiceId, request: http::Request<Body>) -> Result<http::Response<Body>, BackendError>;
}

/// Knows which backend answers for the tasks of which cluster: one may have a backend of its own, the others share one.
pub trait AwsBackends: fmt::Debug + Send + Sync + 'static {
    /// The backend of a cluster. Cheap.
    fn of(&self, cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend>;
}

impl<T: AwsBackends + ?Sized> AwsBackends for Arc<T> {
    fn of(&self, cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend> {
        (**self).of(cluster)
    }
}

/// All clusters share this one.
#[derive(Clone, Debug)]
pub struct OneBackend(pub Arc<dyn AwsServiceBackend>);

impl AwsBackends for OneBackend {
    fn of(&self, _cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend> {
        Arc::clone(&self.0)
    }
}

/// How an [`AwsServiceBackend`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AwsHealth {
    /// It answers.
    Ready,
    /// It does not answer yet, or not any more; the text says why.
    NotReady(String),
}

/// The default: no service is answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAwsServices;

#[async_trait]
impl AwsServiceBackend for NoAwsServices {
    fn serves(&self, _service: &ServiceId) -> bool {
        false
    }

    fn endpoint(&self, _service: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::Ready)
    }

    async fn call(&self, service: &ServiceId, _request: http::Request<Body>) -> Result<http::Response<Body>, BackendError> {
        Err(BackendError::new(crate::ErrorKind::Unsupported, format!("no backend is configured for the service {service}")))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: AwsServiceBackend + ?Sized> AwsServiceBackend for Arc<T> {
    fn serves(&self, service: &ServiceId) -> bool {
        (**self).serves(service)
    }

    fn endpoint(&self, service: &ServiceId) -> Option<String> {
        (**self).endpoint(service)
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        (**self).health().await
    }

    fn hands_on(&self, service: &ServiceId) -> Option<Arc<dyn AwsServiceBackend>> {
        (**self).hands_on(service)
    }

    async fn call(&self, service: &ServiceId, request: http::Request<Body>) -> Result<http::Response<Body>, BackendError> {
        (**self).call(service, request).await
    }
}
