//! UpdateCluster, UpdateClusterSettings and PutClusterCapacityProviders.

use std::sync::Arc;

use kecs_model::ecs::{
    Cluster, ClusterConfiguration, ClusterField, ClusterSetting, PutClusterCapacityProvidersRequest,
    PutClusterCapacityProvidersResponse, UpdateClusterRequest, UpdateClusterResponse, UpdateClusterSettingsRequest,
    UpdateClusterSettingsResponse,
};
use kecs_model::{ApiError, RequestContext};

use super::{checks, described};
use crate::api::capacity_providers;
use crate::capacity;
use crate::engine::{ClusterRecord, Shared};

pub(in crate::api) async fn update_cluster(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateClusterRequest,
) -> Result<UpdateClusterResponse, ApiError> {
    checks::settings(input.settings.as_deref().unwrap_or_default())?;
    input.configuration.as_ref().map_or(Ok(()), checks::configuration)?;
    let service_connect = input.service_connect_defaults.map(checks::service_connect).transpose()?;
    let cluster = shared
        .write(ctx, |world, tx| {
            let mut record = ClusterRecord::clone(world.active_cluster(input.cluster.as_deref())?);
            if let Some(configuration) = input.configuration {
                merge_configuration(&mut record.cluster, configuration);
            }
            merge_settings(&mut record.cluster, input.settings);
            if let Some(defaults) = service_connect {
                record.cluster.service_connect_defaults = defaults;
            }
            let record = world.clusters.put(tx, record);
            Ok(described(world, &record, &[ClusterField::Settings, ClusterField::Configurations]))
        })
        .await?;
    Ok(UpdateClusterResponse { cluster: Some(cluster) })
}

pub(in crate::api) async fn update_cluster_settings(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateClusterSettingsRequest,
) -> Result<UpdateClusterSettingsResponse, ApiError> {
    let settings = input.settings.ok_or_else(|| ApiError::invalid_parameter("settings cannot be null."))?;
    checks::settings(&settings)?;
    let cluster = shared
        .write(ctx, |world, tx| {
            let mut record = ClusterRecord::clone(world.active_cluster(input.cluster.as_deref())?);
            merge_settings(&mut record.cluster, Some(settings));
            let record = world.clusters.put(tx, record);
            Ok(described(world, &record, &[ClusterField::Settings]))
        })
        .await?;
    Ok(UpdateClusterSettingsResponse { cluster: Some(cluster) })
}

pub(in crate::api) async fn put_cluster_capacity_providers(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: PutClusterCapacityProvidersRequest,
) -> Result<PutClusterCapacityProvidersResponse, ApiError> {
    let mut providers = input.capacity_providers.ok_or_else(|| ApiError::invalid_parameter("capacityProviders cannot be null."))?;
    let strategy = input
        .default_capacity_provider_strategy
        .ok_or_else(|| ApiError::invalid_parameter("defaultCapacityProviderStrategy cannot be null."))?;
    let cluster = shared
        .write(ctx, |world, tx| {
            let mut record = ClusterRecord::clone(world.active_cluster(input.cluster.as_deref())?);
            checks::providers(world, &record.name, &providers)?;
            for before in record.cluster.capacity_providers.iter().flatten() {
                if providers.contains(before) {
                    continue;
                }
                if world.capacity_providers.get(before).is_some_and(|provider| provider.managed_instances()) {
                    // Made for this cluster; only DeleteCapacityProvider takes it away.
                    providers.push(before.clone());
                } else if capacity_providers::in_use(world, &record.name, before) {
                    let message = "The specified capacity provider is in use and cannot be removed.";
                    return Err(ApiError::resource_in_use(message));
                }
            }
            capacity::check_default_strategy(&providers, &strategy)?;
            record.cluster.capacity_providers = Some(providers);
            record.cluster.default_capacity_provider_strategy = Some(strategy);
            let record = world.clusters.put(tx, record);
            Ok(described(world, &record, &[ClusterField::Settings, ClusterField::Attachments]))
        })
        .await?;
    Ok(PutClusterCapacityProvidersResponse { cluster: Some(cluster) })
}

/// Replaces what is given and keeps the rest.
fn merge_configuration(cluster: &mut Cluster, change: ClusterConfiguration) {
    let configuration = cluster.configuration.get_or_insert_default();
    let ClusterConfiguration { execute_command_configuration, managed_storage_configuration } = change;
    if execute_command_configuration.is_some() {
        configuration.execute_command_configuration = execute_command_configuration;
    }
    if managed_storage_configuration.is_some() {
        configuration.managed_storage_configuration = managed_storage_configuration;
    }
}

fn merge_settings(cluster: &mut Cluster, change: Option<Vec<ClusterSetting>>) {
    let settings = cluster.settings.get_or_insert_default();
    for setting in change.into_iter().flatten() {
        settings.retain(|other| other.name != setting.name);
        settings.push(setting);
    }
}
