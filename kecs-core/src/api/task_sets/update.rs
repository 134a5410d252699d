//! UpdateTaskSet, UpdateServicePrimaryTaskSet and DeleteTaskSet.

use std::sync::Arc;

use kecs_model::ecs::{
    DeleteTaskSetRequest, DeleteTaskSetResponse, TaskSet, UpdateServicePrimaryTaskSetRequest, UpdateServicePrimaryTaskSetResponse,
    UpdateTaskSetRequest, UpdateTaskSetResponse,
};
use kecs_model::{ApiError, RequestContext};

use super::{described, found, of, scale, service};
use crate::api::services;
use crate::engine::{ServiceRecord, Shared, TaskSetRecord, Tx, World};

pub(in crate::api) async fn update_task_set(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateTaskSetRequest,
) -> Result<UpdateTaskSetResponse, ApiError> {
    let task_set = shared
        .write(ctx, |world, tx| {
            let service = service(world, input.cluster.as_deref(), input.service.as_deref())?;
            let record = found(world, &service, input.task_set.as_deref())?;
            let scale = scale(input.scale)?;
            Ok(change(world, tx, &service, &record, |task_set| task_set.scale = Some(scale)))
        })
        .await?;
    Ok(UpdateTaskSetResponse { task_set: Some(task_set) })
}

pub(in crate::api) async fn update_service_primary_task_set(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateServicePrimaryTaskSetRequest,
) -> Result<UpdateServicePrimaryTaskSetResponse, ApiError> {
    let task_set = shared
        .write(ctx, |world, tx| {
            let service = service(world, input.cluster.as_deref(), input.service.as_deref())?;
            let record = found(world, &service, input.primary_task_set.as_deref())?;
            if record.is("DRAINING") {
                // Our wording.
                return Err(ApiError::invalid_parameter("A task set that is DRAINING cannot become the primary task set."));
            }
            let others: Vec<_> = of(world, &service).filter(|set| set.is("PRIMARY") && set.id != record.id).cloned().collect();
            for other in others {
                change(world, tx, &service, &other, |task_set| task_set.status = Some("ACTIVE".to_owned()));
            }
            let service = adopt(&service, &record.task_set);
            Ok(change(world, tx, &service, &record, |task_set| task_set.status = Some("PRIMARY".to_owned())))
        })
        .await?;
    Ok(UpdateServicePrimaryTaskSetResponse { task_set: Some(task_set) })
}

/// "Any parameters that are updated on the primary task set in a service will transition to the service" (UpdateServicePrimaryTaskSet).
fn adopt(service: &ServiceRecord, task_set: &TaskSet) -> ServiceRecord {
    let mut record = service.clone();
    let service = &mut record.service;
    service.task_definition.clone_from(&task_set.task_definition);
    service.launch_type.clone_from(&task_set.launch_type);
    service.capacity_provider_strategy.clone_from(&task_set.capacity_provider_strategy);
    service.platform_version.clone_from(&task_set.platform_version);
    service.platform_family.clone_from(&task_set.platform_family);
    service.network_configuration.clone_from(&task_set.network_configuration);
    service.load_balancers.clone_from(&task_set.load_balancers);
    service.service_registries.clone_from(&task_set.service_registries);
    record
}

pub(in crate::api) async fn delete_task_set(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteTaskSetRequest,
) -> Result<DeleteTaskSetResponse, ApiError> {
    let task_set = shared
        .write(ctx, |world, tx| {
            let service = service(world, input.cluster.as_deref(), input.service.as_deref())?;
            let record = found(world, &service, input.task_set.as_deref())?;
            // "If true, you can delete a task set even if it hasn't been scaled down to zero" (DeleteTaskSet.force).
            let scaled = described(world, &service, &record, false, tx.now).computed_desired_count != Some(0);
            if scaled && input.force != Some(true) {
                // Our wording, after that for services.
                return Err(ApiError::invalid_parameter("The task set cannot be deleted while it is scaled above 0."));
            }
            Ok(change(world, tx, &service, &record, |task_set| task_set.status = Some("DRAINING".to_owned())))
        })
        .await?;
    Ok(DeleteTaskSetResponse { task_set: Some(task_set) })
}

/// Changes a task set, and lets the scheduler look at its service.
fn change(
    world: &mut World,
    tx: &mut Tx,
    service: &ServiceRecord,
    record: &TaskSetRecord,
    change: impl FnOnce(&mut TaskSet),
) -> TaskSet {
    let mut record = record.clone();
    change(&mut record.task_set);
    record.task_set.updated_at = Some(tx.now);
    let record = world.task_sets.put(tx, record);
    let service = services::put(world, tx, ServiceRecord { steady: false, ..service.clone() });
    described(world, &service, &record, false, tx.now)
}
