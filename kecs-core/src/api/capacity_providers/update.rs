//! UpdateCapacityProvider.

use std::sync::Arc;

use kecs_model::ecs::{
    AutoScalingGroupProvider, AutoScalingGroupProviderUpdate, CapacityProvider, CapacityProviderUpdateStatus,
    InstanceLaunchTemplate, InstanceLaunchTemplateUpdate, ManagedInstancesProvider, ManagedScaling, UpdateCapacityProviderRequest,
    UpdateCapacityProviderResponse, UpdateManagedInstancesProviderConfiguration,
};
use kecs_model::{ApiError, RequestContext};

use super::{changeable, check_scaling, not_found};
use crate::engine::{CapacityProviderRecord, Shared, cluster_name};

pub(in crate::api) async fn update_capacity_provider(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateCapacityProviderRequest,
) -> Result<UpdateCapacityProviderResponse, ApiError> {
    if let Some(scaling) = input.auto_scaling_group_provider.as_ref().and_then(|group| group.managed_scaling.as_ref()) {
        check_scaling(scaling)?;
    }
    let provider = shared
        .write(ctx, |world, tx| {
            let mut record = CapacityProviderRecord::clone(changeable(world, input.name.as_deref())?);
            let of = record.provider.cluster.as_deref();
            if input.cluster.is_some() && of.is_some() && cluster_name(&world.scope, input.cluster.as_deref()) != of {
                return Err(not_found());
            }
            let provider = &mut record.provider;
            match (input.auto_scaling_group_provider, input.managed_instances_provider) {
                (Some(change), None) => match &mut provider.auto_scaling_group_provider {
                    Some(group) => update_group(group, change),
                    None => return Err(other_kind()),
                },
                (None, Some(change)) => match &mut provider.managed_instances_provider {
                    Some(managed) => update_managed(managed, change),
                    None => return Err(other_kind()),
                },
                _ => {
                    let message = "Specify either autoScalingGroupProvider or managedInstancesProvider and try again.";
                    return Err(ApiError::invalid_parameter(message));
                }
            }
            provider.update_status = Some(CapacityProviderUpdateStatus::UpdateComplete);
            provider.update_status_reason = None;
            let record = world.capacity_providers.put(tx, record);
            Ok(CapacityProvider { tags: Some(Vec::new()), ..record.provider.clone() })
        })
        .await?;
    Ok(UpdateCapacityProviderResponse { capacity_provider: Some(provider) })
}

fn other_kind() -> ApiError {
    ApiError::invalid_parameter("The type of a capacity provider cannot be changed.")
}

/// Replaces what is given and keeps the rest.
fn update<T>(value: &mut Option<T>, change: Option<T>) {
    if change.is_some() {
        *value = change;
    }
}

fn update_group(group: &mut AutoScalingGroupProvider, change: AutoScalingGroupProviderUpdate) {
    let AutoScalingGroupProviderUpdate { managed_draining, managed_scaling, managed_termination_protection } = change;
    update(&mut group.managed_draining, managed_draining);
    update(&mut group.managed_termination_protection, managed_termination_protection);
    if let Some(change) = managed_scaling {
        let ManagedScaling {
            instance_warmup_period,
            maximum_scaling_step_size,
            minimum_scaling_step_size,
            status,
            target_capacity,
        } = change;
        let scaling = group.managed_scaling.get_or_insert_default();
        update(&mut scaling.instance_warmup_period, instance_warmup_period);
        update(&mut scaling.maximum_scaling_step_size, maximum_scaling_step_size);
        update(&mut scaling.minimum_scaling_step_size, minimum_scaling_step_size);
        update(&mut scaling.status, status);
        update(&mut scaling.target_capacity, target_capacity);
    }
}

fn update_managed(managed: &mut ManagedInstancesProvider, change: UpdateManagedInstancesProviderConfiguration) {
    let UpdateManagedInstancesProviderConfiguration {
        auto_repair_configuration,
        infrastructure_optimization,
        infrastructure_role_arn,
        instance_launch_template,
        propagate_tags,
    } = change;
    update(&mut managed.auto_repair_configuration, auto_repair_configuration);
    update(&mut managed.infrastructure_optimization, infrastructure_optimization);
    update(&mut managed.infrastructure_role_arn, infrastructure_role_arn);
    update(&mut managed.propagate_tags, propagate_tags);
    if let Some(change) = instance_launch_template {
        update_template(managed.instance_launch_template.get_or_insert_default(), change);
    }
}

fn update_template(template: &mut InstanceLaunchTemplate, change: InstanceLaunchTemplateUpdate) {
    let InstanceLaunchTemplateUpdate {
        capacity_reservations,
        ec2_instance_profile_arn,
        instance_metadata_tags_propagation,
        instance_requirements,
        local_storage_configuration,
        monitoring,
        network_configuration,
        storage_configuration,
    } = change;
    update(&mut template.capacity_reservations, capacity_reservations);
    update(&mut template.ec2_instance_profile_arn, ec2_instance_profile_arn);
    update(&mut template.instance_metadata_tags_propagation, instance_metadata_tags_propagation);
    update(&mut template.instance_requirements, instance_requirements);
    update(&mut template.local_storage_configuration, local_storage_configuration);
    update(&mut template.monitoring, monitoring);
    update(&mut template.network_configuration, network_configuration);
    update(&mut template.storage_configuration, storage_configuration);
}
