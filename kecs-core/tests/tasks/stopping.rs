//! StopTask.

use kecs_model::ecs::TaskStopCode;
use serde_json::json;

use crate::ecs::{Ecs, arn, assert_invalid, id};

#[tokio::test(start_paused = true)]
async fn a_task_is_stopped_by_id_and_for_a_reason() {
    let ecs = Ecs::start().await;
    let task = ecs.running(json!({})).await;
    let stopping = ecs.try_stop(json!({ "cluster": "default", "task": id(&task), "reason": "enough" })).await.unwrap();
    assert_eq!((stopping.desired_status.as_deref(), stopping.stopped_reason.as_deref()), (Some("STOPPED"), Some("enough")));
    assert_eq!(stopping.stop_code, Some(TaskStopCode::UserInitiated));
}

#[tokio::test(start_paused = true)]
async fn stopping_a_stopped_task_changes_nothing() {
    let ecs = Ecs::start().await;
    let task = ecs.running(json!({})).await;
    let stopped = ecs.stopped(&task).await;
    let again = ecs.try_stop(json!({ "task": arn(&task), "reason": "again" })).await.unwrap();
    assert_eq!(again, stopped);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_task_cannot_be_stopped() {
    let ecs = Ecs::start().await;
    // Cloud Custodian and Apache Airflow match on this text of AWS's.
    assert_invalid(ecs.try_stop(json!({ "task": "0".repeat(32) })).await, "The referenced task was not found.");
    // The texts are ours where none is named.
    assert_invalid(ecs.try_stop(json!({ "task": "" })).await, "Task can not be blank.");
    assert_invalid(ecs.try_stop(json!({})).await, "Task can not be blank.");
}
