//! The AWS SDK for Rust: strict about types, timestamps and enums. A request that it has to repeat because of our answer is a bug.
#![allow(clippy::unwrap_used, reason = "a test's helpers panic as the test itself does")]

#[path = "sdk/sdk_client.rs"]
mod sdk_client;

use std::io::Write;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_ecs::client::Waiters;
use aws_sdk_ecs::config::ProvideCredentials;
use aws_sdk_ecs::types::{ContainerDefinition, DesiredStatus, TaskStopCode};
use e2e::Kecs;
use sdk_client::Sdk;

const PATIENCE: Duration = Duration::from_mins(10);

fn shell(script: &str) -> ContainerDefinition {
    ContainerDefinition::builder()
        .name("app")
        .image("none")
        .memory(64)
        .set_command(Some(vec!["/bin/sh".into(), "-c".into(), script.into()]))
        .build()
}

async fn register(sdk: &Sdk, script: &str) {
    sdk.ecs.create_cluster().send().await.unwrap();
    sdk.ecs.register_task_definition().family("shell").container_definitions(shell(script)).send().await.unwrap();
}

#[tokio::test]
async fn an_unknown_cluster_is_the_modeled_error() {
    let kecs = Kecs::start(&[]);
    let sdk = Sdk::of(&kecs);
    let error = sdk.ecs.list_tasks().cluster("nowhere").send().await.unwrap_err().into_service_error();
    assert!(error.is_cluster_not_found_exception(), "{error:?}");
    assert_eq!(sdk.retries(), 0);
}

#[tokio::test]
async fn the_paginator_of_clusters_ends() {
    let kecs = Kecs::start(&[]);
    let sdk = Sdk::of(&kecs);
    for number in 0..5 {
        sdk.ecs.create_cluster().cluster_name(format!("c{number}")).send().await.unwrap();
    }
    let arns: Vec<String> =
        sdk.ecs.list_clusters().into_paginator().page_size(2).items().send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(arns.len(), 5);
    assert_eq!(sdk.retries(), 0);
}

#[tokio::test]
async fn the_waiters_of_tasks_end_and_the_types_are_read() {
    let kecs = Kecs::start(&[]);
    let sdk = Sdk::of(&kecs);
    register(&sdk, "exec sleep 1000").await;
    let task = sdk.ecs.run_task().task_definition("shell").send().await.unwrap().tasks()[0].task_arn().unwrap().to_owned();
    sdk.ecs.wait_until_tasks_running().cluster("default").tasks(&task).wait(PATIENCE).await.unwrap();
    sdk.ecs.stop_task().task(&task).send().await.unwrap();
    sdk.ecs.wait_until_tasks_stopped().cluster("default").tasks(&task).wait(PATIENCE).await.unwrap();
    let described = sdk.ecs.describe_tasks().tasks(&task).send().await.unwrap();
    let task = &described.tasks()[0];
    assert_eq!(task.stop_code(), Some(&TaskStopCode::UserInitiated));
    assert!(task.created_at() <= task.started_at() && task.started_at() <= task.stopped_at());
    assert_eq!(task.desired_status(), Some(DesiredStatus::Stopped.as_str()));
    assert_eq!(sdk.retries(), 0);
}
#[tokio::test]
async fn a_service_becomes_stable_and_after_its_deletion_inactive() {
    let kecs = Kecs::start(&[]);
    let sdk = Sdk::of(&kecs);
    register(&sdk, "exec sleep 1000").await;
    sdk.ecs.create_service().service_name("web").task_definition("shell").desired_count(1).send().await.unwrap();
    sdk.ecs.wait_until_services_stable().cluster("default").services("web").wait(PATIENCE).await.unwrap();
    sdk.ecs.delete_service().service("web").force(true).send().await.unwrap();
    sdk.ecs.wait_until_services_inactive().cluster("default").services("web").wait(PATIENCE).await.unwrap();
    assert_eq!(sdk.retries(), 0);
}

/// Set for what the test below runs in a task: itself.
const IN_TASK: &str = "KECS_TEST_IN_TASK";

/// A program that sets up nothing but that it speaks plain HTTP.
async fn program() {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let credentials = config.credentials_provider().unwrap().provide_credentials().await.unwrap();
    let clusters = aws_sdk_ecs::Client::new(&config).list_clusters().send().await.unwrap();
    let (key, expires) = (credentials.access_key_id(), credentials.expiry().is_some());
    let found = format!("{key} {expires} {:?}\n", clusters.cluster_arns());
    std::io::stdout().write_all(found.as_bytes()).unwrap();
}

// "Container credential provider" of the reference guide of AWS's SDKs, which takes plain HTTP from loopback only.
#[tokio::test]
async fn the_sdk_in_a_task_finds_its_credentials_its_region_and_the_endpoint() {
    if std::env::var_os(IN_TASK).is_some() {
        return program().await;
    }
    let kecs = Kecs::start(&["--localstack", "off"]);
    let sdk = Sdk::of(&kecs);
    let program = std::env::current_exe().unwrap();
    let test = "--exact the_sdk_in_a_task_finds_its_credentials_its_region_and_the_endpoint";
    register(&sdk, &format!("env -u HOME {IN_TASK}=1 {} {test}", program.display())).await;
    let task = sdk.ecs.run_task().task_definition("shell").send().await.unwrap().tasks()[0].task_arn().unwrap().to_owned();
    sdk.ecs.wait_until_tasks_stopped().cluster("default").tasks(&task).wait(PATIENCE).await.unwrap();
    let output = kecs.command(&["logs", &task]).stdout;
    let found = r#"000000000000 true ["arn:aws:ecs:us-east-1:000000000000:cluster/default"]"#;
    assert!(output.lines().any(|line| line.ends_with(found)), "{output}");
}
