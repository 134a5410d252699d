//! One request, from its head to its answer.

mod backend;
mod caller;
mod ecs;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::Body as HttpBody;
use kecs_core::{
    AwsBackends, AwsServiceBackend, Body, Clock, ClusterRef, ExecSessions, NoAwsServices, Scope, SystemClock, TaskAgent,
    TaskManager,
};
use kecs_model::ecs::EcsApi;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Instrument;

use crate::admin::{self, About};
use crate::data_channel::{self, DataChannels};
use crate::errors::{Protocol, WireError};
use crate::forward::Call;
use crate::gather::{BoxError, gather};
use crate::identify::{Identity, IdentityDefaults, authority_of, identify};
use crate::metrics::{Answered, Metrics};
use crate::reply::REQUEST_ID;
use crate::request_id::{RequestId, RequestIds};
use crate::task_endpoints::TaskRequest;
use crate::{AdminRoutes, Auth, HostPolicy, HostRefused, IdentifiedBy, Limits, StopTasks, cors};

/// How many bytes a request under `/_kecs/` may carry.
const ADMIN_BODY: usize = 16 * 1024;

/// The AWS endpoint as a hyper service, for a listener of one's own. Cheap to clone; clones share limits and counts.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    peer: Option<SocketAddr>,
}

/// What an [`Endpoint`] is made of. [`Kecs`](crate::Kecs) fills it in; it is public for those who serve an [`EcsApi`] of their own.
#[derive(Clone)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Answers the calls of ECS.
    pub api: Arc<dyn EcsApi>,
    /// Answers for the other services. Default: nobody does.
    pub aws: Arc<dyn AwsServiceBackend>,
    /// Answers for them to the tasks of clusters that have services of their own, under `/_kecs/clusters/<cluster>`. Default: `aws` does.
    pub clusters: Option<Arc<dyn AwsBackends>>,
    /// What signatures are dated by. Default: the system's clock.
    pub clock: Arc<dyn Clock>,
    /// Whether requests must be signed. Default: no.
    pub auth: Auth,
    /// Which hosts and origins are accepted.
    pub hosts: HostPolicy,
    /// Account and region of requests that name none.
    pub defaults: IdentityDefaults,
    /// What is taken on at most.
    pub limits: Limits,
    /// The task backend that `/_kecs/health` tells of. Default: an unknown one that is well.
    pub tasks: Option<Arc<dyn TaskManager>>,
    /// What `/_kecs/health` calls the store.
    pub store: String,
    /// Routes under `/_kecs/` beside the endpoint's own. Default: none.
    pub admin: Vec<Arc<dyn AdminRoutes>>,
    /// Answers tasks' own questions, and knows the keys that were given to them. Default: nobody does.
    pub agent: Option<TaskAgent>,
    /// Opens the sessions that ExecuteCommand promises. Default: nobody does.
    pub sessions: Option<ExecSessions>,
}

impl EndpointConfig {
    /// An endpoint in front of `api`, with defaults for all the rest.
    pub fn new(api: Arc<dyn EcsApi>) -> Self {
        Self {
            api,
            aws: Arc::new(NoAwsServices),
            clusters: None,
            clock: Arc::new(SystemClock),
            auth: Auth::default(),
            hosts: HostPolicy::default(),
            defaults: IdentityDefaults::default(),
            limits: Limits::default(),
            tasks: None,
            store: "memory".to_owned(),
            admin: Vec::new(),
            agent: None,
            sessions: None,
        }
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointConfig").field("auth", &self.auth).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What the requests of an endpoint share.
pub(crate) struct Shared {
    pub(crate) api: Arc<dyn EcsApi>,
    pub(crate) aws: Arc<dyn AwsServiceBackend>,
    clusters: Option<Arc<dyn AwsBackends>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) auth: Auth,
    pub(crate) hosts: HostPolicy,
    pub(crate) defaults: IdentityDefaults,
    pub(crate) limits: Limits,
    pub(crate) permits: Semaphore,
    pub(crate) backend_permits: Arc<Semaphore>,
    pub(crate) request_ids: RequestIds,
    pub(crate) about: About,
    pub(crate) metrics: Metrics,
    pub(crate) agent: Option<TaskAgent>,
    pub(crate) channels: Option<DataChannels>,
    admin: Vec<Arc<dyn AdminRoutes>>,
}

impl Shared {
    /// Who answers for the services other than ECS.
    fn backend_of(&self, identity: &Identity<'_>) -> Arc<dyn AwsServiceBackend> {
        let (Some(name), Some(clusters)) = (identity.cluster, &self.clusters) else { return Arc::clone(&self.aws) };
        let scope = Scope::new(caller::claimed(self, identity), &*identity.region);
        clusters.of(&ClusterRef { scope, name: name.into() })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("about", &self.shared.about).field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint of these parts. Does no I/O.
    pub fn new(config: EndpointConfig) -> Self {
        let EndpointConfig { api, aws, clusters, clock, auth, hosts, defaults, limits, tasks, store, admin, agent, sessions } =
            config;
        let about = About::new(tasks, store, matches!(auth, Auth::Required(_)), &*clock);
        let permits = Semaphore::new(limits.concurrent_requests.min(Semaphore::MAX_PERMITS));
        let backend_permits = Arc::new(Semaphore::new(limits.backend_requests.min(Semaphore::MAX_PERMITS)));
        let shared = Shared {
            api,
            aws,
            clusters,
            clock,
            auth,
            hosts,
            defaults,
            limits,
            permits,
            backend_permits,
            request_ids: RequestIds::new(),
            about,
            metrics: Metrics::default(),
            agent,
            channels: sessions.map(DataChannels::new),
            admin,
        };
        Self { shared: Arc::new(shared), peer: None }
    }

    /// Waits until somebody asks over HTTP that the server be stopped (`kecs stop`), and tells what shall become of the tasks. The endpoint
    /// itself does not act on it. Cancel safe.
    pub async fn stop_requested(&self) -> StopTasks {
        let mut requests = self.shared.about.stop_requests();
        let request = requests.wait_for(Option::is_some).await.expect("the sender lives as long as the endpoint");
        request.expect("waited for")
    }

    /// From now on `/_kecs/ready` answers that the server is stopping, so that load balancers look elsewhere.
    pub fn set_stopping(&self) {
        self.shared.about.set_stopping();
    }

    /// The same endpoint, for requests of a connection from `peer`. Without a peer nobody can stop the server over HTTP.
    #[must_use]
    pub fn for_peer(&self, peer: SocketAddr) -> Self {
        Self { shared: Arc::clone(&self.shared), peer: Some(peer) }
    }

    /// Answers one request. Never fails: what goes wrong is an answer too, in the form that the caller's SDK reads. A panic on the way
    /// becomes a `ServerException`. Dropping the future gives the request up; an ECS change that was begun is made all the same.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let started = Instant::now();
        let shared = &*self.shared;
        let request_id = shared.request_ids.next();
        let (head, body) = request.into_parts();
        let origin = cors::allowed_origin(&shared.hosts, &head.headers);
        let identity = identify(&head, &shared.defaults);
        let protocol = Protocol::of(&identity.service, &head);
        let way = self.way(&head, &identity);
        let (by, mut response, told) = if matches!(way, Way::Backend) {
            // The head is moved on to the backend, so what is needed of it afterwards is taken out before.
            let call = Call::new(&head, &identity, protocol, request_id);
            let aws = shared.backend_of(&identity);
            let answer = backend::call(shared, &aws, head, &call, body);
            let answered = AssertUnwindSafe(answer).catch_unwind().await;
            let response = answered.unwrap_or_else(|_| {
                tracing::error!(%request_id, service = %call.service, "a request panicked");
                Err(WireError::internal(protocol))
            });
            let response = response.unwrap_or_else(|error| error.into_response(protocol, request_id.as_str()));
            (Answered::Backend, response, Told::Call(call))
        } else {
            let span = tracing::info_span!(
                "request",
                %request_id,
                service = &*identity.service,
                operation = identity.operation.as_deref(),
            );
            let answer = self.answer(&head, &identity, way, protocol, request_id, body);
            let answered = AssertUnwindSafe(answer).catch_unwind().instrument(span.clone()).await;
            let (by, response) = answered.unwrap_or_else(|_| {
                tracing::error!(parent: &span, "a request panicked");
                (Answered::Endpoint, WireError::internal(protocol).into_response(protocol, request_id.as_str()))
            });
            (by, response, Told::Span(span))
        };

        let headers = response.headers_mut();
        if !headers.contains_key(REQUEST_ID) {
            headers.insert(REQUEST_ID, request_id.to_header());
        }
        if let Some(origin) = origin {
            cors::allow(headers, origin);
        }
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.metrics.answered(by, response.status(), micros);
        told.log(response.status(), micros);
        response
    }

    /// Who has to answer. Nothing is read but the head.
    fn way(&self, head: &Parts, identity: &Identity<'_>) -> Way {
        if let Err(refused) = self.shared.hosts.check(head) {
            return Way::Refused(refused);
        }
        if cors::is_preflight(head) {
            return Way::Preflight;
        }
        if identity.cluster.is_none() && About::owns(head.uri.path()) {
            return Way::Admin;
        }
        if is_visit(head, identity) {
            return Way::Visit;
        }
        if self.shared.agent.is_some() && TaskRequest::of(identity).is_some() {
            return Way::Agent;
        }
        if self.shared.channels.is_some() && data_channel::session_id(head).is_some() {
            return Way::DataChannel;
        }
        if identity.service == "ecs" { Way::Ecs } else { Way::Backend }
    }

    /// Answers what is answered in this process.
    async fn answer<B>(
        &self,
        head: &Parts,
        identity: &Identity<'_>,
        way: Way,
        protocol: Protocol,
        request_id: RequestId,
        body: B,
    ) -> (Answered, Response<Body>)
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let shared = &*self.shared;
        let response = match way {
            Way::Refused(refused) => {
                tracing::warn!(reason = %refused, "refused a request at the door");
                let error = WireError::new(StatusCode::FORBIDDEN, "AccessDeniedException", refused.to_string());
                error.into_response(protocol, request_id.as_str())
            }
            Way::Preflight => cors::preflight(head),
            Way::Admin => match gather(body, ADMIN_BODY, shared.limits.body_read_timeout).await {
                Ok(body) => self.administer(head, body).await,
                Err(error) => admin::refuse(error.status, &error.message),
            },
            Way::Visit => admin::welcome(authority_of(head).unwrap_or_default()),
            Way::Agent => {
                let asked = TaskRequest::of(identity).expect("that is why it goes this way");
                let agent = shared.agent.as_ref().expect("that is why it goes this way");
                asked.answer(shared, agent, head, request_id.as_str(), body).await
            }
            Way::DataChannel => {
                let id = data_channel::session_id(head).expect("that is why it goes this way");
                let channels = shared.channels.as_ref().expect("that is why it goes this way");
                data_channel::answer(&self.shared, channels, head, id)
            }
            Way::Ecs | Way::Backend => {
                let result = ecs::call(shared, head, identity, request_id, body).await;
                return (Answered::Ecs, result.unwrap_or_else(|error| error.into_response(protocol, request_id.as_str())));
            }
        };
        (Answered::Endpoint, response)
    }
}

/// Who has to answer a request.
enum Way {
    /// Nobody: it comes from where nobody should.
    Refused(HostRefused),
    /// The endpoint: a browser asks what it may do.
    Preflight,
    /// The endpoint, about itself.
    Admin,
    /// The endpoint, to a person.
    Visit,
    /// What stands in for the ECS agent, to a task.
    Agent,
    /// The endpoint: a client opens a session in a container.
    DataChannel,
    /// The engine.
    Ecs,
    /// Whoever has the other services.
    Backend,
}

/// What the access log says of a request.
enum Told {
    Span(tracing::Span),
    /// Without a span: to make one costs as much as all else that the endpoint does for a call that it passes on.
    Call(Call),
}

impl Told {
    /// Errors of ours as such, refused requests where a user looks for them, the rest for those who ask.
    fn log(&self, status: StatusCode, micros: u64) {
        let status = status.as_u16();
        match (self, status) {
            (Self::Span(span), 500..) => tracing::error!(parent: span, status, micros, "answered"),
            (Self::Span(span), 400..) => tracing::info!(parent: span, status, micros, "answered"),
            (Self::Span(span), _) => tracing::debug!(parent: span, status, micros, "answered"),
            (Self::Call(call), 500..) => {
                tracing::error!(request_id = %call.request_id, service = %call.service, operation = &*call.operation, status, micros, "answered");
            }
            (Self::Call(call), 400..) => {
                tracing::info!(request_id = %call.request_id, service = %call.service, operation = &*call.operation, status, micros, "answered");
            }
            (Self::Call(call), _) => {
                tracing::debug!(request_id = %call.request_id, service = %call.service, operation = &*call.operation, status, micros, "answered");
            }
        }
    }
}

impl Endpoint {
    /// Answers what lies under `/_kecs/`.
    async fn administer(&self, head: &Parts, body: Bytes) -> Response<Body> {
        let shared = &*self.shared;
        let path = head.uri.path();
        let below =
            |name: &str| path.strip_prefix("/_kecs/")?.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let Some((routes, rest)) = shared.admin.iter().find_map(|routes| Some((routes, below(routes.name())?))) else {
            return shared.about.answer(head, self.peer, &body, &shared.metrics);
        };
        if let Err(refused) = admin::of_this_machine(head, self.peer) {
            return refused;
        }
        let mut request = Request::new(body);
        request.method_mut().clone_from(&head.method);
        request.uri_mut().clone_from(&head.uri);
        request.headers_mut().clone_from(&head.headers);
        let answer = routes.answer(rest, request).await;
        // What is followed would keep the server from ending.
        answer.map(|body| StreamBody::new(BodyStream::new(body).take_until(shared.about.stopped())).boxed_unsync())
    }
}

/// A person who looks what is here: nothing but `GET /`, which as an S3 call (ListBuckets) would be signed.
fn is_visit(head: &Parts, identity: &Identity<'_>) -> bool {
    identity.identified_by == IdentifiedBy::Default
        && identity.access_key_id.is_none()
        && matches!(head.method, Method::GET | Method::HEAD)
        && head.uri.path() == "/"
        && head.uri.query().is_none()
}

impl<B> hyper::service::Service<Request<B>> for Endpoint
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let endpoint = self.clone();
        Box::pin(async move { Ok(endpoint.respond(request).await) })
    }
}
