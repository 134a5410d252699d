//! DAEMON services, and protected tasks.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    CreateServiceRequest, DeploymentStrategy, EcsApi, SchedulingStrategy, UpdateServiceRequest, UpdateTaskProtectionRequest,
};

use crate::ecs::{Ecs, deployments, percentages, task_id, web};

fn daemon() -> CreateServiceRequest {
    CreateServiceRequest { scheduling_strategy: Some(SchedulingStrategy::Daemon), desired_count: None, ..web(0) }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_has_one_task_on_the_host_where_no_instance_is_registered() {
    let ecs = Ecs::start().await;
    ecs.create(daemon()).await.unwrap();
    ecs.pass(10).await;
    let service = ecs.web().await;
    assert_eq!((service.desired_count, service.running_count), (Some(1), Some(1)));
    // DeploymentConfiguration: 100 and 0 for DAEMON.
    let configuration = service.deployment_configuration.unwrap();
    assert_eq!((configuration.maximum_percent, configuration.minimum_healthy_percent), (Some(100), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn a_daemon_is_stopped_before_its_replacement_starts() {
    let ecs = Ecs::start().await;
    ecs.create(daemon()).await.unwrap();
    ecs.pass(10).await;
    ecs.deploy("slow").await;
    ecs.pass(10).await;
    assert_eq!(ecs.running().await.len(), 1);
    ecs.pass(60).await;
    assert_eq!((ecs.web().await.running_count, deployments(&ecs.web().await).len()), (Some(1), 1));
}

#[tokio::test(start_paused = true)]
async fn a_daemon_takes_no_desired_count_and_no_more_than_100_percent() {
    // The texts are AWS's (aws/aws-cdk#2209, terraform-provider-aws).
    let ecs = Ecs::start().await;
    let error = ecs.create(CreateServiceRequest { desired_count: Some(1), ..daemon() }).await.unwrap_err();
    assert!(error.message().starts_with("The daemon scheduling strategy does not support a desired count for services."));
    let request = CreateServiceRequest { deployment_configuration: Some(percentages(0, 200)), ..daemon() };
    let error = ecs.create(request).await.unwrap_err();
    assert!(error.message().starts_with("The daemon scheduling strategy does not support values above 100 for maximumPercent"));
}

#[tokio::test(start_paused = true)]
async fn strategies_that_are_not_served_are_refused_and_said_to_be() {
    let ecs = Ecs::start().await;
    let mut configuration = percentages(100, 200);
    configuration.strategy = Some(DeploymentStrategy::BlueGreen);
    let error = ecs.create(CreateServiceRequest { deployment_configuration: Some(configuration), ..web(1) }).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedFeatureException);
}

#[tokio::test(start_paused = true)]
async fn a_protected_task_survives_scale_in() {
    let ecs = Ecs::start().await;
    ecs.steady(web(2)).await;
    let protected = ecs.running().await.remove(0);
    let request = UpdateTaskProtectionRequest {
        cluster: Some("default".to_owned()),
        tasks: Some(vec![protected.task_arn.clone().unwrap()]),
        protection_enabled: Some(true),
        expires_in_minutes: Some(5),
    };
    ecs.engine.update_task_protection(&ecs.ctx, request).await.unwrap();
    let scale = |count| UpdateServiceRequest { desired_count: Some(count), ..UpdateServiceRequest::default() };
    ecs.update(scale(1)).await.unwrap();
    ecs.pass(60).await;
    assert_eq!(ecs.running().await.iter().map(task_id).collect::<Vec<_>>(), [task_id(&protected)]);
    ecs.update(scale(0)).await.unwrap();
    ecs.pass(60).await;
    assert_eq!(ecs.running().await.len(), 1);
    // "Protection … expires", and the scheduler goes on by itself.
    ecs.pass(300).await;
    assert!(ecs.running().await.is_empty());
}
