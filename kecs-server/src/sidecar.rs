//! The AWS endpoint of one task, on the task's own loopback: everything is passed on, to KECS or to the backend of the other services.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Body as HttpBody;
use kecs_core::{AwsServiceBackend, Body};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::errors::{Protocol, WireError};
use crate::forward::Call;
use crate::gather::{BoxError, boxed};
use crate::identify::{IdentifiedBy, Identity, IdentityDefaults, identify};
use crate::listener::{Answers, Listening, Served};
use crate::own_services::goes_to_kecs;
use crate::reply::{PLAIN_JSON, REQUEST_ID, reply};
use crate::request_id::RequestIds;
use crate::{HostPolicy, Limits};

/// What the ECS agent serves to tasks: credentials, metadata, task protection. No bucket of S3 has so short a name, and `api` is KECS's.
const OF_THE_AGENT: [&str; 4] = ["/v2/credentials", "/v3", "/v4", "/api"];

/// What a [`Sidecar`] is made of.
#[derive(Clone)]
#[non_exhaustive]
pub struct SidecarConfig {
    /// Answers for ECS, for the other services that KECS will have or takes part in, and for the paths of the ECS agent.
    pub kecs: Arc<dyn AwsServiceBackend>,
    /// Answers for all other services.
    pub aws: Arc<dyn AwsServiceBackend>,
    /// Which hosts and origins are accepted.
    pub hosts: HostPolicy,
    /// What is taken on at most: [`backend_requests`](Limits::backend_requests), connections and times.
    pub limits: Limits,
}

impl SidecarConfig {
    /// A sidecar in front of these, with defaults for all the rest.
    pub fn new(kecs: Arc<dyn AwsServiceBackend>, aws: Arc<dyn AwsServiceBackend>) -> Self {
        Self { kecs, aws, hosts: HostPolicy::default(), limits: Limits::default() }
    }
}

impl fmt::Debug for SidecarConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SidecarConfig").field("kecs", &self.kecs).field("aws", &self.aws).finish_non_exhaustive()
    }
}

/// The AWS endpoint of one task as a hyper service. It identifies requests as [`Endpoint`](crate::Endpoint) does, answers nothing itself but
/// errors and [that it is there](Sidecar::READY_PATH), and verifies nothing: signatures are for who answers. Cheap to clone.
#[derive(Clone)]
pub struct Sidecar {
    shared: Arc<Shared>,
}

struct Shared {
    config: SidecarConfig,
    defaults: IdentityDefaults,
    permits: Arc<Semaphore>,
    request_ids: RequestIds,
}

impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sidecar").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Sidecar {
    /// The port where SDKs that are told nothing else look for LocalStack.
    pub const DEFAULT_PORT: u16 = 4566;

    /// The path of the page that tells that a sidecar answers, whatever is behind it. An [`Endpoint`](crate::Endpoint) has it too.
    pub const READY_PATH: &str = "/_kecs/ready";

    /// A sidecar of these parts. Does no I/O.
    pub fn new(config: SidecarConfig) -> Self {
        let permits = Arc::new(Semaphore::new(config.limits.backend_requests.min(Semaphore::MAX_PERMITS)));
        let defaults = IdentityDefaults::default();
        Self { shared: Arc::new(Shared { config, defaults, permits, request_ids: RequestIds::new() }) }
    }

    /// Answers one request, by passing it on. Never fails, as [`Endpoint::respond`](crate::Endpoint::respond) does not.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let started = Instant::now();
        let shared = &*self.shared;
        let (head, body) = request.into_parts();
        let identity = identify(&head, &shared.defaults);
        let protocol = Protocol::of(&identity.service, &head);
        let call = Call::new(&head, &identity, protocol, shared.request_ids.next());
        let backend = if belongs_to_kecs(&head, &identity) { &shared.config.kecs } else { &shared.config.aws };
        let answer = match shared.config.hosts.check(&head) {
            Ok(()) if asks_whether_ready(&head, &identity) => Ok(ready()),
            Ok(()) => self.pass_on(backend, &call, head, boxed(body)).await,
            Err(refused) => Err(WireError::new(StatusCode::FORBIDDEN, "AccessDeniedException", refused.to_string())),
        };
        let response = answer.unwrap_or_else(|error| {
            let mut response = error.into_response(protocol, call.request_id.as_str());
            response.headers_mut().insert(REQUEST_ID, call.request_id.to_header());
            response
        });
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (request_id, status) = (call.request_id, response.status().as_u16());
        tracing::debug!(%request_id, service = %call.service, operation = &*call.operation, status, micros, "answered");
        response
    }

    async fn pass_on(
        &self,
        backend: &Arc<dyn AwsServiceBackend>,
        call: &Call,
        head: Parts,
        body: Body,
    ) -> Result<Response<Body>, WireError> {
        let permit = call.permit(&self.shared.permits)?;
        call.pass_on(&**backend, head, body, permit).await
    }
}

/// Whether the sidecar itself is meant. No bucket of S3 has such a name, but one that is in the `Host` may have such an object.
fn asks_whether_ready(head: &Parts, identity: &Identity<'_>) -> bool {
    identity.identified_by == IdentifiedBy::Default
        && head.uri.path() == Sidecar::READY_PATH
        && matches!(head.method, Method::GET | Method::HEAD)
}

fn ready() -> Response<Body> {
    reply(StatusCode::OK, PLAIN_JSON, concat!(r#"{"status":"ready","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#))
}

/// Whether KECS answers. The agent's paths are asked unsigned; a signed request for the like is a service's.
fn belongs_to_kecs(head: &Parts, identity: &Identity<'_>) -> bool {
    let is_agents = |path: &str| {
        OF_THE_AGENT.iter().any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    match identity.identified_by {
        IdentifiedBy::Default if identity.access_key_id.is_none() && is_agents(head.uri.path()) => true,
        _ => goes_to_kecs(&identity.service),
    }
}

impl<B> hyper::service::Service<Request<B>> for Sidecar
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let sidecar = self.clone();
        Box::pin(async move { Ok(sidecar.respond(request).await) })
    }
}

impl Answers for Sidecar {
    async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        self.respond(request).await
    }
}

impl Served for Sidecar {
    type Service = Self;

    fn connected(&self, _peer: SocketAddr) -> Self {
        self.clone()
    }

    fn limits(&self) -> Limits {
        self.shared.config.limits
    }
}

/// A [`Sidecar`] that listens; see [`Bound::serve_sidecar`](crate::Bound::serve_sidecar). Dropping it stops accepting and lets open requests
/// finish, without waiting for them.
#[derive(Debug)]
pub struct SidecarServer {
    local_addr: SocketAddr,
    listening: Listening,
}

impl SidecarServer {
    pub(crate) fn new(local_addr: SocketAddr, listening: Listening) -> Self {
        Self { local_addr, listening }
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops accepting, waits for the requests in hand, at most [`Limits::shutdown_grace`], and closes all connections.
    pub async fn shutdown(self) {
        self.listening.end().await;
    }
}
