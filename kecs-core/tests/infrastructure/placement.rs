//! RunTask's choice of an instance.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    ContainerDefinition, ContainerInstanceStatus, EcsApi, ListTasksRequest, PlacementConstraint, PlacementConstraintType,
    PlacementStrategy, PlacementStrategyType, PortMapping, RunTaskRequest, RunTaskResponse,
};

use crate::support::{Ecs, arn, assert_refused, container, text};

async fn run(ecs: &Ecs, request: RunTaskRequest) -> RunTaskResponse {
    ecs.run_task(&ecs.ctx, RunTaskRequest { task_definition: text("app"), ..request }).await.unwrap()
}

fn member_of(expression: &str) -> Option<Vec<PlacementConstraint>> {
    Some(vec![PlacementConstraint { r#type: Some(PlacementConstraintType::MemberOf), expression: text(expression) }])
}

fn instances(response: &RunTaskResponse) -> Vec<String> {
    response.tasks.iter().flatten().filter_map(|task| task.container_instance_arn.clone()).collect()
}

fn reasons(response: &RunTaskResponse) -> Vec<(Option<String>, Option<String>)> {
    response.failures.iter().flatten().map(|failure| (failure.arn.clone(), failure.reason.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn without_container_instances_tasks_run_on_the_host() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let response = run(&ecs, RunTaskRequest::default()).await;
    assert_eq!((response.tasks.as_ref().unwrap().len(), instances(&response)), (1, vec![]));
}

/// The text is AWS's.
#[tokio::test(start_paused = true)]
async fn a_constraint_needs_container_instances() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let request = RunTaskRequest { placement_constraints: member_of("attribute:stack == test"), ..RunTaskRequest::default() };
    let message = "No Container Instances were found in your cluster.";
    assert_refused(ecs.run(request).await, ErrorCode::InvalidParameterException, message);
}

/// UpdateContainerInstancesState: "When you set a container instance to DRAINING, Amazon ECS prevents new tasks from being scheduled".
#[tokio::test(start_paused = true)]
async fn a_draining_instance_takes_no_tasks() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let (a, b) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1b").await);
    ecs.set(&a, ContainerInstanceStatus::Draining).await;
    let response = run(&ecs, RunTaskRequest { count: Some(4), ..RunTaskRequest::default() }).await;
    assert_eq!(instances(&response), vec![arn(&b); 4]);
    ecs.set(&b, ContainerInstanceStatus::Draining).await;
    let message = "No Container Instances were found in your cluster.";
    assert_refused(ecs.run(RunTaskRequest::default()).await, ErrorCode::InvalidParameterException, message);
    ecs.set(&a, ContainerInstanceStatus::Active).await;
    assert_eq!(instances(&run(&ecs, RunTaskRequest::default()).await), [arn(&a)]);
}

/// "API failure reasons" of the developer guide: RESOURCE:CPU where the instance has too few CPU units left. Four tasks of 256 units fill 1024.
#[tokio::test(start_paused = true)]
async fn a_full_instance_is_a_failure() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let only = ecs.instance("us-east-1a").await;
    let response = run(&ecs, RunTaskRequest { count: Some(5), ..RunTaskRequest::default() }).await;
    assert_eq!(instances(&response), vec![arn(&only); 4]);
    assert_eq!(reasons(&response), [(only.container_instance_arn.clone(), text("RESOURCE:CPU"))]);
    let ecs = ecs.restarted().await;
    let response = run(&ecs, RunTaskRequest::default()).await;
    assert_eq!(reasons(&response), [(only.container_instance_arn, text("RESOURCE:CPU"))]);
}

#[tokio::test(start_paused = true)]
async fn a_host_port_is_taken_once_per_instance() {
    let ecs = Ecs::start().await;
    let mapping = PortMapping { container_port: Some(80), host_port: Some(8080), ..PortMapping::default() };
    ecs.register(ContainerDefinition { port_mappings: Some(vec![mapping]), ..container() }).await;
    let only = ecs.instance("us-east-1a").await;
    let response = run(&ecs, RunTaskRequest { count: Some(2), ..RunTaskRequest::default() }).await;
    assert_eq!(instances(&response), [arn(&only)]);
    assert_eq!(reasons(&response), [(only.container_instance_arn.clone(), text("RESOURCE:PORTS"))]);
    let remaining = ecs.again(&only).await.remaining_resources.unwrap();
    let ports = remaining.iter().find(|resource| resource.name.as_deref() == Some("PORTS")).unwrap();
    assert_eq!(ports.string_set_value, crate::support::texts(["22", "8080"]));
}

#[tokio::test(start_paused = true)]
async fn constraints_choose_among_instances() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let (_, b) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1b").await);
    let placement_constraints = member_of("attribute:ecs.availability-zone == us-east-1b");
    let response = run(&ecs, RunTaskRequest { placement_constraints, count: Some(3), ..RunTaskRequest::default() }).await;
    assert_eq!(instances(&response), vec![arn(&b); 3]);
    assert_eq!(response.tasks.unwrap()[0].availability_zone.as_deref(), Some("us-east-1b"));
}

/// hashicorp/terraform#11471 has the text about distinctInstance.
#[tokio::test(start_paused = true)]
async fn a_constraint_must_be_one() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    ecs.instance("us-east-1a").await;
    let distinct = |expression: Option<&str>| PlacementConstraint {
        r#type: Some(PlacementConstraintType::DistinctInstance),
        expression: expression.map(str::to_owned),
    };
    for constraints in [member_of("attribute:"), Some(vec![distinct(Some("true"))]), Some(vec![distinct(None); 11])] {
        let request = RunTaskRequest { placement_constraints: constraints, ..RunTaskRequest::default() };
        assert_eq!(ecs.run(request).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
    }
    let request = RunTaskRequest { placement_constraints: Some(vec![distinct(Some(""))]), ..RunTaskRequest::default() };
    let message = "distinctInstance expression should not be specified.";
    assert_refused(ecs.run(request).await, ErrorCode::InvalidParameterException, message);
    let once = RunTaskRequest { placement_constraints: Some(vec![distinct(None)]), count: Some(2), ..RunTaskRequest::default() };
    let response = run(&ecs, once).await;
    assert_eq!(response.tasks.unwrap().len(), 1);
}

/// PlacementStrategy: "The spread placement strategy spreads placement across available candidates evenly based on the field parameter."
#[tokio::test(start_paused = true)]
async fn spreading_is_even() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let mut expected = vec![arn(&ecs.instance("us-east-1a").await), arn(&ecs.instance("us-east-1b").await)];
    let strategy = PlacementStrategy { r#type: Some(PlacementStrategyType::Spread), field: text("instanceId") };
    let response =
        run(&ecs, RunTaskRequest { placement_strategy: Some(vec![strategy]), count: Some(2), ..RunTaskRequest::default() }).await;
    let mut placed = instances(&response);
    expected.sort_unstable();
    placed.sort_unstable();
    assert_eq!(placed, expected);
}

/// ListTasks, containerInstance: "The container instance ID or full ARN of the container instance to use when filtering".
#[tokio::test(start_paused = true)]
async fn tasks_are_listed_by_instance() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let on_host = run(&ecs, RunTaskRequest::default()).await;
    let registered = arn(&ecs.instance("us-east-1a").await);
    let on_instance = run(&ecs, RunTaskRequest::default()).await.tasks.unwrap().remove(0).task_arn.unwrap();
    for named in [registered.as_str(), registered.rsplit('/').next().unwrap()] {
        let request = ListTasksRequest { container_instance: text(named), ..ListTasksRequest::default() };
        assert_eq!(ecs.list_tasks(&ecs.ctx, request).await.unwrap().task_arns, Some(vec![on_instance.clone()]));
    }
    assert!(on_host.tasks.unwrap()[0].container_instance_arn.is_none());
}
