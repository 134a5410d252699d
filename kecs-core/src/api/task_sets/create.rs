//! CreateTaskSet.

use std::sync::Arc;

use kecs_model::ecs::{CreateTaskSetRequest, CreateTaskSetResponse, ServiceRevision, TaskSet};
use kecs_model::{ApiError, RequestContext};

use super::{described, of, scale, service};
use crate::api::services;
use crate::capacity::Capacity;
use crate::engine::{ServiceRecord, Shared, TaskSetRecord, Tx, World};
use crate::{scheduler, tags};

/// "Task sets per service: 5" ("Amazon ECS service quotas").
const MOST: usize = 5;

pub(in crate::api) async fn create_task_set(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: CreateTaskSetRequest,
) -> Result<CreateTaskSetResponse, ApiError> {
    shared.write(ctx, |world, tx| create(world, tx, input)).await
}

fn create(world: &mut World, tx: &mut Tx, input: CreateTaskSetRequest) -> Result<CreateTaskSetResponse, ApiError> {
    let service = service(world, input.cluster.as_deref(), input.service.as_deref())?;
    let client_token = services::client_token(input.client_token)?;
    if let Some(same) = of(world, &service).find(|set| client_token.is_some() && set.client_token == client_token) {
        return Ok(CreateTaskSetResponse { task_set: Some(described(world, &service, same, true, tx.now)) });
    }
    if of(world, &service).count() >= MOST {
        // aws-samples/ecs-bg-external-controller#6 has the text, and that the code is not LimitExceededException.
        let message =
            format!("{MOST} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit.");
        return Err(ApiError::invalid_parameter(message));
    }
    tags::check(input.tags.as_deref().unwrap_or_default()).map_err(ApiError::invalid_parameter)?;
    let scale = scale(input.scale)?;
    let cluster = world.active_cluster(Some(&service.cluster))?;
    let named = input.task_definition.as_deref().filter(|named| !named.is_empty());
    let definition =
        services::definition(world, named.ok_or_else(|| ApiError::invalid_parameter("TaskDefinition can not be blank."))?)?;
    let capacity = Capacity::resolve(cluster, input.launch_type, input.capacity_provider_strategy)?;
    let mut workload = ServiceRevision { network_configuration: input.network_configuration, ..ServiceRevision::default() };
    services::complete(&mut workload, &definition, capacity, input.platform_version.as_deref())?;

    let scope = &world.scope;
    let id = format!("ecs-svc/{}", scheduler::new_number());
    let task_set = TaskSet {
        id: Some(id.clone()),
        task_set_arn: Some(scope.task_set_arn(&service.cluster, &service.name, &id)),
        service_arn: service.service.service_arn.clone(),
        cluster_arn: service.service.cluster_arn.clone(),
        external_id: input.external_id,
        status: Some("ACTIVE".to_owned()),
        task_definition: workload.task_definition,
        launch_type: workload.launch_type,
        capacity_provider_strategy: workload.capacity_provider_strategy,
        platform_version: workload.platform_version,
        platform_family: workload.platform_family,
        network_configuration: workload.network_configuration,
        load_balancers: Some(input.load_balancers.unwrap_or_default()),
        service_registries: Some(input.service_registries.unwrap_or_default()),
        scale: Some(scale),
        created_at: Some(tx.now),
        updated_at: Some(tx.now),
        ..TaskSet::default()
    };
    let record = TaskSetRecord {
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        id,
        task_set,
        tags: input.tags.unwrap_or_default(),
        client_token,
    };
    let record = world.task_sets.put(tx, record);
    let service = services::put(world, tx, ServiceRecord { steady: false, ..ServiceRecord::clone(&service) });
    Ok(CreateTaskSetResponse { task_set: Some(described(world, &service, &record, true, tx.now)) })
}
