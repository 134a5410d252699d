//! Scheduled tasks: EventBridge rules whose target is an ECS cluster.
//!
//! LocalStack's free edition takes such a target, and fails when the rule fires. So KECS takes it over: on its way to the backend a target that is a
//! cluster becomes one that is a queue of KECS's own, with all the rest kept beside it ([`rewrite`]). The rule fires by the backend's own means, the
//! message names the target, and KECS runs the task ([`run`]). What CloudFormation puts inside of the backend is taken over after its calls
//! ([`adopt`]). No state is kept beside the backend's own.

mod adopt;
mod message;
mod rewrite;
mod rules;
mod run;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ServiceId};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::ecs_request::is_cluster;
use crate::look_into::{caller, full, gathered, whole};
use crate::{AwsClient, stacks};
pub use run::EcsTargetRunner;
use run::Found;

/// The service that is looked into.
const SERVICE: &str = "events";
/// The queue, in the account and region of the rule.
const QUEUE: &str = "kecs-ecs-targets";

/// A backend whose EventBridge rules may have ECS clusters as targets. Everything but the calls about targets passes through untouched.
#[derive(Clone, Debug)]
pub struct EcsTargets {
    backend: Arc<dyn AwsServiceBackend>,
    client: AwsClient,
    found: mpsc::UnboundedSender<Found>,
}

impl EcsTargets {
    /// The backend with such targets, and what runs their tasks, to be [run](EcsTargetRunner::run) beside it.
    pub fn new(backend: Arc<dyn AwsServiceBackend>) -> (Self, EcsTargetRunner) {
        let (found, seen) = mpsc::unbounded_channel();
        let client = AwsClient::new(Arc::clone(&backend));
        let runner = EcsTargetRunner::new(Arc::clone(&backend), client.clone(), seen);
        (Self { backend, client, found }, runner)
    }

    /// Lets the queue take the place of clusters among the targets.
    async fn put_targets(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let caller = caller(&request);
        let (mut request, body) = gathered(request).await?;
        let Ok(mut input) = serde_json::from_slice::<Value>(&body) else { return self.pass(service, request, body).await };
        match rewrite::put_targets(&mut input, &caller) {
            Ok(false) => self.pass(service, request, body).await,
            Ok(true) => {
                run::make_queue(&self.client, &caller).await.map_err(crate::AwsCallError::into_backend_error)?;
                // It was of the body as it came.
                request.headers_mut().remove("x-amz-content-sha256");
                let response = self.pass(service, request, input.to_string().into()).await?;
                if response.status().is_success() {
                    // Without a runner the messages wait.
                    let _ = self.found.send(Found::Target(caller));
                }
                Ok(response)
            }
            Err(message) => Ok(invalid(&message)),
        }
    }

    /// Shows clusters where the queue took their place.
    async fn list_targets(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let response = self.backend.call(service, request).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let (mut head, body) = response.into_parts();
        let body = whole(body).await?;
        let mut output = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        let body = if rewrite::listed_targets(&mut output) { Bytes::from(output.to_string()) } else { body };
        head.headers.insert(CONTENT_LENGTH, body.len().into());
        Ok(Response::from_parts(head, full(body)))
    }

    /// Finds the rules of a cluster where the queue took its place.
    async fn list_rule_names(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let caller = caller(&request);
        let (mut request, body) = gathered(request).await?;
        let input = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        let Some(cluster) = input["TargetArn"].as_str().filter(|arn| is_cluster(arn)) else {
            return self.pass(service, request, body).await;
        };
        // All of what is not taken over yet, since the pages are made here; and what is wrong with the request is the backend's to say.
        let mut whole_list = input.clone();
        whole_list
            .as_object_mut()
            .into_iter()
            .for_each(|input| input.retain(|name, _| !matches!(name.as_str(), "Limit" | "NextToken")));
        request.headers_mut().remove("x-amz-content-sha256");
        let response = self.pass(service, request, whole_list.to_string().into()).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let bus = input["EventBusName"].as_str().unwrap_or("default");
        let found =
            rules::with_target(&self.client, &caller, bus, cluster).await.map_err(crate::AwsCallError::into_backend_error)?;
        let (mut head, body) = response.into_parts();
        let mut output = serde_json::from_slice::<Value>(&whole(body).await?).unwrap_or_default();
        rules::page(&mut output, found, &input);
        let body = Bytes::from(output.to_string());
        head.headers.insert(CONTENT_LENGTH, body.len().into());
        Ok(Response::from_parts(head, full(body)))
    }

    async fn pass(&self, service: &ServiceId, mut request: Request<()>, body: Bytes) -> Result<Response<Body>, BackendError> {
        request.headers_mut().insert(CONTENT_LENGTH, body.len().into());
        self.backend.call(service, request.map(|()| full(body))).await
    }
}

#[async_trait]
impl AwsServiceBackend for EcsTargets {
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
        if service.as_str() == stacks::SERVICE {
            let scope = caller(&request);
            let response = self.backend.call(service, request).await?;
            if response.status().is_success() {
                let _ = self.found.send(Found::Stacks(scope));
            }
            return Ok(response);
        }
        let target = if service.as_str() == SERVICE { request.headers().get("x-amz-target") } else { None };
        match target.map(HeaderValue::as_bytes) {
            Some(b"AWSEvents.PutTargets") => self.put_targets(service, request).await,
            Some(b"AWSEvents.ListTargetsByRule") => self.list_targets(service, request).await,
            Some(b"AWSEvents.ListRuleNamesByTarget") => self.list_rule_names(service, request).await,
            _ => self.backend.call(service, request).await,
        }
    }
}

fn invalid(message: &str) -> Response<Body> {
    let mut response = Response::new(full(serde_json::json!({ "__type": "ValidationException", "message": message }).to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}
