//! A call that is passed on: what the endpoint and the sidecar have in common.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use kecs_core::{AwsServiceBackend, BackendError, Body, ErrorKind, Report, ServiceId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::errors::{Protocol, WireError};
use crate::gather::BoxError;
use crate::identify::{Identity, label};
use crate::request_id::RequestId;

/// A call that is passed on. It owns what it says, since the head moves on to the backend.
pub(crate) struct Call {
    pub(crate) request_id: RequestId,
    pub(crate) service: ServiceId,
    /// For the log.
    pub(crate) operation: Cow<'static, str>,
    pub(crate) protocol: Protocol,
    /// How much of the path named the cluster and the service, and is not part of the request as the service knows it.
    prefix: usize,
}

impl Call {
    pub(crate) fn new(head: &Parts, identity: &Identity<'_>, protocol: Protocol, request_id: RequestId) -> Self {
        let path = head.uri.path();
        let prefix = path.strip_suffix(identity.path).map_or(path.len(), str::len);
        let service = ServiceId::new(&*identity.service);
        Self { request_id, service, operation: label(head, identity), protocol, prefix }
    }

    /// A place among the calls in hand.
    pub(crate) fn permit(&self, permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, WireError> {
        Arc::clone(permits).try_acquire_owned().map_err(|_| WireError::throttled(self.protocol))
    }

    /// Passes the call on to `backend`, and the answer back as it begins. The permit is held until the answer's end.
    pub(crate) async fn pass_on(
        &self,
        backend: &dyn AwsServiceBackend,
        head: Parts,
        body: Body,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response<Body>, WireError> {
        let next = backend.hands_on(&self.service);
        let backend = next.as_deref().unwrap_or(backend);
        let answer = backend.call(&self.service, self.request(head, body)).await.map_err(|error| self.failed(&error))?;
        Ok(answer.map(|body| held(body, permit)))
    }

    /// The request as the service knows it.
    fn request(&self, mut head: Parts, body: Body) -> Request<Body> {
        if self.prefix > 0 {
            let target = head.uri.path_and_query().map_or("", PathAndQuery::as_str).get(self.prefix..).unwrap_or_default();
            let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
            let mut parts = head.uri.into_parts();
            parts.path_and_query = Some(PathAndQuery::try_from(target).expect("a part of a path is a path"));
            head.uri = Uri::from_parts(parts).expect("only the path was changed");
        }
        Request::from_parts(head, body)
    }

    /// A backend that failed. Its own phrase tells the client what to do; its causes, which name addresses and the like, are for the log.
    fn failed(&self, error: &BackendError) -> WireError {
        let (request_id, service, operation) = (self.request_id, &self.service, &*self.operation);
        let (status, code) = match error.kind() {
            ErrorKind::Invalid => {
                tracing::debug!(%request_id, %service, operation, error = %Report(error), "a request could not be passed on");
                return WireError::new(
                    StatusCode::BAD_REQUEST,
                    "InvalidRequest",
                    format!("The request was not passed on: {error}."),
                );
            }
            ErrorKind::Unsupported => {
                return WireError::unsupported(self.protocol, format!("The AWS service '{service}' is not there: {error}."));
            }
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "GatewayTimeout"),
            _ => (StatusCode::BAD_GATEWAY, "BadGateway"),
        };
        tracing::error!(%request_id, %service, operation, error = %Report(error), "a backend failed");
        let message = format!("The AWS service '{service}' is not available: {error}.");
        WireError { retry_after: error.retry_after(), ..WireError::new(status, code, message) }
    }
}

/// An answer's body, which counts as a call in hand until it is read or dropped. An empty one does not count any more.
fn held(body: Body, permit: OwnedSemaphorePermit) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Held { body, _permit: permit }.boxed_unsync()
}

struct Held {
    body: Body,
    _permit: OwnedSemaphorePermit,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
