//! RunTask: its limits, defaults and refusals.

use kecs_model::ErrorCode;
use kecs_model::ecs::{EcsApi, LaunchType};
use serde_json::json;

use crate::ecs::{Ecs, arn, assert_invalid, assert_refused, request};

#[tokio::test(start_paused = true)]
async fn a_task_has_the_defaults_of_ecs() {
    let ecs = Ecs::start().await;
    let task = ecs.run_one().await;
    // "The default value is the family name of the task definition (for example, family:my-family-name)" (RunTask, group).
    assert_eq!(task.group.as_deref(), Some("family:app"));
    assert_eq!((task.last_status.as_deref(), task.desired_status.as_deref()), (Some("PROVISIONING"), Some("RUNNING")));
    assert_eq!((task.launch_type, task.started_by, task.version), (Some(LaunchType::Ec2), None, Some(1)));
    assert_eq!((task.cpu.as_deref(), task.memory.as_deref()), (Some("0"), Some("0")));
    let container = &task.containers.as_ref().unwrap()[0];
    assert_eq!((container.last_status.as_deref(), container.cpu.as_deref()), (Some("PENDING"), Some("0")));
    assert_eq!((container.memory.as_deref(), container.task_arn.as_ref()), (Some("128"), task.task_arn.as_ref()));
}

#[tokio::test(start_paused = true)]
async fn at_most_ten_tasks_start_at_a_time() {
    let ecs = Ecs::start().await;
    assert_eq!(ecs.run(json!({ "count": 10 })).await.len(), 10);
    // artilleryio/artillery#595 has AWS's text; that for less than 1 is ours.
    assert_invalid(ecs.try_run(json!({ "count": 11 })).await, "Task count can not be greater than 10");
    for count in [0, -1] {
        assert_invalid(ecs.try_run(json!({ "count": count })).await, "Task count can not be less than 1");
    }
    assert_eq!(ecs.list(json!({})).await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_must_be_there_and_active() {
    let ecs = Ecs::start().await;
    let unknown = ecs.try_run(json!({ "cluster": "nope" })).await;
    assert_refused(unknown, ErrorCode::ClusterNotFoundException, "Cluster not found.");
    ecs.cluster("old").await;
    ecs.engine.delete_cluster(&ecs.ctx, request(json!({ "cluster": "old" }))).await.unwrap();
    // Users quote this text for CreateService and UpdateService on a deleted cluster.
    let inactive = ecs.try_run(json!({ "cluster": "old" })).await;
    assert_refused(inactive, ErrorCode::ClusterNotFoundException, "The referenced cluster was inactive.");
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_must_be_there_and_active() {
    let ecs = Ecs::start().await;
    for named in ["nope", "app:2", "app:x", "arn:aws:ecs:us-east-1:000000000000:cluster/default"] {
        let refused = ecs.try_run(json!({ "taskDefinition": named })).await;
        assert_refused(refused, ErrorCode::ClientException, "TaskDefinition not found.");
    }
    let deregister = request(json!({ "taskDefinition": "app:1" }));
    ecs.engine.deregister_task_definition(&ecs.ctx, deregister).await.unwrap();
    assert_invalid(ecs.try_run(json!({ "taskDefinition": "app:1" })).await, "TaskDefinition is inactive");
}

#[tokio::test(start_paused = true)]
async fn what_a_task_is_called_has_a_length() {
    let ecs = Ecs::start().await;
    let task = ecs.run(json!({ "startedBy": "a".repeat(128), "group": "g".repeat(255) })).await.remove(0);
    assert_eq!((task.started_by, task.group), (Some("a".repeat(128)), Some("g".repeat(255))));
    // "startedBy longer than 36." (convox/rack#1727) was the text while the limit was 36; the API reference has 128 now.
    assert_invalid(ecs.try_run(json!({ "startedBy": "a".repeat(129) })).await, "startedBy longer than 128.");
    assert_invalid(ecs.try_run(json!({ "group": "g".repeat(256) })).await, "group longer than 255.");
    assert!(ecs.try_run(json!({ "startedBy": "no spaces" })).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_token_has_a_form() {
    // "Up to 64 characters are allowed. The valid characters are characters in the range of 33-126, inclusive" (RunTask, clientToken).
    let ecs = Ecs::start().await;
    ecs.run(json!({ "clientToken": "!".repeat(64) })).await;
    for token in ["t".repeat(65), "a token".to_owned(), "jeton-é".to_owned()] {
        assert!(ecs.try_run(json!({ "clientToken": token })).await.is_err(), "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn execute_command_needs_a_task_role() {
    let ecs = Ecs::start().await;
    // boto/boto3#3173 has the text.
    let text = "The execute command failed because a valid task role is not being used. Specify a valid task role in your task definition or as a task override and try again.";
    assert_invalid(ecs.try_run(json!({ "enableExecuteCommand": true })).await, text);
    let role = json!({ "taskRoleArn": "arn:aws:iam::000000000000:role/app" });
    let task = ecs.run(json!({ "enableExecuteCommand": true, "overrides": role })).await.remove(0);
    assert_eq!(task.enable_execute_command, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_network_configuration_goes_with_awsvpc_only() {
    let ecs = Ecs::start().await;
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } });
    let text = "Network Configuration is not valid for the given networkMode of this task definition.";
    assert_invalid(ecs.try_run(json!({ "networkConfiguration": network })).await, text);
    let containers = json!([{ "name": "web", "image": "app:1", "memory": 128 }]);
    ecs.register(json!({ "family": "vpc", "networkMode": "awsvpc", "containerDefinitions": containers })).await;
    let text = "Network Configuration must be provided when networkMode 'awsvpc' is specified.";
    assert_invalid(ecs.try_run(json!({ "taskDefinition": "vpc" })).await, text);
}

#[tokio::test(start_paused = true)]
async fn tags_are_given_propagated_and_managed() {
    let ecs = Ecs::start().await;
    let containers = json!([{ "name": "web", "image": "app:1", "memory": 128 }]);
    let tags = json!([{ "key": "team", "value": "blue" }, { "key": "stage", "value": "test" }]);
    ecs.register(json!({ "family": "tagged", "containerDefinitions": containers, "tags": tags })).await;
    let tags_of = async |input| {
        let tags = ecs.run(input).await.remove(0).tags.unwrap();
        tags.into_iter().map(|tag| (tag.key.unwrap(), tag.value.unwrap())).collect::<Vec<_>>()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    // "If no value is specified, the tags aren't propagated" (propagateTags).
    assert_eq!(tags_of(json!({ "taskDefinition": "tagged" })).await, []);
    let input = json!({
        "taskDefinition": "tagged", "propagateTags": "TASK_DEFINITION", "enableECSManagedTags": true,
        "tags": [{ "key": "team", "value": "red" }],
    });
    let expected = [pair("stage", "test"), pair("team", "red"), pair("aws:ecs:clusterName", "default")];
    assert_eq!(tags_of(input).await, expected);
    // "An error will be received if you specify the SERVICE option when running a task."
    assert!(ecs.try_run(json!({ "propagateTags": "SERVICE" })).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn accounts_and_regions_do_not_see_each_others_tasks() {
    let here = Ecs::start().await;
    let task = here.run_one().await;
    for (account, region) in [("111111111111", "us-east-1"), ("000000000000", "eu-west-1")] {
        let there = here.as_seen_by(account, region);
        there.cluster("default").await;
        assert_eq!(there.list(json!({})).await, Vec::<String>::new());
        let describe = request(json!({ "tasks": [arn(&task)] }));
        let failures = there.engine.describe_tasks(&there.ctx, describe).await.unwrap().failures.unwrap();
        assert_eq!((failures[0].arn.clone(), failures[0].reason.as_deref()), (task.task_arn.clone(), Some("MISSING")));
        assert_invalid(there.try_stop(json!({ "task": arn(&task) })).await, "The referenced task was not found.");
        let refused = there.try_run(json!({})).await;
        assert_refused(refused, ErrorCode::ClientException, "TaskDefinition not found.");
    }
    assert_eq!(here.describe(&task).await.desired_status.as_deref(), Some("RUNNING"));
}
