//! DescribeTasks.

use kecs_model::ApiError;
use kecs_model::ecs::{DescribeTasksResponse, EcsApi};
use serde_json::{Value, json};

use crate::ecs::{Ecs, arn, assert_invalid, id, request};

async fn describe(ecs: &Ecs, input: Value) -> Result<DescribeTasksResponse, ApiError> {
    ecs.engine.describe_tasks(&ecs.ctx, request(input)).await
}

#[tokio::test(start_paused = true)]
async fn tasks_come_in_the_order_of_the_request_by_id_and_by_arn() {
    let ecs = Ecs::start().await;
    let tasks = ecs.run(json!({ "count": 3 })).await;
    let old_arn = arn(&tasks[2]).replace(":task/default/", ":task/");
    let asked = json!({ "cluster": "default", "tasks": [id(&tasks[1]), arn(&tasks[0]), old_arn] });
    let described = describe(&ecs, asked).await.unwrap().tasks.unwrap();
    let arns: Vec<String> = described.iter().map(arn).collect();
    assert_eq!(arns, [arn(&tasks[1]), arn(&tasks[0]), arn(&tasks[2])]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_a_failure_with_its_arn() {
    // "API failure reasons", developer guide: MISSING.
    let ecs = Ecs::start().await;
    let unknown = "0".repeat(32);
    let in_full = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{unknown}");
    let response = describe(&ecs, json!({ "tasks": [unknown, in_full] })).await.unwrap();
    assert_eq!(response.tasks.unwrap(), []);
    for failure in response.failures.unwrap() {
        assert_eq!((failure.arn.as_deref(), failure.reason.as_deref()), (Some(in_full.as_str()), Some("MISSING")));
        assert_eq!(failure.detail, None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_name_no_task_is_refused() {
    let ecs = Ecs::start().await;
    ecs.cluster("other").await;
    let task = ecs.run(json!({ "cluster": "other" })).await.remove(0);
    let refused = async |named: &str| describe(&ecs, json!({ "tasks": [named] })).await;
    // aws/aws-toolkit-vscode#2915 has the text.
    let text = "Invalid identifier: Identifier is for cluster other. Your cluster is default";
    assert_invalid(refused(&arn(&task)).await, text);
    // aws/aws-sdk-js#1466 has the text.
    let cluster = "arn:aws:ecs:us-east-1:000000000000:cluster/default";
    for named in [cluster, "arn:aws:ec2:us-east-1:000000000000:task/default/x", "arn:aws:ecs:us-east-1:000000000000:task"] {
        assert_invalid(refused(named).await, "Task Identifier is invalid");
    }
    // After "task length should be one of [32,36]" of ExecuteCommand (aws/aws-cli#10057).
    for named in ["nope", "", &"0".repeat(33)] {
        assert_invalid(refused(named).await, "taskId length should be one of [32,36]");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_tasks_are_described_at_a_time() {
    let ecs = Ecs::start().await;
    // awslabs/backstage-plugins-for-aws#140 and sil-org/ecs-deploy#266 have the texts.
    assert_invalid(describe(&ecs, json!({ "tasks": [] })).await, "Tasks cannot be empty.");
    assert_invalid(describe(&ecs, json!({})).await, "Tasks cannot be empty.");
    let ids = |count| vec!["0".repeat(32); count];
    assert_invalid(describe(&ecs, json!({ "tasks": ids(101) })).await, "taskIds can have at most 100 items.");
    assert_eq!(describe(&ecs, json!({ "tasks": ids(100) })).await.unwrap().failures.unwrap().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn tags_come_when_they_are_asked_for() {
    // "If TAGS is specified, the tags are included in the response."
    let ecs = Ecs::start().await;
    let task = ecs.run(json!({ "tags": [{ "key": "team", "value": "blue" }] })).await.remove(0);
    let tags = async |include: Value| {
        let described = describe(&ecs, json!({ "tasks": [arn(&task)], "include": include })).await.unwrap();
        described.tasks.unwrap().remove(0).tags.unwrap()
    };
    assert_eq!(tags(json!([])).await, []);
    assert_eq!(tags(json!(["TAGS"])).await[0].value.as_deref(), Some("blue"));
}

#[tokio::test(start_paused = true)]
async fn stopped_tasks_of_a_deleted_cluster_stay_describable() {
    // "If you have tasks with tags, and then delete the cluster, the tagged tasks are returned in the response" (DescribeTasks).
    let ecs = Ecs::start().await;
    let task = ecs.running(json!({ "tags": [{ "key": "team", "value": "blue" }] })).await;
    ecs.stopped(&task).await;
    ecs.engine.delete_cluster(&ecs.ctx, request(json!({ "cluster": "default" }))).await.unwrap();
    assert_eq!(ecs.describe(&task).await.last_status.as_deref(), Some("STOPPED"));
}
