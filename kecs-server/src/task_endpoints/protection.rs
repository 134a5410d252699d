//! `GET` and `PUT /api/<id>/task-protection/v1/state`: a task's protection from scale-in, as "Amazon ECS task scale-in protection endpoint" of
//! the developer guide has it.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Body as HttpBody;
use kecs_core::{AgentTask, Body, TaskAgent};
use kecs_model::ecs::{Failure, GetTaskProtectionRequest, ProtectedTask, UpdateTaskProtectionRequest};
use kecs_model::{ApiError, RequestContext};
use serde::Serialize;
use serde_json::Value;

use super::reply_json;
use crate::gather::{BoxError, gather};
use crate::service::Shared;

/// The only request has two fields.
const BODY: usize = 4096;

/// The agent's answer, of which one part is there.
#[derive(Default, Serialize)]
struct Answer {
    #[serde(rename = "requestID", skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protection: Option<Protection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Protection {
    /// ISO 8601.
    expiration_date: Option<String>,
    protection_enabled: bool,
    task_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refused {
    arn: Option<String>,
    detail: Option<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Error {
    #[serde(skip_serializing_if = "String::is_empty")]
    arn: String,
    code: String,
    message: String,
}

/// What a `PUT` asks for.
struct Wish {
    protection_enabled: Option<bool>,
    expires_in_minutes: Option<i32>,
}

pub(super) async fn answer<B>(
    shared: &Shared,
    agent: &TaskAgent,
    id: &str,
    head: &Parts,
    request_id: &str,
    body: B,
) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let wish = match head.method {
        Method::GET => None,
        Method::PUT => {
            let body = gather(body, BODY, shared.limits.body_read_timeout).await.unwrap_or_default();
            match Wish::read(&body) {
                Some(wish) => Some(wish),
                None => return invalid("", "UpdateTaskProtection: failed to decode request"),
            }
        }
        _ => {
            return error(
                StatusCode::METHOD_NOT_ALLOWED,
                "",
                "InvalidParameterException",
                "only GET and PUT are served here",
                None,
            );
        }
    };
    let Some((task, _)) = agent.container(id) else {
        return error(StatusCode::NOT_FOUND, "", "ResourceNotFoundException", "Failed to find a task for the request", None);
    };
    let arn = task.task().task_arn.clone().unwrap_or_default();
    if wish.as_ref().is_some_and(|wish| wish.protection_enabled.is_none()) {
        return invalid(&arn, "Invalid request: does not contain 'ProtectionEnabled' field");
    }
    if !agent.has_credentials(&task) {
        let text = "Invalid Request: no task IAM role credentials available for task";
        return error(StatusCode::FORBIDDEN, &arn, "AccessDeniedException", text, None);
    }
    match call(shared, &task, &arn, request_id, wish).await {
        Ok(answer) => reply_json(StatusCode::OK, &answer),
        Err(refused) => {
            let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            error(status, &arn, refused.code().as_str(), refused.message(), Some(request_id))
        }
    }
}

async fn call(shared: &Shared, task: &AgentTask, arn: &str, request_id: &str, wish: Option<Wish>) -> Result<Answer, ApiError> {
    let scope = &task.cluster().scope;
    let ctx = RequestContext {
        principal_arn: Some(format!("arn:{}:iam::{}:root", scope.partition(), scope.account).into()),
        account: Arc::clone(&scope.account),
        region: Arc::clone(&scope.region),
        request_id: request_id.into(),
        endpoint: None,
    };
    let (cluster, tasks) = (Some(task.cluster().name.to_string()), Some(vec![arn.to_owned()]));
    let (protected, failures) = match wish {
        None => {
            let found = shared.api.get_task_protection(&ctx, GetTaskProtectionRequest { cluster, tasks }).await?;
            (found.protected_tasks, found.failures)
        }
        Some(Wish { protection_enabled, expires_in_minutes }) => {
            let request = UpdateTaskProtectionRequest { cluster, tasks, protection_enabled, expires_in_minutes };
            let changed = shared.api.update_task_protection(&ctx, request).await?;
            (changed.protected_tasks, changed.failures)
        }
    };
    Ok(match failures.and_then(|failures| failures.into_iter().next()) {
        Some(Failure { arn, detail, reason }) => Answer { failure: Some(Refused { arn, detail, reason }), ..Answer::default() },
        None => Answer { protection: protected.and_then(|tasks| tasks.into_iter().next()).map(shown), ..Answer::default() },
    })
}

fn shown(ProtectedTask { task_arn, protection_enabled, expiration_date }: ProtectedTask) -> Protection {
    Protection {
        expiration_date: expiration_date.map(|date| date.to_string()),
        protection_enabled: protection_enabled == Some(true),
        task_arn,
    }
}

impl Wish {
    /// As Go reads JSON, whatever the case of its fields; unknown ones are refused.
    fn read(body: &[u8]) -> Option<Self> {
        let mut wish = Self { protection_enabled: None, expires_in_minutes: None };
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return None };
        for (name, value) in fields {
            if value.is_null() {
                continue;
            }
            if name.eq_ignore_ascii_case("ProtectionEnabled") {
                wish.protection_enabled = Some(value.as_bool()?);
            } else if name.eq_ignore_ascii_case("ExpiresInMinutes") {
                // What does not fit is out of the range that ECS accepts.
                wish.expires_in_minutes = Some(value.as_i64()?.try_into().unwrap_or(i32::MAX));
            } else {
                return None;
            }
        }
        Some(wish)
    }
}

fn invalid(arn: &str, message: &str) -> Response<Body> {
    error(StatusCode::BAD_REQUEST, arn, "InvalidParameterException", message, None)
}

fn error(status: StatusCode, arn: &str, code: &str, message: &str, request_id: Option<&str>) -> Response<Body> {
    let error = Error { arn: arn.to_owned(), code: code.to_owned(), message: message.to_owned() };
    reply_json(status, &Answer { error: Some(error), request_id: request_id.map(str::to_owned), ..Answer::default() })
}
