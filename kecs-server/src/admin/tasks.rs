//! `GET /_kecs/tasks/<id or ARN>/logs`: what the containers of a task wrote, as it comes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kecs_core::{BackendError, Body, ContainerLine, Engine, ErrorKind, LogQuery, LogSource, Report, TaskLogs};
use serde_json::{Value, json};

use super::{AdminRoutes, refuse};
use crate::percent::{decode, query_value};

/// How many lines go out as one chunk, if as many are there.
const TOGETHER: usize = 256;

/// The tasks of an engine.
///
/// The answer is lines of JSON: first `{"containers": […]}`, then for each line `container`, `timestamp` (ISO 8601), `stream` (`stdout` or
/// `stderr`) and `line`, and in the end `{"error": "…"}` if it was not all.
#[derive(Debug)]
pub(crate) struct TaskRoutes(pub(crate) Arc<Engine>);

#[async_trait]
impl AdminRoutes for TaskRoutes {
    fn name(&self) -> &'static str {
        "tasks"
    }

    async fn answer(&self, path: &str, request: Request<Bytes>) -> Response<Body> {
        let Some(task) = path.strip_prefix('/').and_then(|path| path.strip_suffix("/logs")) else {
            return refuse(StatusCode::NOT_FOUND, "there is no such page under /_kecs/tasks");
        };
        if request.method() != Method::GET {
            let mut refused = refuse(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return refused;
        }
        let given = request.uri().query().unwrap_or_default();
        let follow = query_value(given, "follow").is_some_and(|value| value == "true");
        let mut query = if follow { LogQuery::follow() } else { LogQuery::all() };
        if let Some(tail) = query_value(given, "tail") {
            let Ok(lines) = tail.parse() else { return refuse(StatusCode::BAD_REQUEST, "tail must be a number of lines") };
            query = query.with_tail(lines);
        }
        let container = query_value(given, "container");
        match self.0.logs(&decode(task), container.as_deref(), query).await {
            Ok(logs) => answer(logs),
            Err(error) => refuse(status(&error), &Report(&error).to_string()),
        }
    }
}

fn answer(logs: TaskLogs) -> Response<Body> {
    let TaskLogs { containers, lines } = logs;
    let containers: Vec<&str> = containers.iter().map(|name| &**name).collect();
    let first = json!({ "containers": containers });
    let rest = lines.map(|line| line.map_or_else(|error| json!({ "error": Report(&error).to_string() }), |line| shown(&line)));
    let texts = futures::stream::iter([first]).chain(rest).map(|value| format!("{value}\n"));
    let frames = texts.ready_chunks(TOGETHER).map(|texts| Ok(Frame::data(Bytes::from(texts.concat()))));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

fn shown(line: &ContainerLine) -> Value {
    let ContainerLine { container, line } = line;
    let stream = match line.stream {
        LogSource::Stdout => "stdout",
        LogSource::Stderr => "stderr",
    };
    let text = String::from_utf8_lossy(&line.line);
    json!({ "container": &**container, "timestamp": line.at.to_string(), "stream": stream, "line": text })
}

fn status(error: &BackendError) -> StatusCode {
    match error.kind() {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
