//! AWS's worked examples of the operations on tasks: with what they take for granted, they are accepted.

use kecs_model::ecs::EcsApi;
use serde_json::{Value, json};

use crate::ecs::{Ecs, request};

fn inputs(operation: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../kecs-model/models/ecs.examples.json")).unwrap();
    let examples = all[operation].as_array().unwrap();
    examples.iter().map(|example| example["input"].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn run_task_runs_the_example() {
    let ecs = Ecs::start().await;
    let container = json!({ "name": "sleep", "image": "busybox", "memory": 10, "command": ["sleep", "360"] });
    ecs.register(json!({ "family": "sleep360", "containerDefinitions": [container] })).await;
    for input in inputs("RunTask") {
        let task = ecs.run(input).await.remove(0);
        // As in the example's output.
        assert_eq!(task.desired_status.as_deref(), Some("RUNNING"));
        assert_eq!(task.containers.as_ref().unwrap()[0].name.as_deref(), Some("sleep"));
        let overrides = serde_json::to_value(task.overrides.unwrap().container_overrides).unwrap();
        assert_eq!(overrides, json!([{ "name": "sleep" }]));
        assert!(task.task_definition_arn.unwrap().ends_with(":task-definition/sleep360:1"));
    }
}

#[tokio::test(start_paused = true)]
async fn list_tasks_lists_the_examples() {
    let ecs = Ecs::start().await;
    let task = ecs.run_one().await.task_arn.unwrap();
    let listed: Vec<_> = futures::future::join_all(inputs("ListTasks").into_iter().map(|input| ecs.list(input))).await;
    // The second one's container instance is nobody's here.
    assert_eq!(listed, [vec![task], Vec::new()]);
}

#[tokio::test(start_paused = true)]
async fn describe_tasks_takes_the_examples_id() {
    let ecs = Ecs::start().await;
    for input in inputs("DescribeTasks") {
        let response = ecs.engine.describe_tasks(&ecs.ctx, request(input.clone())).await.unwrap();
        // An id of the old format is well formed, and no task of ours.
        let failure = &response.failures.unwrap()[0];
        assert!(failure.arn.as_ref().unwrap().ends_with(input["tasks"][0].as_str().unwrap()));
        assert_eq!(failure.reason.as_deref(), Some("MISSING"));
    }
}
