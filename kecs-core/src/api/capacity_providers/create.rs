//! CreateCapacityProvider.

use std::sync::Arc;

use kecs_model::ecs::{
    AutoScalingGroupProvider, CapacityProvider, CapacityProviderStatus, CapacityProviderType, CapacityProviderUpdateStatus,
    CreateCapacityProviderRequest, CreateCapacityProviderResponse, CreateManagedInstancesProviderConfiguration, ManagedDraining,
    ManagedInstancesProvider, ManagedScalingStatus, ManagedTerminationProtection,
};
use kecs_model::{ApiError, RequestContext};

use super::check_scaling;
use crate::engine::{CapacityProviderRecord, ClusterRecord, Shared};
use crate::tags;

// AWS's texts, as users quote them.
const NAME_INVALID: &str = "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with \"aws\", \"ecs\", or \"fargate\". Specify a valid name and try again.";
const EXISTS: &str = "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.";

pub(in crate::api) async fn create_capacity_provider(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: CreateCapacityProviderRequest,
) -> Result<CreateCapacityProviderResponse, ApiError> {
    let name = input.name.unwrap_or_default();
    check_name(&name)?;
    tags::check(input.tags.as_deref().unwrap_or_default()).map_err(ApiError::invalid_parameter)?;
    let kind = match (input.auto_scaling_group_provider, input.managed_instances_provider) {
        (Some(group), None) => Kind::Group(auto_scaling_group(group)?),
        (None, Some(managed)) => Kind::Managed(Box::new(managed_instances(managed)?)),
        _ => {
            let message = "Specify either autoScalingGroupProvider or managedInstancesProvider and try again.";
            return Err(ApiError::invalid_parameter(message));
        }
    };
    let managed = matches!(kind, Kind::Managed(_));
    if managed && input.cluster.is_none() {
        return Err(ApiError::invalid_parameter("A cluster must be specified with managedInstancesProvider."));
    }
    let provider = shared
        .write(ctx, |world, tx| {
            if world.capacity_providers.get(&name).is_some_and(|record| record.active()) {
                return Err(ApiError::client(EXISTS));
            }
            let cluster = match &input.cluster {
                Some(named) => Some(Arc::clone(world.active_cluster(Some(named))?)),
                None => None,
            };
            let mut provider = CapacityProvider {
                capacity_provider_arn: Some(world.scope.capacity_provider_arn(&name)),
                name: Some(name.clone()),
                status: Some(CapacityProviderStatus::Active),
                update_status: Some(CapacityProviderUpdateStatus::CreateComplete),
                ..CapacityProvider::default()
            };
            match kind {
                Kind::Group(group) => {
                    provider.auto_scaling_group_provider = Some(group);
                    provider.r#type = Some(CapacityProviderType::Ec2Autoscaling);
                }
                Kind::Managed(managed) => {
                    provider.managed_instances_provider = Some(*managed);
                    provider.r#type = Some(CapacityProviderType::ManagedInstances);
                    provider.cluster = cluster.as_ref().map(|cluster| cluster.name.clone());
                }
            }
            let record = CapacityProviderRecord { name: name.clone(), provider, tags: input.tags.unwrap_or_default() };
            let record = world.capacity_providers.put(tx, record);
            // "When you create a capacity provider with Amazon ECS Managed Instances, it becomes available only within the specified cluster."
            if let Some(cluster) = cluster.filter(|_| managed) {
                let mut cluster = ClusterRecord::clone(&cluster);
                cluster.cluster.capacity_providers.get_or_insert_default().push(name.clone());
                world.clusters.put(tx, cluster);
            }
            Ok(CapacityProvider { tags: Some(record.tags.clone()), ..record.provider.clone() })
        })
        .await?;
    Ok(CreateCapacityProviderResponse { capacity_provider: Some(provider) })
}

enum Kind {
    Group(AutoScalingGroupProvider),
    Managed(Box<ManagedInstancesProvider>),
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let lower = name.to_ascii_lowercase();
    let valid = (1..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && !["aws", "ecs", "fargate"].iter().any(|prefix| lower.starts_with(prefix));
    if valid { Ok(()) } else { Err(ApiError::client(NAME_INVALID)) }
}

/// Fills in the defaults that AutoScalingGroupProvider and ManagedScaling document.
fn auto_scaling_group(mut group: AutoScalingGroupProvider) -> Result<AutoScalingGroupProvider, ApiError> {
    if group.auto_scaling_group_arn.as_deref().is_none_or(str::is_empty) {
        return Err(ApiError::invalid_parameter("autoScalingGroupArn cannot be null or empty."));
    }
    let scaling = group.managed_scaling.get_or_insert_default();
    check_scaling(scaling)?;
    scaling.status.get_or_insert(ManagedScalingStatus::Disabled);
    scaling.target_capacity.get_or_insert(100);
    scaling.minimum_scaling_step_size.get_or_insert(1);
    scaling.maximum_scaling_step_size.get_or_insert(10_000);
    scaling.instance_warmup_period.get_or_insert(300);
    group.managed_termination_protection.get_or_insert(ManagedTerminationProtection::Disabled);
    group.managed_draining.get_or_insert(ManagedDraining::Disabled);
    Ok(group)
}

fn managed_instances(managed: CreateManagedInstancesProviderConfiguration) -> Result<ManagedInstancesProvider, ApiError> {
    let CreateManagedInstancesProviderConfiguration {
        auto_repair_configuration,
        infrastructure_optimization,
        infrastructure_role_arn,
        instance_launch_template,
        propagate_tags,
    } = managed;
    let template =
        instance_launch_template.as_ref().ok_or_else(|| ApiError::invalid_parameter("instanceLaunchTemplate cannot be null."))?;
    if infrastructure_role_arn.as_deref().is_none_or(str::is_empty) {
        return Err(ApiError::invalid_parameter("infrastructureRoleArn cannot be null or empty."));
    }
    if template.ec2_instance_profile_arn.as_deref().is_none_or(str::is_empty) {
        return Err(ApiError::invalid_parameter("ec2InstanceProfileArn cannot be null or empty."));
    }
    if template.network_configuration.is_none() {
        return Err(ApiError::invalid_parameter("networkConfiguration cannot be null."));
    }
    Ok(ManagedInstancesProvider {
        auto_repair_configuration,
        infrastructure_optimization,
        infrastructure_role_arn,
        instance_launch_template,
        propagate_tags,
    })
}
