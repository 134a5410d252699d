//! What ECS is asked for, and what is refused before anybody is asked.

use std::time::Duration;

use http::Method;
use kecs_model::ecs::RunTaskRequest;
use serde_json::{Value, json};

use super::world::{CLUSTER, DEFINITION, World, schedule};

const MINUTE: Duration = Duration::from_mins(1);

fn target(members: &Value) -> Value {
    json!({ "Target": members })
}

/// The members of EcsParameters, as RunTask has them.
#[tokio::test(start_paused = true)]
async fn a_schedule_runs_the_task_of_its_target() {
    let parameters = json!({
        "TaskDefinitionArn": DEFINITION, "TaskCount": 2, "LaunchType": "FARGATE", "PlatformVersion": "1.4.0", "Group": "reports",
        "NetworkConfiguration": { "awsvpcConfiguration": { "Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "ENABLED" } },
        "CapacityProviderStrategy": [{ "capacityProvider": "FARGATE", "weight": 1, "base": 0 }],
        "EnableECSManagedTags": true, "EnableExecuteCommand": false, "PropagateTags": "TASK_DEFINITION", "ReferenceId": "ref",
        "PlacementConstraints": [{ "type": "distinctInstance" }], "PlacementStrategy": [{ "type": "spread", "field": "host" }],
        "Tags": [{ "key": "team", "value": "a" }],
    });
    let input = r#"{"containerOverrides":[{"name":"app","command":["report"]}]}"#;
    let mut world = World::new();
    world.create(&schedule("at(2026-01-01T00:00:30)", target(&json!({ "EcsParameters": parameters, "Input": input })))).await;
    let run = world.run_within(MINUTE).await.unwrap();
    assert_eq!((&*run.context.account, &*run.context.region), ("123456789012", "eu-west-1"));
    let expected: RunTaskRequest = serde_json::from_value(json!({
        "cluster": CLUSTER, "taskDefinition": DEFINITION, "count": 2, "launchType": "FARGATE", "platformVersion": "1.4.0", "group": "reports",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED" } },
        "capacityProviderStrategy": [{ "capacityProvider": "FARGATE", "weight": 1, "base": 0 }],
        "enableECSManagedTags": true, "enableExecuteCommand": false, "propagateTags": "TASK_DEFINITION", "referenceId": "ref",
        "placementConstraints": [{ "type": "distinctInstance" }], "placementStrategy": [{ "type": "spread", "field": "host" }],
        "tags": [{ "key": "team", "value": "a" }],
        "overrides": { "containerOverrides": [{ "name": "app", "command": ["report"] }] },
        "startedBy": "chronos-schedule/nightly", "clientToken": run.request.client_token,
    }))
    .unwrap();
    assert_eq!(run.request, expected);
    assert_eq!(run.request.client_token.map(|token| token.len()), Some(36));
}

/// `startedBy` as users see it on AWS: cut after 36 characters.
#[tokio::test(start_paused = true)]
async fn a_long_name_is_cut_in_started_by() {
    let mut world = World::new();
    world.call(Method::POST, "/schedules/gold-coast-data-lake-refresh", &schedule("rate(1 day)", json!({}))).await;
    let run = world.run_within(MINUTE).await.unwrap();
    assert_eq!(run.request.started_by.as_deref(), Some("chronos-schedule/gold-coast-data-lak"));
}

/// "EventBridge Scheduler replaces each keyword with its respective value" (Adding context attributes).
#[tokio::test(start_paused = true)]
async fn keywords_in_the_input_become_what_they_stand_for() {
    let keywords = ["schedule-arn", "scheduled-time", "execution-id", "attempt-number"];
    let variables: Vec<Value> =
        keywords.iter().map(|name| json!({ "name": name, "value": format!("<aws.scheduler.{name}>") })).collect();
    let input = json!({ "containerOverrides": [{ "name": "app", "environment": variables }] }).to_string();
    let mut world = World::new();
    world.create(&schedule("at(2026-01-01T00:00:30)", target(&json!({ "Input": input })))).await;
    let request = world.run_within(MINUTE).await.unwrap().request;
    let environment = request.overrides.unwrap().container_overrides.unwrap().remove(0).environment.unwrap();
    let values: Vec<String> = environment.into_iter().map(|variable| variable.value.unwrap()).collect();
    let arn = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly";
    assert_eq!(values, [arn, "2026-01-01T00:00:30Z", &request.client_token.unwrap(), "1"]);
}

/// The universal target ("Using universal targets"): the input is the request, written as SDKs write it.
#[tokio::test(start_paused = true)]
async fn run_task_as_a_universal_target_is_run_as_it_is() {
    let input =
        json!({ "Cluster": "blue", "TaskDefinition": "report", "Overrides": { "ContainerOverrides": [{ "Name": "app" }] } });
    let universal = json!({ "Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "Input": input.to_string(), "EcsParameters": null });
    let mut world = World::new();
    world.create(&schedule("rate(1 day)", target(&universal))).await;
    let run = world.run_within(MINUTE).await.unwrap();
    assert_eq!((&*run.context.account, &*run.context.region), ("123456789012", "eu-west-1"));
    let expected: RunTaskRequest = serde_json::from_value(json!({
        "cluster": "blue", "taskDefinition": "report", "overrides": { "containerOverrides": [{ "name": "app" }] },
        "startedBy": "chronos-schedule/nightly", "clientToken": run.request.client_token,
    }))
    .unwrap();
    assert_eq!(run.request, expected);
}

/// "Invalid Schedule Expression …." are AWS's words; what its model bounds has AWS's general ones.
#[tokio::test(start_paused = true)]
async fn what_cannot_run_is_refused() {
    let bound = |value: &str, member: &str, constraint: &str| {
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have value {constraint}"
        )
    };
    let refused = [
        (schedule("rate(1 minute s)", json!({})), "Invalid Schedule Expression rate(1 minute s).".to_owned()),
        (
            schedule("rate(1 day)", json!({ "ScheduleExpressionTimezone": "Europe/Atlantis" })),
            "Invalid Schedule Expression Timezone Europe/Atlantis.".to_owned(),
        ),
        (
            schedule("rate(1 day)", json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 0 } })),
            bound("0", "flexibleTimeWindow.maximumWindowInMinutes", "greater than or equal to 1"),
        ),
        (
            schedule("rate(1 day)", json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE" } })),
            "MaximumWindowInMinutes must be specified if the mode of FlexibleTimeWindow is FLEXIBLE.".to_owned(),
        ),
        (
            schedule("rate(1 day)", target(&json!({ "RetryPolicy": { "MaximumRetryAttempts": 186 } }))),
            bound("186", "target.retryPolicy.maximumRetryAttempts", "less than or equal to 185"),
        ),
        (
            schedule("rate(1 day)", target(&json!({ "EcsParameters": {} }))),
            "EcsParameters must be specified if the target is an Amazon ECS cluster.".to_owned(),
        ),
        (
            schedule("rate(1 day)", json!({ "StartDate": 1_800_000_000, "EndDate": 1_700_000_000 })),
            "The EndDate you specify must be later than the StartDate.".to_owned(),
        ),
    ];
    let world = World::new();
    for (body, message) in refused {
        for method in [Method::POST, Method::PUT] {
            assert_eq!(world.call(method, "/schedules/nightly", &body).await, (400, json!({ "Message": message })));
        }
    }
    assert!(!world.has_nightly());
}

/// The forms of "Schedule types in EventBridge Scheduler", and what is none of them.
#[tokio::test(start_paused = true)]
async fn expressions_are_of_one_of_three_forms() {
    let world = World::new();
    let valid = [
        "at(2022-11-20T13:00:00)",
        "rate(5 minutes)",
        "rate(1 hour)",
        "rate(2 hours)",
        "rate(7 days)",
        "cron(15 10 ? * 6L 2022-2023)",
    ];
    for expression in valid {
        world.create(&schedule(expression, json!({ "State": "DISABLED" }))).await;
    }
    let invalid = [
        "",
        "at(2022-11-20)",
        "at(2022-11-20 13:00:00)",
        "at(2022-11-20T13:00)",
        "at(2022-02-30T13:00:00)",
        "at(2022-11-20T13:00:00Z)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(5 seconds)",
        "rate(5)",
        "rate(5  minutes)",
        "rate(5 minutes",
        "every(5 minutes)",
        "cron(* * * * *)",
        " rate(5 minutes)",
        "rate(99999999999 days)",
    ];
    for expression in invalid {
        let (status, answer) = world.call(Method::POST, "/schedules/nightly", &schedule(expression, json!({}))).await;
        assert_eq!((status, answer), (400, json!({ "Message": format!("Invalid Schedule Expression {expression}.") })));
    }
}
