//! `/api/<id>/fault/v1/…`: network faults, which nothing here injects.

use http::{Response, StatusCode};
use kecs_core::{Body, TaskAgent};
use serde::Serialize;

use super::reply_json;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refused {
    error: String,
}

pub(super) fn answer(agent: &TaskAgent, id: &str) -> Response<Body> {
    let (status, error) = match agent.container(id) {
        None => (StatusCode::NOT_FOUND, format!("unable to lookup container: {id}")),
        Some((task, _)) if task.definition().and_then(|definition| definition.enable_fault_injection) != Some(true) => {
            let arn = task.task().task_arn.as_deref().unwrap_or_default();
            (StatusCode::BAD_REQUEST, format!("enableFaultInjection is not enabled for task: {arn}"))
        }
        Some(_) => (StatusCode::NOT_IMPLEMENTED, "KECS injects no network faults".to_owned()),
    };
    reply_json(status, &Refused { error })
}
