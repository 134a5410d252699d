//! Task sets, of services with the EXTERNAL deployment controller.

mod create;
mod describe;
mod update;

pub(super) use create::create_task_set;
pub(super) use describe::describe_task_sets;
pub(super) use update::{delete_task_set, update_service_primary_task_set, update_task_set};

use std::sync::Arc;

use kecs_model::ecs::{Scale, ScaleUnit, TaskSet};
use kecs_model::{ApiError, Timestamp};

use super::services;
use crate::Scope;
use crate::arn::Arn;
use crate::engine::{ServiceRecord, TaskSetRecord, World, service_key, task_set_key};
use crate::scheduler::{self, ServiceCounts};

/// The service that a request names; refused unless it is ACTIVE and its deployments are task sets.
fn service(world: &World, cluster: Option<&str>, named: Option<&str>) -> Result<Arc<ServiceRecord>, ApiError> {
    let cluster = &world.active_cluster(cluster)?.name;
    let service = services::find_active(world, cluster, named.unwrap_or_default())?;
    if !service.external() {
        // hashicorp/terraform-provider-aws#30347 has the text.
        return Err(ApiError::invalid_parameter(
            "Amazon ECS only supports task set management on services configured to use external deployment controllers.",
        ));
    }
    Ok(Arc::clone(service))
}

/// The id in what a request says of a task set: `ecs-svc/<n>` or an ARN.
fn id<'a>(scope: &Scope, service: &ServiceRecord, named: &'a str) -> Option<&'a str> {
    let Some(arn) = Arn::parse(named) else { return Some(named) };
    match arn.ecs_resource(scope)? {
        ("task-set", path) => path.strip_prefix(&service_key(&service.cluster, &service.name))?.strip_prefix('/'),
        _ => None,
    }
}

fn find<'a>(world: &'a World, service: &ServiceRecord, named: &str) -> Option<&'a Arc<TaskSetRecord>> {
    world.task_sets.get(&task_set_key(&service.cluster, &service.name, id(&world.scope, service, named)?))
}

fn found(world: &World, service: &ServiceRecord, named: Option<&str>) -> Result<Arc<TaskSetRecord>, ApiError> {
    let not_found = || ApiError::task_set_not_found("The specified task set does not exist.");
    find(world, service, named.unwrap_or_default()).cloned().ok_or_else(not_found)
}

/// The task sets of a service.
fn of<'a>(world: &'a World, service: &ServiceRecord) -> impl Iterator<Item = &'a Arc<TaskSetRecord>> + use<'a> {
    let prefix = format!("{}/", service_key(&service.cluster, &service.name));
    world.task_sets.range(&prefix, None).map(|(_, record)| record).collect::<Vec<_>>().into_iter()
}

/// A task set as clients see it.
fn described(world: &World, service: &ServiceRecord, record: &TaskSetRecord, tags: bool, now: Timestamp) -> TaskSet {
    let counts = ServiceCounts::of(world, &service.cluster, &service.name);
    let mut task_set = scheduler::described_task_set(service, &counts, record, now);
    task_set.tags = tags.then(|| record.tags.clone());
    task_set
}

/// "Accepted values are numbers between 0 and 100" (Scale.value). The words are ours.
fn scale(scale: Option<Scale>) -> Result<Scale, ApiError> {
    let scale = scale.unwrap_or_default();
    let value = scale.value.unwrap_or(0.0);
    if !(0.0..=100.0).contains(&value) {
        return Err(ApiError::invalid_parameter("The scale value must be between 0 and 100."));
    }
    Ok(Scale { unit: Some(scale.unit.unwrap_or(ScaleUnit::Percent)), value: Some(value) })
}
