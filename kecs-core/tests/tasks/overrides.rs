//! What a task may change of its definition, and how it is shown.

use kecs_model::ApiError;
use kecs_model::ecs::Task;
use serde_json::{Value, json};

use crate::ecs::{Ecs, assert_invalid};

/// An engine with a definition `fargate` for Fargate, with two containers.
async fn start() -> Ecs {
    let ecs = Ecs::start().await;
    ecs.register(json!({
        "family": "fargate", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": "arn:aws:iam::000000000000:role/start",
        "containerDefinitions": [
            { "name": "web", "image": "app:1", "cpu": 64, "memory": 128, "memoryReservation": 64,
              "environment": [{ "name": "A", "value": "1" }], "secrets": [{ "name": "PASSWORD", "valueFrom": "/app/password" }] },
            { "name": "side", "image": "side:1" },
        ],
    }))
    .await;
    ecs
}

async fn run(ecs: &Ecs, overrides: Value) -> Result<Task, ApiError> {
    let input = json!({
        "taskDefinition": "fargate", "launchType": "FARGATE", "overrides": overrides,
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
    });
    Ok(ecs.try_run(input).await?.remove(0))
}

#[tokio::test(start_paused = true)]
async fn what_was_overridden_is_shown_as_it_was_sent_and_every_container_is_listed() {
    let ecs = start().await;
    let change = json!({
        "name": "web", "command": ["migrate"], "cpu": 128, "memory": 256, "memoryReservation": 100,
        "environment": [{ "name": "B", "value": "2" }],
    });
    let task = run(
        &ecs,
        json!({
            "containerOverrides": [change], "cpu": "1 vCPU", "memory": "2GB",
            "executionRoleArn": "arn:aws:iam::000000000000:role/pull", "taskRoleArn": "arn:aws:iam::000000000000:role/app",
            "ephemeralStorage": { "sizeInGiB": 30 },
        }),
    )
    .await
    .unwrap();
    let shown = serde_json::to_value(task.overrides.as_ref().unwrap()).unwrap();
    assert_eq!(shown["containerOverrides"], json!([change, { "name": "side" }]));
    assert_eq!((&shown["cpu"], &shown["memory"]), (&json!("1 vCPU"), &json!("2GB")));
    assert_eq!(shown["executionRoleArn"], "arn:aws:iam::000000000000:role/pull");
    assert_eq!(shown["taskRoleArn"], "arn:aws:iam::000000000000:role/app");
    assert_eq!(shown["inferenceAcceleratorOverrides"], json!([]));
    assert_eq!((task.cpu.as_deref(), task.memory.as_deref()), (Some("1024"), Some("2048")));
    assert_eq!(task.ephemeral_storage.as_ref().unwrap().size_in_gib, Some(30));
    let web = &task.containers.as_ref().unwrap()[0];
    assert_eq!(
        (web.cpu.as_deref(), web.memory.as_deref(), web.memory_reservation.as_deref()),
        (Some("128"), Some("256"), Some("100"))
    );
    assert_eq!(ecs.describe(&task).await.overrides, task.overrides);
}

#[tokio::test(start_paused = true)]
async fn without_overrides_the_definition_counts() {
    let ecs = start().await;
    let task = run(&ecs, json!({ "containerOverrides": [{}] })).await.unwrap();
    let shown = serde_json::to_value(task.overrides.as_ref().unwrap()).unwrap();
    // "An empty container override can be passed in" (ContainerOverride); AWS shows the containers' names (its example of RunTask).
    assert_eq!(shown["containerOverrides"], json!([{ "name": "web" }, { "name": "side" }]));
    assert_eq!((task.cpu.as_deref(), task.memory.as_deref()), (Some("256"), Some("512")));
    // "Fargate … a minimum of 20 GiB" (Use task ephemeral storage with Amazon ECS).
    assert_eq!(task.ephemeral_storage.unwrap().size_in_gib, Some(20));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_there_can_be_overridden() {
    let ecs = start().await;
    let text = "Override for container named nope is not a container in the TaskDefinition.";
    assert_invalid(run(&ecs, json!({ "containerOverrides": [{ "name": "nope", "cpu": 1 }] })).await, text);
    assert!(run(&ecs, json!({ "containerOverrides": [{ "cpu": 1 }] })).await.is_err());
    let accelerator = json!({ "inferenceAcceleratorOverrides": [{ "deviceName": "device_1", "deviceType": "eia2.medium" }] });
    assert!(run(&ecs, accelerator).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn overrides_have_8192_characters_at_most() {
    // "A total of 8192 characters are allowed for overrides. This limit includes the JSON formatting characters" (RunTask).
    let ecs = start().await;
    let with = |length: usize| json!({ "containerOverrides": [{ "command": ["é".repeat(length)], "name": "web" }] });
    let frame = with(0).to_string().chars().count();
    assert!(run(&ecs, with(8192 - frame)).await.is_ok());
    // Netflix/metaflow#1482 has the text.
    let text = "Container Overrides length must be at most 8192";
    assert_invalid(run(&ecs, with(8193 - frame)).await, text);
}

#[tokio::test(start_paused = true)]
async fn what_comes_out_must_be_a_definition_that_could_have_been_registered() {
    let ecs = start().await;
    // The texts of RegisterTaskDefinition; artilleryio/artillery#591 has one of them from RunTask, as InvalidParameterException.
    for (overrides, text) in [
        (json!({ "cpu": "256", "memory": "4096" }), "No Fargate configuration exists for given values"),
        (json!({ "cpu": "lots" }), "Invalid 'cpu' setting for task"),
        (
            json!({ "containerOverrides": [{ "name": "web", "memory": 4096 }] }),
            "setting for container 'web' is greater than for the task",
        ),
        (json!({ "containerOverrides": [{ "name": "web", "cpu": -1 }] }), "Invalid 'cpu' setting for container 'web'"),
        (
            json!({ "containerOverrides": [{ "name": "web", "environment": [{ "name": "PASSWORD", "value": "x" }] }] }),
            "The secret name must be unique and not shared with any new or existing environment variables set on the container",
        ),
    ] {
        let error = run(&ecs, overrides.clone()).await.unwrap_err();
        assert_eq!(error.code(), kecs_model::ErrorCode::InvalidParameterException);
        assert!(error.message().contains(text), "{overrides}: {}", error.message());
    }
    assert!(run(&ecs, json!({ "cpu": "512", "memory": "4 GB" })).await.is_ok());
}
