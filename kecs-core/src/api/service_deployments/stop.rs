//! StopServiceDeployment.

use std::sync::Arc;

use kecs_model::ecs::{
    ServiceDeploymentStatus, StopServiceDeploymentRequest, StopServiceDeploymentResponse, StopServiceDeploymentStopType,
};
use kecs_model::{ApiError, RequestContext};

use super::key;
use crate::api::services;
use crate::engine::{ServiceRecord, Shared, Tx, World};
use crate::scheduler;

pub(in crate::api) async fn stop_service_deployment(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: StopServiceDeploymentRequest,
) -> Result<StopServiceDeploymentResponse, ApiError> {
    shared.write(ctx, |world, tx| stop(world, tx, input)).await
}

fn stop(world: &mut World, tx: &mut Tx, input: StopServiceDeploymentRequest) -> Result<StopServiceDeploymentResponse, ApiError> {
    let not_found = || ApiError::service_deployment_not_found("Service deployment not found.");
    let arn = input.service_deployment_arn.unwrap_or_default();
    let found = key(&world.scope, "service-deployment", &arn).and_then(|key| world.service_deployments.get(key));
    let record = Arc::clone(found.ok_or_else(not_found)?);
    let status = match input.stop_type.unwrap_or(StopServiceDeploymentStopType::Rollback) {
        StopServiceDeploymentStopType::Rollback => ServiceDeploymentStatus::RollbackRequested,
        StopServiceDeploymentStopType::Abort => ServiceDeploymentStatus::StopRequested,
        StopServiceDeploymentStopType::Unrecognized(strange) => {
            return Err(ApiError::invalid_parameter(format!("Invalid stop type: {strange}.")));
        }
    };
    let service = world.services.get(&record.cluster, &record.service).filter(|service| service.active()).ok_or_else(not_found)?;
    if !record.ongoing() {
        let message = "The service deployment has ended and cannot be stopped.";
        return Err(ApiError::conflict(message).with_resource_ids([arn]));
    }
    // One that is stopping or rolling back already goes on with that ("Stopping Amazon ECS service deployments").
    if !matches!(record.deployment.status, Some(ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress)) {
        return Ok(StopServiceDeploymentResponse { service_deployment_arn: Some(arn) });
    }
    let service = ServiceRecord::clone(service);
    scheduler::change_service_deployment(world, tx, &service, &record.id, |record| {
        record.deployment.status = Some(status);
    });
    services::put(world, tx, service);
    Ok(StopServiceDeploymentResponse { service_deployment_arn: Some(arn) })
}
