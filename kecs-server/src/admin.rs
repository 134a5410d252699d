//! The endpoint about itself: `/_kecs/…`, and the page that a person finds at `/`.

mod events;
mod routes;
mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use kecs_core::{BackendHealth, Body, Clock, TaskManager};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub(crate) use events::Events;
pub use routes::AdminRoutes;
pub(crate) use tasks::TaskRoutes;

use crate::metrics::Metrics;
use crate::reply::{PLAIN_JSON, PLAIN_TEXT, reply};

/// What happens to running tasks when the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopTasks {
    /// They go on, where the backend can leave them, and the next start finds them again.
    #[default]
    Leave,
    /// They are stopped.
    Stop,
}

/// The body of `POST /_kecs/shutdown`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ShutdownRequest {
    tasks: StopTasks,
}

/// The answer of `GET /_kecs/health`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    runtime: &'a str,
    tasks: TasksHealth,
    store: &'a str,
    auth: &'static str,
    /// Unix time in milliseconds.
    started_at: i64,
}

/// How the task backend is doing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "status")]
enum TasksHealth {
    Ready,
    Degraded {
        /// For this machine only: it may name what is behind the server.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Unix time in milliseconds.
        since: i64,
    },
}

/// What the endpoint knows about itself.
#[derive(Debug)]
pub(crate) struct About {
    tasks: Option<Arc<dyn TaskManager>>,
    pub(crate) store: String,
    pub(crate) auth_required: bool,
    started_at: i64,
    stopping: watch::Sender<bool>,
    stop_requested: watch::Sender<Option<StopTasks>>,
}

impl About {
    pub(crate) fn new(tasks: Option<Arc<dyn TaskManager>>, store: String, auth_required: bool, clock: &dyn Clock) -> Self {
        Self {
            tasks,
            store,
            auth_required,
            started_at: clock.now().as_millis(),
            stopping: watch::Sender::new(false),
            stop_requested: watch::Sender::new(None),
        }
    }

    /// From now on the endpoint is not ready any more.
    pub(crate) fn set_stopping(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until the endpoint is to stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.stopping.subscribe();
        async move {
            // An endpoint that is gone has stopped, too.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }

    pub(crate) fn stop_requests(&self) -> watch::Receiver<Option<StopTasks>> {
        self.stop_requested.subscribe()
    }

    /// Whether the path belongs to the endpoint itself, or to what a composition [adds](crate::AdminRoutes).
    pub(crate) fn owns(path: &str) -> bool {
        path.starts_with("/_kecs/")
    }

    /// Answers a path under `/_kecs/`. `body` is at most a few bytes of JSON.
    pub(crate) fn answer(&self, head: &Parts, peer: Option<SocketAddr>, body: &[u8], metrics: &Metrics) -> Response<Body> {
        match (head.uri.path(), &head.method) {
            ("/_kecs/health", &Method::GET | &Method::HEAD) => self.health(StatusCode::OK, head, peer),
            ("/_kecs/ready", &Method::GET | &Method::HEAD) => {
                let status = if *self.stopping.borrow() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
                self.health(status, head, peer)
            }
            ("/_kecs/metrics", &Method::GET | &Method::HEAD) => {
                reply(StatusCode::OK, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"), metrics.render())
            }
            ("/_kecs/shutdown", &Method::POST) => self.shutdown(head, peer, body),
            ("/_kecs/health" | "/_kecs/ready" | "/_kecs/metrics", _) => method_not_allowed("GET, HEAD"),
            ("/_kecs/shutdown", _) => method_not_allowed("POST"),
            _ => refuse(StatusCode::NOT_FOUND, "there is no such page under /_kecs"),
        }
    }

    fn health(&self, status: StatusCode, head: &Parts, peer: Option<SocketAddr>) -> Response<Body> {
        let health = Health {
            status: if *self.stopping.borrow() { "stopping" } else { "ready" },
            version: env!("CARGO_PKG_VERSION"),
            runtime: self.tasks.as_ref().map_or("unknown", |tasks| tasks.capabilities().name),
            tasks: match self.tasks.as_ref().map(TaskManager::health).unwrap_or_default() {
                BackendHealth::Degraded { reason, since } => {
                    let reason = of_this_machine(head, peer).is_ok().then_some(reason);
                    TasksHealth::Degraded { reason, since: since.as_millis() }
                }
                _ => TasksHealth::Ready,
            },
            store: &self.store,
            auth: if self.auth_required { "required" } else { "off" },
            started_at: self.started_at,
        };
        reply(status, PLAIN_JSON, serde_json::to_vec(&health).expect("a few texts and a number have a JSON form"))
    }

    fn shutdown(&self, head: &Parts, peer: Option<SocketAddr>, body: &[u8]) -> Response<Body> {
        if let Err(refused) = of_this_machine(head, peer) {
            return refused;
        }
        let body = if body.is_empty() { b"{}" } else { body };
        let Ok(request) = serde_json::from_slice::<ShutdownRequest>(body) else {
            return refuse(StatusCode::BAD_REQUEST, r#"the body must be {"tasks":"leave"} or {"tasks":"stop"}"#);
        };
        self.stop_requested.send_replace(Some(request.tasks));
        reply(StatusCode::ACCEPTED, PLAIN_JSON, r#"{"status":"stopping"}"#)
    }
}

/// Lets only a process on this machine pass, and only directly: a proxy on this machine speaks for others. What changes something must say that it is
/// JSON, which a browser page cannot without being asked first.
///
/// # Errors
///
/// The refusal.
#[expect(clippy::result_large_err, reason = "the refusal is the answer")]
pub(crate) fn of_this_machine(head: &Parts, peer: Option<SocketAddr>) -> Result<(), Response<Body>> {
    let proxied = ["forwarded", "x-forwarded-for", "via"].iter().any(|name| head.headers.contains_key(*name));
    let local = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    if !local || proxied {
        return Err(refuse(StatusCode::FORBIDDEN, "this can be asked from the server's own machine only"));
    }
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    if !reads && head.headers.get(CONTENT_TYPE).is_none_or(|value| !value.as_bytes().starts_with(b"application/json")) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type must be application/json"));
    }
    Ok(())
}

/// The page at `/` for a person with a browser or curl.
pub(crate) fn welcome(authority: &str) -> Response<Body> {
    let version = env!("CARGO_PKG_VERSION");
    // The host is the client's own, and was accepted before; still only what a host may consist of is repeated.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
    let endpoint: String = authority.chars().filter(|c| plain(*c)).collect();
    let text = format!(
        "KECS {version}: Amazon ECS on your own machine.\n\n\
         This is an AWS endpoint. Point a client at it:\n\n\
         \x20   export AWS_ENDPOINT_URL=http://{endpoint}\n\
         \x20   aws ecs list-clusters\n\n\
         Any credentials do unless the server requires signatures.\n\
         Health: /_kecs/health   Metrics: /_kecs/metrics\n"
    );
    reply(StatusCode::OK, PLAIN_TEXT, text)
}

pub(crate) fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    reply(status, PLAIN_JSON, serde_json::json!({ "message": message }).to_string())
}

fn method_not_allowed(allow: &'static str) -> Response<Body> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
