//! StartTask.

use kecs_model::ErrorCode;
use kecs_model::ecs::ContainerInstanceStatus;

use crate::support::{Ecs, arn, assert_refused, container};

#[tokio::test(start_paused = true)]
async fn a_task_starts_on_each_instance_that_is_named() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let (a, b) = (arn(&ecs.instance("us-east-1a").await), arn(&ecs.instance("us-east-1b").await));
    let id = b.rsplit('/').next().unwrap().to_owned();
    let running = ecs.task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
    let tasks = ecs.start_on(&[a.clone(), id]).await.unwrap().tasks.unwrap();
    let on: Vec<_> = tasks.into_iter().filter_map(|task| task.container_instance_arn).collect();
    assert_eq!(on, [a, b]);
    running.await.unwrap();
}

/// "API failure reasons" of the developer guide: MISSING, INACTIVE, RESOURCE:*. What is not ACTIVE is INACTIVE to it.
#[tokio::test(start_paused = true)]
async fn what_stands_against_an_instance_is_a_failure() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let (full, draining, gone) =
        (ecs.instance("us-east-1a").await, ecs.instance("us-east-1a").await, ecs.instance("us-east-1a").await);
    ecs.start_on(&vec![arn(&full); 4]).await.unwrap();
    ecs.set(&draining, ContainerInstanceStatus::Draining).await;
    ecs.deregister(&gone).await;
    let response = ecs.start_on(&[arn(&full), arn(&draining), arn(&gone), "ghost".to_owned()]).await.unwrap();
    assert_eq!(response.tasks, Some(vec![]));
    let reasons: Vec<_> = response.failures.unwrap().into_iter().filter_map(|failure| failure.reason).collect();
    assert_eq!(reasons, ["RESOURCE:CPU", "INACTIVE", "INACTIVE", "MISSING"]);
}

/// StartTask, containerInstances: "You can specify up to 10 container instances."
#[tokio::test(start_paused = true)]
async fn one_to_ten_instances_are_named() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    assert_refused(ecs.start_on(&[]).await, ErrorCode::ClientException, "Container Instances cannot be empty.");
    let error = ecs.start_on(&vec!["ghost".to_owned(); 11]).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
}
