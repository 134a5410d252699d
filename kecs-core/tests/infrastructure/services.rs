//! Services on container instances.

use std::time::Duration;

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    ContainerInstance, ContainerInstanceStatus, CreateServiceRequest, DescribeServicesRequest, EcsApi, ListTasksRequest,
    PlacementConstraint, PlacementConstraintType, SchedulingStrategy,
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

/// "Service event messages" of the developer guide.
#[tokio::test(start_paused = true)]
async fn a_service_waits_for_room_and_says_so() {
    let ecs = Ecs::start().await;
    let full = ecs.instance("us-east-1a").await;
    create(&ecs, CreateServiceRequest { desired_count: Some(5), ..service() }).await;
    assert_eq!(tasks_on(&ecs, &full).await, 4);
    let request = DescribeServicesRequest { services: texts(["web"]), ..DescribeServicesRequest::default() };
    let events = ecs.describe_services(&ecs.ctx, request).await.unwrap().services.unwrap().remove(0).events.unwrap();
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
