//! DeleteService.

use std::sync::Arc;

use kecs_model::ecs::{DeleteServiceRequest, DeleteServiceResponse};
use kecs_model::{ApiError, RequestContext};

use super::{described, find, put};
use crate::engine::{ServiceRecord, Shared, Tx, World, service_key};

const SCALED: &str = "The service cannot be stopped while it is scaled above 0.";
const DEPLOYING: &str = "The service cannot be stopped while deployments are active.";
const HAS_TASK_SETS: &str = "The service cannot be stopped while it has active task sets.";

pub(in crate::api) async fn delete_service(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteServiceRequest,
) -> Result<DeleteServiceResponse, ApiError> {
    shared.write(ctx, |world, tx| delete(world, tx, &input)).await
}

fn delete(world: &mut World, tx: &mut Tx, input: &DeleteServiceRequest) -> Result<DeleteServiceResponse, ApiError> {
    let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
    let service = find(world, &cluster, input.service.as_deref().unwrap_or_default()).ok_or_else(ApiError::service_not_found)?;
    if service.draining() {
        return Ok(DeleteServiceResponse { service: Some(described(world, service, false, tx.now)) });
    }
    if !service.active() {
        return Err(ApiError::service_not_found());
    }
    let force = input.force == Some(true);
    // "It's only necessary to use this if the service uses the REPLICA scheduling strategy" (DeleteService.force).
    if !force && !service.daemon() {
        if service.desired() > 0 {
            return Err(ApiError::invalid_parameter(SCALED));
        }
        if service.deployments.len() > 1 {
            return Err(ApiError::invalid_parameter(DEPLOYING));
        }
        let prefix = format!("{}/", service_key(&service.cluster, &service.name));
        if world.task_sets.range(&prefix, None).next().is_some() {
            return Err(ApiError::invalid_parameter(HAS_TASK_SETS));
        }
    }
    let mut record = ServiceRecord::clone(service);
    record.service.status = Some("DRAINING".to_owned());
    record.service.desired_count = Some(0);
    let record = put(world, tx, record);
    Ok(DeleteServiceResponse { service: Some(described(world, &record, false, tx.now)) })
}
