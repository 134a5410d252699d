//! Capacity providers.
//!
//! FARGATE and FARGATE_SPOT are always there. One for an Auto Scaling group, or with managed instances, is a name with settings: tasks that
//! are placed on it run where the backend runs them, and nothing is scaled.

mod create;
mod delete;
mod describe;
mod update;

pub(super) use create::create_capacity_provider;
pub(super) use delete::delete_capacity_provider;
pub(super) use describe::describe_capacity_providers;
pub(super) use update::update_capacity_provider;

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::{CapacityProvider, CapacityProviderStatus, CapacityProviderType, ManagedScaling};

use crate::arn::Arn;
use crate::capacity::{FARGATE, FARGATE_SPOT};
use crate::engine::{By, CapacityProviderRecord, ServiceRecord, TaskIndex, World, service_key};

/// AWS's text, as the Terraform provider quotes it.
pub(super) fn not_found() -> ApiError {
    ApiError::client("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
}

/// The name in what a request says of a capacity provider: a name, or an ARN of this scope.
fn provider_name<'a>(world: &World, named: &'a str) -> Option<&'a str> {
    match Arn::parse(named) {
        None => Some(named),
        Some(arn) => match arn.ecs_resource(&world.scope)? {
            ("capacity-provider", name) => Some(name),
            _ => None,
        },
    }
}

/// One of Fargate's, as clients see it.
fn predefined(world: &World, name: &str) -> Option<CapacityProvider> {
    let provider_type = match name {
        FARGATE => CapacityProviderType::Fargate,
        FARGATE_SPOT => CapacityProviderType::FargateSpot,
        _ => return None,
    };
    Some(CapacityProvider {
        capacity_provider_arn: Some(world.scope.capacity_provider_arn(name)),
        name: Some(name.to_owned()),
        status: Some(CapacityProviderStatus::Active),
        r#type: Some(provider_type),
        tags: Some(Vec::new()),
        ..CapacityProvider::default()
    })
}

/// The capacity provider that a request names, if it can be used; without its tags.
pub(super) fn active(world: &World, named: &str) -> Option<CapacityProvider> {
    let name = provider_name(world, named)?;
    predefined(world, name).or_else(|| world.capacity_providers.get(name).filter(|it| it.active()).map(|it| it.provider.clone()))
}

/// The one that a request names to change or delete it: it was created, and not deleted.
fn changeable<'a>(world: &'a World, named: Option<&str>) -> Result<&'a Arc<CapacityProviderRecord>, ApiError> {
    let name = provider_name(world, named.unwrap_or_default()).ok_or_else(not_found)?;
    if crate::capacity::is_fargate(name) {
        let message = "The FARGATE and FARGATE_SPOT capacity providers are reserved and can't be changed or deleted.";
        return Err(ApiError::invalid_parameter(message));
    }
    world.capacity_providers.get(name).filter(|record| record.active()).ok_or_else(not_found)
}

/// Whether tasks of a cluster are on a capacity provider, or services of it want theirs there.
pub(super) fn in_use(world: &World, cluster: &str, provider: &str) -> bool {
    let index = TaskIndex { cluster: cluster.into(), wanted: true, by: By::Cluster };
    let prefix = service_key(cluster, "");
    let of_service = |service: &ServiceRecord| {
        let mut strategy = service.service.capacity_provider_strategy.iter().flatten();
        service.active() && strategy.any(|item| item.capacity_provider.as_deref() == Some(provider))
    };
    world.tasks.of(&index).any(|task| task.task.capacity_provider_name.as_deref() == Some(provider))
        || world.services.of(&prefix, None).any(|service| of_service(service))
}

/// The ranges that ManagedScaling documents.
fn check_scaling(scaling: &ManagedScaling) -> Result<(), ApiError> {
    let within = |value: Option<i32>, least: i32, most: i32| value.is_none_or(|value| (least..=most).contains(&value));
    let valid = within(scaling.target_capacity, 1, 100)
        && within(scaling.minimum_scaling_step_size, 1, 10_000)
        && within(scaling.maximum_scaling_step_size, 1, 10_000)
        && within(scaling.instance_warmup_period, 0, 10_000);
    if valid {
        return Ok(());
    }
    let message = "The managed scaling settings for the capacity provider are invalid. The target capacity must be between 1 and 100, the scaling step sizes between 1 and 10000 and the instance warmup period between 0 and 10000.";
    Err(ApiError::client(message))
}
