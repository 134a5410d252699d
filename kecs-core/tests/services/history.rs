//! Service deployments and service revisions.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    CreateServiceRequest, DescribeServiceDeploymentsRequest, DescribeServiceRevisionsRequest, EcsApi,
    ListServiceDeploymentsRequest, ServiceDeployment, ServiceDeploymentStatus, StopServiceDeploymentRequest,
    StopServiceDeploymentStopType,
};

use crate::ecs::{Ecs, breaker, deployments, rollouts, web};

/// The service deployments of `web`, newest first.
async fn history(ecs: &Ecs) -> Vec<ServiceDeployment> {
    let request = ListServiceDeploymentsRequest { service: Some("web".to_owned()), ..ListServiceDeploymentsRequest::default() };
    let listed = ecs.engine.list_service_deployments(&ecs.ctx, request).await.unwrap().service_deployments.unwrap();
    let service_deployment_arns = Some(listed.into_iter().filter_map(|brief| brief.service_deployment_arn).collect());
    let request = DescribeServiceDeploymentsRequest { service_deployment_arns };
    ecs.engine.describe_service_deployments(&ecs.ctx, request).await.unwrap().service_deployments.unwrap()
}

async fn stop(
    ecs: &Ecs,
    deployment: &ServiceDeployment,
    stop_type: StopServiceDeploymentStopType,
) -> Result<(), kecs_model::ApiError> {
    let request = StopServiceDeploymentRequest {
        service_deployment_arn: deployment.service_deployment_arn.clone(),
        stop_type: Some(stop_type),
    };
    ecs.engine.stop_service_deployment(&ecs.ctx, request).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_deployment_goes_from_its_sources_to_its_target_and_succeeds() {
    let ecs = Ecs::start().await;
    ecs.steady(web(2)).await;
    ecs.pass(1).await;
    ecs.deploy("slow").await;
    ecs.pass(10).await;
    let during = history(&ecs).await.remove(0);
    assert_eq!(during.status, Some(ServiceDeploymentStatus::InProgress));
    let target = during.target_service_revision.unwrap();
    assert_eq!((target.requested_task_count, target.running_task_count, target.pending_task_count), (Some(2), Some(0), Some(2)));
    assert_eq!(during.source_service_revisions.unwrap()[0].running_task_count, Some(2));

    ecs.pass(120).await;
    let after = history(&ecs).await.remove(0);
    assert_eq!(after.status, Some(ServiceDeploymentStatus::Successful));
    assert!(after.finished_at > after.created_at && after.stopped_at.is_none());
    assert_eq!(after.target_service_revision.unwrap().running_task_count, Some(2));
    // The worked example of the AWS CLI's describe-service-deployments has these values for a breaker that had nothing to do.
    let breaker = after.deployment_circuit_breaker.unwrap();
    assert_eq!((breaker.failure_count, breaker.threshold), (Some(0), Some(3)));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_the_breaker_undid_says_so() {
    // terraform-provider-aws waits for this text: "Service deployment rolled back because the circuit breaker threshold was exceeded."
    let ecs = Ecs::start().await;
    ecs.steady(CreateServiceRequest { deployment_configuration: Some(breaker(true)), ..web(1) }).await;
    ecs.pass(1).await;
    ecs.deploy("stillborn").await;
    ecs.pass(60).await;
    let undone = history(&ecs).await.remove(0);
    assert_eq!(undone.status, Some(ServiceDeploymentStatus::RollbackSuccessful));
    let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    assert_eq!(undone.status_reason.as_deref(), Some(reason));
    let source = &undone.source_service_revisions.unwrap()[0].arn;
    assert_eq!(&undone.rollback.unwrap().service_revision_arn, source);
    let breaker = undone.deployment_circuit_breaker.unwrap();
    assert_eq!((breaker.status.unwrap().as_str().to_owned(), breaker.failure_count), ("TRIGGERED".to_owned(), Some(3)));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_can_be_rolled_back_by_hand() {
    let ecs = Ecs::start().await;
    let before = ecs.steady(web(1)).await;
    ecs.pass(1).await;
    ecs.deploy("slow").await;
    ecs.pass(10).await;
    let ongoing = history(&ecs).await.remove(0);
    // "ROLLBACK_REQUESTED - The service deployment continues the rollback operation" ("Stopping Amazon ECS service deployments").
    let rollback = || stop(&ecs, &ongoing, StopServiceDeploymentStopType::Rollback);
    let (first, second) = tokio::join!(rollback(), rollback());
    assert!(first.is_ok() && second.is_ok());
    ecs.pass(120).await;
    assert_eq!(history(&ecs).await[0].status, Some(ServiceDeploymentStatus::RollbackSuccessful));
    let after = ecs.web().await;
    assert_eq!((deployments(&after).len(), &deployments(&after)[0].id), (1, &deployments(&before)[0].id));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_aborted_stops_where_it_is() {
    let ecs = Ecs::start().await;
    ecs.steady(web(1)).await;
    ecs.pass(1).await;
    ecs.deploy("slow").await;
    ecs.pass(10).await;
    let ongoing = history(&ecs).await.remove(0);
    stop(&ecs, &ongoing, StopServiceDeploymentStopType::Abort).await.unwrap();
    ecs.pass(10).await;
    let stopped = history(&ecs).await.remove(0);
    assert_eq!(stopped.status, Some(ServiceDeploymentStatus::Stopped));
    assert!(stopped.stopped_at.is_some());
    assert_eq!(rollouts(&ecs.web().await)[0].1, "FAILED");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_over_cannot_be_stopped() {
    let ecs = Ecs::start().await;
    ecs.steady(web(1)).await;
    let over = history(&ecs).await.remove(0);
    let error = stop(&ecs, &over, StopServiceDeploymentStopType::Rollback).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConflictException);
}

#[tokio::test(start_paused = true)]
async fn a_revision_has_what_was_deployed() {
    let ecs = Ecs::start().await;
    let service = ecs.create(web(1)).await.unwrap();
    let arn = service.current_service_revisions.unwrap()[0].arn.clone().unwrap();
    let unknown = format!("{arn}0");
    let request = DescribeServiceRevisionsRequest { service_revision_arns: Some(vec![arn, unknown.clone()]) };
    let answer = ecs.engine.describe_service_revisions(&ecs.ctx, request).await.unwrap();
    let revision = answer.service_revisions.unwrap().remove(0);
    assert_eq!(revision.task_definition, service.task_definition);
    assert_eq!(revision.container_images.unwrap()[0].image.as_deref(), Some("good"));
    let failure = answer.failures.unwrap().remove(0);
    assert_eq!((failure.arn, failure.reason.as_deref()), (Some(unknown), Some("MISSING")));
}
