//! DeleteCapacityProvider.

use std::sync::Arc;

use kecs_model::ecs::{
    CapacityProvider, CapacityProviderStatus, CapacityProviderUpdateStatus, DeleteCapacityProviderRequest,
    DeleteCapacityProviderResponse,
};
use kecs_model::{ApiError, RequestContext};

use super::{changeable, in_use, not_found};
use crate::engine::{CapacityProviderRecord, ClusterRecord, Shared, World, cluster_name};

/// Deletes it, or says in `updateStatus` that it cannot: the call itself succeeds either way (as users see it: ekristen/aws-nuke#542).
pub(in crate::api) async fn delete_capacity_provider(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteCapacityProviderRequest,
) -> Result<DeleteCapacityProviderResponse, ApiError> {
    let provider = shared
        .write(ctx, |world, tx| {
            let mut record = CapacityProviderRecord::clone(changeable(world, input.capacity_provider.as_deref())?);
            let of = record.provider.cluster.as_deref();
            if input.cluster.is_some() && of.is_some() && cluster_name(&world.scope, input.cluster.as_deref()) != of {
                return Err(not_found());
            }
            if let Some(reason) = obstacle(world, &record) {
                record.provider.update_status = Some(CapacityProviderUpdateStatus::DeleteFailed);
                record.provider.update_status_reason = Some(reason);
                let record = world.capacity_providers.put(tx, record);
                return Ok(shown(&record));
            }
            if let Some(cluster) = of.and_then(|cluster| world.clusters.get(cluster)) {
                let mut cluster = ClusterRecord::clone(cluster);
                cluster.cluster.capacity_providers.get_or_insert_default().retain(|name| *name != record.name);
                let strategy = cluster.cluster.default_capacity_provider_strategy.get_or_insert_default();
                strategy.retain(|item| item.capacity_provider.as_ref() != Some(&record.name));
                world.clusters.put(tx, cluster);
            }
            // What clients are told first; a moment later it is done.
            record.provider.update_status = Some(CapacityProviderUpdateStatus::DeleteInProgress);
            record.provider.update_status_reason = None;
            let answer = shown(&record);
            record.provider.status = Some(CapacityProviderStatus::Inactive);
            record.provider.update_status = Some(CapacityProviderUpdateStatus::DeleteComplete);
            world.capacity_providers.put(tx, record);
            Ok(answer)
        })
        .await?;
    Ok(DeleteCapacityProviderResponse { capacity_provider: Some(provider) })
}

/// Why it cannot be deleted: AWS's text for an association, as users quote it.
fn obstacle(world: &World, record: &CapacityProviderRecord) -> Option<String> {
    if record.managed_instances() {
        let used = record.provider.cluster.as_deref().is_some_and(|cluster| in_use(world, cluster, &record.name));
        return used.then(|| "The capacity provider cannot be deleted because it is in use by tasks.".to_owned());
    }
    let associated = |cluster: &&Arc<ClusterRecord>| {
        !cluster.inactive && cluster.cluster.capacity_providers.iter().flatten().any(|name| *name == record.name)
    };
    let cluster = world.clusters.iter().find(associated)?;
    Some(format!(
        "The capacity provider cannot be deleted because it is associated with cluster: {}. Remove the capacity provider from the cluster and try again.",
        cluster.name
    ))
}

fn shown(record: &CapacityProviderRecord) -> CapacityProvider {
    CapacityProvider { tags: Some(Vec::new()), ..record.provider.clone() }
}
