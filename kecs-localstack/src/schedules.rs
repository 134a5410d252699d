//! Schedules of EventBridge Scheduler that run ECS tasks.
//!
//! LocalStack's free edition stores schedules and runs none. So KECS runs those whose target is ECS: the calls that make, change and delete schedules
//! pass through here to the backend, and what they say is put on an [`agenda`] when they succeeded. When a schedule is due, it is read from the backend
//! again, which alone says whether it is still there, and KECS runs the task ([`invocation`]). What CloudFormation makes is found after its calls. No state
//! is kept beside the backend's own.

mod agenda;
mod cron;
mod dead_letter;
mod expression;
mod invocation;
mod route;
mod run;
mod schedule;
mod stored;
mod timing;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, Clock, ServiceId};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::look_into::{caller, full, gathered};
use crate::{AwsClient, stacks};
use agenda::Key;
use route::{DEFAULT_GROUP, Route};
use run::Change;
pub use run::EcsScheduleRunner;
use schedule::{Schedule, targets_ecs};

/// The service that is looked into.
const SERVICE: &str = "scheduler";

/// A backend whose EventBridge Scheduler runs ECS tasks. Everything but the calls that change schedules passes through untouched.
#[derive(Clone, Debug)]
pub struct EcsSchedules {
    backend: Arc<dyn AwsServiceBackend>,
    changes: mpsc::UnboundedSender<Change>,
}

impl EcsSchedules {
    /// The backend with such schedules, and what runs their tasks, to be [run](EcsScheduleRunner::run) beside it. `clock` says when they are due.
    pub fn new(backend: Arc<dyn AwsServiceBackend>, clock: Arc<dyn Clock>) -> (Self, EcsScheduleRunner) {
        let (changes, seen) = mpsc::unbounded_channel();
        let client = AwsClient::new(Arc::clone(&backend));
        let runner = EcsScheduleRunner::new(Arc::clone(&backend), client, clock, seen);
        (Self { backend, changes }, runner)
    }

    /// Takes note of a schedule that is made or changed, once that succeeded.
    async fn put(&self, service: &ServiceId, request: Request<Body>, name: String) -> Result<Response<Body>, BackendError> {
        let scope = caller(&request);
        let (head, body) = gathered(request).await?;
        let written = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        let group = written["GroupName"].as_str().unwrap_or(DEFAULT_GROUP).to_owned();
        let key = Key { scope, group, name };
        let change = if targets_ecs(&written) {
            match Schedule::read(&written) {
                Ok(schedule) => Change::Put(key, Box::new(schedule)),
                Err(message) => return Ok(invalid(&message)),
            }
        } else {
            Change::Gone(key)
        };
        let response = self.pass(service, head, body).await?;
        Ok(self.noted(response, change))
    }

    async fn pass(&self, service: &ServiceId, mut request: Request<()>, body: Bytes) -> Result<Response<Body>, BackendError> {
        request.headers_mut().insert(CONTENT_LENGTH, body.len().into());
        self.backend.call(service, request.map(|()| full(body))).await
    }

    fn noted(&self, response: Response<Body>, change: Change) -> Response<Body> {
        if response.status().is_success() {
            // Without a runner nothing runs.
            let _ = self.changes.send(change);
        }
        response
    }
}

#[async_trait]
impl AwsServiceBackend for EcsSchedules {
    fn serves(&self, service: &ServiceId) -> bool {
        self.backend.serves(service)
    }

    fn endpoint(&self, service: &ServiceId) -> Option<String> {
        self.backend.endpoint(service)
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        self.backend.health().await
    }

    fn hands_on(&self, service: &ServiceId) -> Option<Arc<dyn AwsServiceBackend>> {
        if matches!(service.as_str(), SERVICE | stacks::SERVICE) {
            return None;
        }
        self.backend.hands_on(service).or_else(|| Some(Arc::clone(&self.backend)))
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let route = if service.as_str() == SERVICE { Route::of(&request) } else { Route::Other };
        let change = match route {
            Route::Put(name) => return self.put(service, request, name).await,
            Route::Delete { name, group } => Change::Gone(Key { scope: caller(&request), group, name }),
            Route::DeleteGroup(group) => Change::GroupGone(caller(&request), group),
            Route::Other if service.as_str() == stacks::SERVICE => Change::Unseen(caller(&request)),
            Route::Other => return self.backend.call(service, request).await,
        };
        let response = self.backend.call(service, request).await?;
        Ok(self.noted(response, change))
    }
}

fn invalid(message: &str) -> Response<Body> {
    let mut response = Response::new(full(json!({ "Message": message }).to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("ValidationException"));
    response
}
