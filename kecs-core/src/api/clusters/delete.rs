//! DeleteCluster.

use std::sync::Arc;

use kecs_model::ecs::{DeleteClusterRequest, DeleteClusterResponse};
use kecs_model::{ApiError, RequestContext};

use super::described;
use crate::engine::{By, ClusterRecord, Shared, TaskIndex, World};

pub(in crate::api) async fn delete_cluster(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteClusterRequest,
) -> Result<DeleteClusterResponse, ApiError> {
    let named = input.cluster.filter(|named| !named.is_empty());
    let named = named.ok_or_else(|| ApiError::invalid_parameter("Cluster can not be blank."))?;
    let cluster = shared
        .write(ctx, |world, tx| {
            let mut record = ClusterRecord::clone(world.active_cluster(Some(&named))?);
            refuse_if_used(world, &record)?;
            record.inactive = true;
            record.cluster.status = Some("INACTIVE".to_owned());
            let record = world.clusters.put(tx, record);
            Ok(described(world, &record, &[]))
        })
        .await?;
    Ok(DeleteClusterResponse { cluster: Some(cluster) })
}

/// The texts are AWS's, as users quote them; that about capacity providers is ours.
fn refuse_if_used(world: &World, cluster: &ClusterRecord) -> Result<(), ApiError> {
    if world.instances_of(&cluster.name).next().is_some() {
        let message = "The Cluster cannot be deleted while Container Instances are active or draining.";
        return Err(ApiError::cluster_contains_container_instances(message));
    }
    if world.services.active_count(&cluster.name) > 0 {
        return Err(ApiError::cluster_contains_services("The Cluster cannot be deleted while Services are active."));
    }
    if world
        .capacity_providers
        .iter()
        .any(|provider| provider.active() && provider.provider.cluster.as_deref() == Some(&cluster.name))
    {
        let message = "The Cluster cannot be deleted while Capacity Providers are active.";
        return Err(ApiError::cluster_contains_capacity_provider(message));
    }
    let tasks = [true, false].into_iter().any(|wanted| {
        let index = TaskIndex { cluster: cluster.name.as_str().into(), wanted, by: By::Cluster };
        world.tasks.of(&index).any(|task| !task.stopped())
    });
    if tasks {
        return Err(ApiError::cluster_contains_tasks("The Cluster cannot be deleted while Tasks are active."));
    }
    Ok(())
}
