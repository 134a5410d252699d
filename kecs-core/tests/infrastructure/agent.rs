//! What an agent reports.

use kecs_model::ecs::{
    AttachmentStateChange, ContainerStateChange, DescribeTasksRequest, DiscoverPollEndpointRequest, EcsApi, RunTaskRequest,
    SubmitAttachmentStateChangesRequest, SubmitContainerStateChangeRequest, SubmitTaskStateChangeRequest, Task,
};
use kecs_model::{ErrorCode, RequestContext};

use crate::support::{Ecs, assert_refused, container, text};

/// A running task on an instance.
async fn running() -> (Ecs, Task) {
    let ecs = Ecs::start().await;
    ecs.instance("us-east-1a").await;
    ecs.register(container()).await;
    let running = ecs.task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
    ecs.run(RunTaskRequest::default()).await.unwrap();
    let task = running.await.unwrap();
    (ecs, task)
}

async fn describe(ecs: &Ecs, task: &Task) -> Task {
    let request = DescribeTasksRequest { tasks: Some(vec![task.task_arn.clone().unwrap()]), ..DescribeTasksRequest::default() };
    ecs.describe_tasks(&ecs.ctx, request).await.unwrap().tasks.unwrap().remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_report_on_a_container_is_shown() {
    let (ecs, task) = running().await;
    let request = SubmitContainerStateChangeRequest {
        task: task.task_arn.clone(),
        container_name: text("web"),
        status: text("RUNNING"),
        runtime_id: text("docker-1"),
        ..SubmitContainerStateChangeRequest::default()
    };
    assert!(ecs.submit_container_state_change(&ecs.ctx, request).await.unwrap().acknowledgment.is_some());
    let container = describe(&ecs, &task).await.containers.unwrap().remove(0);
    assert_eq!((container.runtime_id.as_deref(), container.last_status.as_deref()), (Some("docker-1"), Some("RUNNING")));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_the_agent_stopped_ends_for_the_agents_reason() {
    let (ecs, task) = running().await;
    let stopped = ecs.task_when(|task| task.last_status.as_deref() == Some("STOPPED"));
    let request = SubmitTaskStateChangeRequest {
        task: task.task_arn.clone(),
        status: text("STOPPED"),
        reason: text("the disk is full"),
        ..SubmitTaskStateChangeRequest::default()
    };
    ecs.submit_task_state_change(&ecs.ctx, request).await.unwrap();
    assert_eq!(stopped.await.unwrap().stopped_reason.as_deref(), Some("the disk is full"));
}

#[tokio::test(start_paused = true)]
async fn a_report_on_what_is_not_there_is_refused() {
    let (ecs, task) = running().await;
    let unknown_task = SubmitTaskStateChangeRequest { task: text("ghost"), ..SubmitTaskStateChangeRequest::default() };
    let change = ContainerStateChange { container_name: text("ghost"), ..ContainerStateChange::default() };
    let unknown_container = SubmitTaskStateChangeRequest {
        task: task.task_arn.clone(),
        containers: Some(vec![change]),
        ..SubmitTaskStateChangeRequest::default()
    };
    let unknown_status =
        SubmitTaskStateChangeRequest { task: task.task_arn, status: text("DANCING"), ..SubmitTaskStateChangeRequest::default() };
    for request in [unknown_task, unknown_container, unknown_status] {
        let error = ecs.submit_task_state_change(&ecs.ctx, request).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidParameterException);
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_on_an_attachment_names_it() {
    let ecs = Ecs::start().await;
    let request = |arn: Option<&str>| SubmitAttachmentStateChangesRequest {
        attachments: Some(vec![AttachmentStateChange { attachment_arn: arn.map(str::to_owned), status: text("ATTACHED") }]),
        ..SubmitAttachmentStateChangesRequest::default()
    };
    let arn = "arn:aws:ecs:us-east-1:000000000000:attachment/1";
    assert!(ecs.submit_attachment_state_changes(&ecs.ctx, request(Some(arn))).await.unwrap().acknowledgment.is_some());
    assert!(ecs.submit_attachment_state_changes(&ecs.ctx, request(None)).await.is_err());
}

/// DiscoverPollEndpoint answers "an endpoint for the Amazon ECS agent to poll for updates", and those for telemetry and Service Connect.
#[tokio::test(start_paused = true)]
async fn the_endpoint_to_poll_is_the_one_that_was_called() {
    let ecs = Ecs::start().await;
    let instance = ecs.instance("us-east-1a").await;
    let ctx = RequestContext { endpoint: Some("http://127.0.0.1:5373".into()), ..RequestContext::local() };
    let request = |instance| DiscoverPollEndpointRequest { container_instance: instance, cluster: None };
    let answer = ecs.discover_poll_endpoint(&ctx, request(instance.container_instance_arn)).await.unwrap();
    let expected = text("http://127.0.0.1:5373/");
    assert_eq!((&answer.endpoint, &answer.telemetry_endpoint, &answer.service_connect_endpoint), (&expected, &expected, &expected));
    let ghost = ecs.discover_poll_endpoint(&ctx, request(text("ghost"))).await;
    assert_refused(ghost, ErrorCode::ClientException, "Referenced container instance ghost not found.");
}

#[tokio::test(start_paused = true)]
async fn without_a_network_there_is_no_endpoint_to_poll() {
    let ecs = Ecs::start().await;
    let error = ecs.discover_poll_endpoint(&ecs.ctx, DiscoverPollEndpointRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ClientException);
}
