//! Services on container instances.

use std::time::Duration;

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    Attribute, ContainerInstance, ContainerInstanceStatus, CreateServiceRequest, CreateTaskSetRequest, DeleteAttributesRequest,
    DeploymentController, DeploymentControllerType, DescribeServicesRequest, EcsApi, ListTasksRequest, PlacementConstraint,
    PlacementConstraintType, PutAttributesRequest, Scale, SchedulingStrategy, Service, StabilityStatus,
};

use crate::support::{Ecs, arn, container, text, texts};

fn service() -> CreateServiceRequest {
    CreateServiceRequest {
        service_name: text("web"),
        task_definition: text("app"),
        desired_count: Some(2),
        ..CreateServiceRequest::default()
    }
}

fn daemon() -> CreateServiceRequest {
    CreateServiceRequest { scheduling_strategy: Some(SchedulingStrategy::Daemon), desired_count: None, ..service() }
}

async fn create(ecs: &Ecs, request: CreateServiceRequest) {
    ecs.register(container()).await;
    ecs.create_service(&ecs.ctx, request).await.unwrap();
    settle().await;
}

async fn described(ecs: &Ecs) -> Service {
    let request = DescribeServicesRequest { services: texts(["web"]), ..DescribeServicesRequest::default() };
    ecs.describe_services(&ecs.ctx, request).await.unwrap().services.unwrap().remove(0)
}

fn in_zone_a_or_blessed() -> Option<Vec<PlacementConstraint>> {
    let expression = text("attribute:ecs.availability-zone == us-east-1a or attribute:blessed exists");
    Some(vec![PlacementConstraint { r#type: Some(PlacementConstraintType::MemberOf), expression }])
}

/// Time for everything that waits for nothing but time.
async fn settle() {
    tokio::time::sleep(Duration::from_mins(10)).await;
}

/// How many tasks an instance has: all are of the service.
async fn tasks_on(ecs: &Ecs, instance: &ContainerInstance) -> usize {
    let request = ListTasksRequest { container_instance: Some(arn(instance)), ..ListTasksRequest::default() };
    ecs.list_tasks(&ecs.ctx, request).await.unwrap().task_arns.unwrap().len()
}

/// CreateService, placementStrategy: the default spreads over Availability Zones.
#[tokio::test(start_paused = true)]
async fn tasks_are_spread_over_zones() {
    let ecs = Ecs::start().await;
    let (a, b) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1b").await);
    create(&ecs, service()).await;
    assert_eq!((tasks_on(&ecs, &a).await, tasks_on(&ecs, &b).await), (1, 1));
}

/// UpdateContainerInstancesState: "replacement service tasks are started on other container instances in the cluster if the resources are
/// available".
#[tokio::test(start_paused = true)]
async fn draining_moves_tasks_away() {
    let ecs = Ecs::start().await;
    let (a, b) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1b").await);
    create(&ecs, service()).await;
    ecs.set(&a, ContainerInstanceStatus::Draining).await;
    settle().await;
    assert_eq!((tasks_on(&ecs, &a).await, tasks_on(&ecs, &b).await), (0, 2));
}

/// minimumHealthyPercent (default 100): draining alone never takes the service below it.
#[tokio::test(start_paused = true)]
async fn draining_keeps_what_cannot_be_replaced() {
    let ecs = Ecs::start().await;
    let only = ecs.instance("us-east-1a").await;
    create(&ecs, service()).await;
    ecs.set(&only, ContainerInstanceStatus::Draining).await;
    settle().await;
    assert_eq!(tasks_on(&ecs, &only).await, 2);
    let other = ecs.instance("us-east-1b").await;
    settle().await;
    assert_eq!((tasks_on(&ecs, &only).await, tasks_on(&ecs, &other).await), (0, 2));
}

/// SchedulingStrategy DAEMON: "deploys exactly one task on each active container instance".
#[tokio::test(start_paused = true)]
async fn a_daemon_has_one_task_on_each_active_instance() {
    let ecs = Ecs::start().await;
    let (a, b) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1a").await);
    create(&ecs, daemon()).await;
    assert_eq!((tasks_on(&ecs, &a).await, tasks_on(&ecs, &b).await), (1, 1));
    let c = ecs.instance("us-east-1c").await;
    settle().await;
    assert_eq!(tasks_on(&ecs, &c).await, 1);
    ecs.set(&b, ContainerInstanceStatus::Draining).await;
    settle().await;
    assert_eq!([tasks_on(&ecs, &a).await, tasks_on(&ecs, &b).await, tasks_on(&ecs, &c).await], [1, 0, 1]);
}

/// CreateService, schedulingStrategy DAEMON: "deploys exactly one task on each active container instance that meets all of the task placement
/// constraints that you specify in your cluster. The service scheduler also evaluates the task placement constraints for running tasks and will
/// stop tasks that don't meet the placement constraints."
#[tokio::test(start_paused = true)]
async fn a_daemon_is_where_its_constraints_let_it_be_and_counts_no_other_instance() {
    let ecs = Ecs::start().await;
    let (a, b) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1b").await);
    create(&ecs, CreateServiceRequest { placement_constraints: in_zone_a_or_blessed(), ..daemon() }).await;
    assert_eq!([tasks_on(&ecs, &a).await, tasks_on(&ecs, &b).await], [1, 0]);
    let service = described(&ecs).await;
    assert_eq!((service.desired_count, service.running_count), (Some(1), Some(1)));
    let events: Vec<_> = service.events.unwrap().into_iter().filter_map(|event| event.message).collect();
    assert!(events.iter().any(|message| message.ends_with("has reached a steady state.")), "{events:?}");

    let blessed = |instance: &ContainerInstance| Attribute {
        name: text("blessed"),
        value: text("yes"),
        target_id: Some(arn(instance)),
        ..Attribute::default()
    };
    let put = PutAttributesRequest { attributes: Some(vec![blessed(&b)]), ..PutAttributesRequest::default() };
    ecs.put_attributes(&ecs.ctx, put).await.unwrap();
    settle().await;
    assert_eq!([tasks_on(&ecs, &a).await, tasks_on(&ecs, &b).await], [1, 1]);
    let delete = DeleteAttributesRequest { attributes: Some(vec![blessed(&b)]), ..DeleteAttributesRequest::default() };
    ecs.delete_attributes(&ecs.ctx, delete).await.unwrap();
    settle().await;
    assert_eq!([tasks_on(&ecs, &a).await, tasks_on(&ecs, &b).await], [1, 0]);
    assert_eq!(described(&ecs).await.desired_count, Some(1));
}

/// ADR 0006: constraints ask for instances, so the host is not one of them.
#[tokio::test(start_paused = true)]
async fn a_daemon_with_constraints_wants_no_task_where_there_are_no_instances() {
    let ecs = Ecs::start().await;
    create(&ecs, CreateServiceRequest { placement_constraints: in_zone_a_or_blessed(), ..daemon() }).await;
    let service = described(&ecs).await;
    assert_eq!((service.desired_count, service.running_count), (Some(0), Some(0)));
}

/// An EXTERNAL service `web` of two tasks, with one task set for all of them.
async fn create_external(ecs: &Ecs) {
    let controller = DeploymentController { r#type: Some(DeploymentControllerType::External) };
    create(ecs, CreateServiceRequest { task_definition: None, deployment_controller: Some(controller), ..service() }).await;
    let request = CreateTaskSetRequest {
        cluster: text("default"),
        service: text("web"),
        task_definition: text("app"),
        scale: Some(Scale { value: Some(100.0), unit: None }),
        ..CreateTaskSetRequest::default()
    };
    ecs.create_task_set(&ecs.ctx, request).await.unwrap();
    settle().await;
}

/// CreateService, deploymentConfiguration: with EXTERNAL, "the minimum healthy percent value is … used to define the lower limit on the number of
/// the tasks in the service that remain in the RUNNING state while the container instances are in the DRAINING state", 100 by default.
#[tokio::test(start_paused = true)]
async fn draining_moves_the_tasks_of_a_task_set_and_keeps_what_cannot_be_replaced() {
    let ecs = Ecs::start().await;
    let only = ecs.instance("us-east-1a").await;
    create_external(&ecs).await;
    ecs.set(&only, ContainerInstanceStatus::Draining).await;
    settle().await;
    assert_eq!(tasks_on(&ecs, &only).await, 2);
    let other = ecs.instance("us-east-1b").await;
    settle().await;
    assert_eq!([tasks_on(&ecs, &only).await, tasks_on(&ecs, &other).await], [0, 2]);
    let set = described(&ecs).await.task_sets.unwrap().remove(0);
    assert_eq!((set.running_count, set.stability_status), (Some(2), Some(StabilityStatus::SteadyState)));
}

/// "Service event messages" of the developer guide.
#[tokio::test(start_paused = true)]
async fn a_service_waits_for_room_and_says_so() {
    let ecs = Ecs::start().await;
    let full = ecs.instance("us-east-1a").await;
    create(&ecs, CreateServiceRequest { desired_count: Some(5), ..service() }).await;
    assert_eq!(tasks_on(&ecs, &full).await, 4);
    let events = described(&ecs).await.events.unwrap();
    let expected = format!(
        "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance {}) has insufficient CPU units available. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
        arn(&full).rsplit('/').next().unwrap()
    );
    assert!(events.iter().any(|event| event.message.as_ref() == Some(&expected)), "{events:?}");
    let empty = ecs.instance("us-east-1b").await;
    settle().await;
    assert_eq!(tasks_on(&ecs, &empty).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_constraint_that_cannot_be_read_is_refused_at_once() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let constraint = PlacementConstraint { r#type: Some(PlacementConstraintType::MemberOf), expression: text("attribute:") };
    let request = CreateServiceRequest { placement_constraints: Some(vec![constraint]), ..service() };
    assert_eq!(ecs.create_service(&ecs.ctx, request).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
}
