//! GetTaskProtection and UpdateTaskProtection.

use std::time::Duration;

use kecs_model::ApiError;
use kecs_model::ecs::{EcsApi, GetTaskProtectionResponse, UpdateTaskProtectionResponse};
use serde_json::{Value, json};

use crate::ecs::{Ecs, arn, assert_invalid, request};

async fn update(ecs: &Ecs, input: Value) -> Result<UpdateTaskProtectionResponse, ApiError> {
    ecs.engine.update_task_protection(&ecs.ctx, request(input)).await
}

async fn get(ecs: &Ecs, tasks: &[String]) -> GetTaskProtectionResponse {
    let input = json!({ "cluster": "default", "tasks": tasks });
    ecs.engine.get_task_protection(&ecs.ctx, request(input)).await.unwrap()
}

async fn is_protected(ecs: &Ecs, task: &str) -> bool {
    get(ecs, &[task.to_owned()]).await.protected_tasks.unwrap()[0].protection_enabled.unwrap()
}

#[tokio::test(start_paused = true)]
async fn protection_lasts_two_hours_and_can_be_extended() {
    // "If you don't specify the time, then the task is automatically protected for 120 minutes (2 hours)"; "you can keep extending the protection
    // expiration period of a task by invoking this operation repeatedly" (UpdateTaskProtection).
    let ecs = Ecs::start().await;
    let task = ecs.service("web", 1).await.remove(0);
    let protect = json!({ "cluster": "default", "tasks": [task], "protectionEnabled": true });
    update(&ecs, protect.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_mins(119)).await;
    assert!(is_protected(&ecs, &task).await);
    update(&ecs, protect).await.unwrap();
    tokio::time::sleep(Duration::from_mins(119)).await;
    assert!(is_protected(&ecs, &task).await);
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(!is_protected(&ecs, &task).await);
}

#[tokio::test(start_paused = true)]
async fn protection_can_be_taken_away() {
    let ecs = Ecs::start().await;
    let task = ecs.service("web", 1).await.remove(0);
    let input = |enabled: bool| json!({ "cluster": "default", "tasks": [task], "protectionEnabled": enabled });
    let shown = update(&ecs, input(true)).await.unwrap().protected_tasks.unwrap().remove(0);
    assert_eq!((shown.task_arn.as_ref(), shown.protection_enabled), (Some(&task), Some(true)));
    assert!(shown.expiration_date.is_some());
    let shown = update(&ecs, input(false)).await.unwrap().protected_tasks.unwrap().remove(0);
    assert_eq!((shown.protection_enabled, shown.expiration_date), (Some(false), None));
    assert!(!is_protected(&ecs, &task).await);
}

#[tokio::test(start_paused = true)]
async fn only_tasks_of_services_can_be_protected() {
    // "Invoking this operation for a standalone task will result in an TASK_NOT_VALID failure" (UpdateTaskProtection).
    let ecs = Ecs::start().await;
    let alone = arn(&ecs.running(json!({})).await);
    let unknown = "0".repeat(32);
    let input = json!({ "cluster": "default", "tasks": [alone, unknown], "protectionEnabled": true });
    let in_full = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{unknown}");
    for failures in [update(&ecs, input).await.unwrap().failures, get(&ecs, &[alone.clone(), unknown]).await.failures] {
        let failures: Vec<_> =
            failures.unwrap().into_iter().map(|failure| (failure.arn.unwrap(), failure.reason.unwrap())).collect();
        assert_eq!(failures, [(alone.clone(), "TASK_NOT_VALID".to_owned()), (in_full.clone(), "MISSING".to_owned())]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_protection_are_those_of_the_api_reference() {
    let ecs = Ecs::start().await;
    let ids = |count| vec!["0".repeat(32); count];
    let input = |tasks: Vec<String>, minutes: i32| json!({ "cluster": "default", "tasks": tasks, "protectionEnabled": true, "expiresInMinutes": minutes });
    assert_invalid(update(&ecs, input(Vec::new(), 1)).await, "Tasks cannot be empty.");
    // The form of sil-org/ecs-deploy#266, with "a list of up to 10 task IDs or full ARN entries".
    assert_invalid(update(&ecs, input(ids(11), 1)).await, "taskIds can have at most 10 items.");
    // "You can specify a value from 1 minute to up to 2,880 minutes (48 hours)."
    for minutes in [0, 2881] {
        assert!(update(&ecs, input(ids(1), minutes)).await.is_err());
    }
    for minutes in [1, 2880] {
        assert!(update(&ecs, input(ids(10), minutes)).await.is_ok());
    }
    assert!(update(&ecs, json!({ "cluster": "default", "tasks": ids(1) })).await.is_err());
}
