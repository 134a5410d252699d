//! What `kecs localstack …` asks a running KECS: the LocalStacks' state, and changes to them. HTTP in, HTTP out, for whoever has a server.
//!
//! | | |
//! |---|---|
//! | `GET  ` | every LocalStack's status, by cluster |
//! | `GET  /watch?cluster=` | one status now, and again whenever it changes: a line of JSON each |
//! | `GET  /logs?cluster=&tail=&follow=` | what it says, line by line |
//! | `POST /services` `{"cluster", "enable", "disable"}` | changes its services; answers when that took effect |
//! | `POST /restart` `{"cluster"}` | starts it, or starts it again; answers when that is under way |
//! | `POST /clusters` `{"cluster", "services"}` | gives a cluster a LocalStack of its own |
//! | `POST /remove` `{"cluster"}` | takes back what `/clusters` gave |

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use kecs_core::{Body, Report};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::WatchStream;

use crate::LocalStackError;
use crate::fleet::{LocalStacks, Member, SHARED};

/// How long a change of services may take: a first start installs LocalStack.
const CHANGE_PATIENCE: Duration = Duration::from_mins(10);

/// Which LocalStack is meant.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Change {
    cluster: String,
    enable: Vec<String>,
    disable: Vec<String>,
    services: Vec<String>,
}

impl Default for Change {
    fn default() -> Self {
        Self { cluster: SHARED.to_owned(), enable: Vec::new(), disable: Vec::new(), services: Vec::new() }
    }
}

/// Answers one request; `path` is what is left of the request's path when the place where this is mounted is taken away. Whether the caller may
/// ask is for the server to say. Without a fleet there are no LocalStacks, and never will be.
pub async fn answer(fleet: Option<&LocalStacks>, path: &str, request: Request<Bytes>) -> Response<Body> {
    let Some(fleet) = fleet else { return without(path) };
    let query = |name: &str| query_value(request.uri().query().unwrap_or_default(), name);
    // A change that is meant for one cluster must not reach those that share.
    let member = |cluster: &str| match fleet.member(cluster) {
        Some(member) if member.name() == cluster => Ok(member),
        _ => Err(Refused::none_of_its_own(cluster)),
    };
    let named = || member(&query("cluster").unwrap_or_else(|| SHARED.to_owned()));
    let result = match (request.method(), path) {
        (&Method::GET, "" | "/") => Ok(json(StatusCode::OK, &fleet.status())),
        (&Method::GET, "/watch") => named().map(|member| watch(&member)),
        (&Method::GET, "/logs") => named().map(|member| {
            let tail = query("tail").and_then(|lines| lines.parse().ok());
            logs(&member, tail, query("follow").as_deref() == Some("true"))
        }),
        (&Method::POST, "/services" | "/restart" | "/clusters" | "/remove") => {
            match serde_json::from_slice::<Change>(request.body()) {
                Ok(change) => post(fleet, path, change, member).await,
                Err(error) => {
                    Err(Refused { status: StatusCode::BAD_REQUEST, message: format!("the body is not what it should be: {error}") })
                }
            }
        }
        _ => Err(Refused { status: StatusCode::NOT_FOUND, message: "there is no such page".to_owned() }),
    };
    result.unwrap_or_else(|refused| json(refused.status, &serde_json::json!({ "message": refused.message })))
}

fn without(path: &str) -> Response<Body> {
    if matches!(path, "" | "/") {
        return json(StatusCode::OK, &serde_json::json!({}));
    }
    json(StatusCode::NOT_FOUND, &serde_json::json!({ "message": "there is no LocalStack: kecs was started with --localstack off" }))
}

async fn post(
    fleet: &LocalStacks,
    path: &str,
    change: Change,
    member: impl Fn(&str) -> Result<Arc<Member>, Refused>,
) -> Result<Response<Body>, Refused> {
    let Change { cluster, enable, disable, services } = change;
    match path {
        "/services" => {
            let member = member(&cluster)?;
            let status = fleet.update_services(&member, &enable, &disable, CHANGE_PATIENCE).await?;
            Ok(json(StatusCode::OK, &status))
        }
        "/restart" => {
            let member = member(&cluster)?;
            member.localstack().restart().await?;
            Ok(json(StatusCode::ACCEPTED, &member.localstack().status()))
        }
        "/remove" => {
            fleet.unmake(&cluster).await?;
            Ok(json(StatusCode::OK, &fleet.status()))
        }
        _ => {
            let member = fleet.make(&cluster, services).await?;
            Ok(json(StatusCode::ACCEPTED, &member.localstack().status()))
        }
    }
}

fn watch(member: &Member) -> Response<Body> {
    let lines = WatchStream::new(member.localstack().watch())
        .map(|status| serde_json::to_string(&status).expect("a status has texts and numbers only"));
    streamed(HeaderValue::from_static("application/jsonl"), lines)
}

fn logs(member: &Member, tail: Option<usize>, follow: bool) -> Response<Body> {
    let lines = member.localstack().logs(tail, follow);
    // An error in the middle is the last line: whoever reads is a person.
    let lines = lines.map(|line| line.unwrap_or_else(|error| format!("cannot read further: {}", Report(&error))));
    streamed(HeaderValue::from_static("text/plain; charset=utf-8"), lines)
}

fn streamed(content_type: HeaderValue, lines: impl Stream<Item = String> + Send + 'static) -> Response<Body> {
    let frames = lines.map(|line| Ok(Frame::data(Bytes::from(line + "\n"))));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(value).expect("a status has texts and numbers only");
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The value of a parameter whose values need no encoding: names and numbers.
fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// Why a request is refused, in one line for a person.
struct Refused {
    status: StatusCode,
    message: String,
}

impl Refused {
    fn none_of_its_own(cluster: &str) -> Self {
        let message =
            format!("cluster {cluster} has no LocalStack of its own: leave --cluster out for the one that clusters share");
        Self { status: StatusCode::NOT_FOUND, message }
    }
}

impl From<LocalStackError> for Refused {
    fn from(error: LocalStackError) -> Self {
        let status = match error {
            LocalStackError::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
            LocalStackError::Exists { .. } => StatusCode::CONFLICT,
            LocalStackError::NotKept { .. } => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, message: Report(&error).to_string() }
    }
}
