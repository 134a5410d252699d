//! Clusters.

use std::sync::Arc;

use kecs_model::ecs::{
    Cluster, ClusterField, ClusterSetting, ClusterSettingName, CreateClusterRequest, CreateClusterResponse, DeleteClusterRequest,
    DeleteClusterResponse, DescribeClustersRequest, DescribeClustersResponse, Failure, ListClustersRequest, ListClustersResponse,
    UpdateClusterRequest, UpdateClusterResponse, UpdateClusterSettingsRequest, UpdateClusterSettingsResponse,
};
use kecs_model::{ApiError, RequestContext};

use crate::engine::{ClusterRecord, Effect, Shared, World, cluster_name, scope_of};
use crate::page::Page;

pub(super) async fn create_cluster(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: CreateClusterRequest,
) -> Result<CreateClusterResponse, ApiError> {
    let name = input.cluster_name.clone().unwrap_or_else(|| "default".to_owned());
    let cluster = shared
        .write(ctx, |world, tx| {
            // "CreateCluster is idempotent": an ACTIVE cluster of that name is returned as it is.
            if let Some(existing) = world.clusters.get(&name).filter(|cluster| !cluster.inactive) {
                return Ok(described(world, existing, &[]));
            }
            let cluster = Cluster {
                cluster_arn: Some(world.scope.cluster_arn(&name)),
                cluster_name: Some(name.clone()),
                status: Some("ACTIVE".to_owned()),
                configuration: input.configuration,
                settings: Some(input.settings.unwrap_or_else(default_settings)),
                capacity_providers: Some(input.capacity_providers.unwrap_or_default()),
                default_capacity_provider_strategy: Some(input.default_capacity_provider_strategy.unwrap_or_default()),
                ..Cluster::default()
            };
            let record = ClusterRecord { name: name.clone(), cluster, tags: input.tags.unwrap_or_default(), inactive: false };
            let record = world.clusters.put(tx, record);
            tx.then(Effect::Watch(world.cluster_ref(&name)));
            Ok(described(world, &record, &[ClusterField::Settings, ClusterField::Configurations, ClusterField::Tags]))
        })
        .await?;
    Ok(CreateClusterResponse { cluster: Some(cluster) })
}

fn default_settings() -> Vec<ClusterSetting> {
    vec![ClusterSetting { name: Some(ClusterSettingName::ContainerInsights), value: Some("disabled".to_owned()) }]
}

pub(super) async fn delete_cluster(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteClusterRequest,
) -> Result<DeleteClusterResponse, ApiError> {
    let cluster = shared
        .write(ctx, |world, tx| {
            let mut record = ClusterRecord::clone(world.active_cluster(input.cluster.as_deref())?);
            record.inactive = true;
            record.cluster.status = Some("INACTIVE".to_owned());
            let record = world.clusters.put(tx, record);
            Ok(described(world, &record, &[]))
        })
        .await?;
    Ok(DeleteClusterResponse { cluster: Some(cluster) })
}

pub(super) async fn describe_clusters(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeClustersRequest,
) -> Result<DescribeClustersResponse, ApiError> {
    let include = input.include.unwrap_or_default();
    let mut named = input.clusters.unwrap_or_default();
    if named.is_empty() {
        named.push("default".to_owned());
    }
    Ok(shared.read(ctx, |world| {
        let mut clusters = Vec::new();
        let mut failures = Vec::new();
        for name in named {
            match world.cluster(Some(&name)) {
                Some(record) => clusters.push(described(world, record, &include)),
                None => failures.push(Failure {
                    arn: Some(world.scope.cluster_arn(cluster_name(&world.scope, Some(&name)).unwrap_or(&name))),
                    reason: Some("MISSING".to_owned()),
                    ..Failure::default()
                }),
            }
        }
        DescribeClustersResponse { clusters: Some(clusters), failures: Some(failures) }
    }))
}

pub(super) async fn list_clusters(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListClustersRequest,
) -> Result<ListClustersResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, 100, 100)?;
    Ok(shared.read(ctx, |world| {
        let active = world.clusters.range("", page.after.as_deref()).filter(|(_, cluster)| !cluster.inactive);
        let (items, next_token) = page.take(active, |(name, _)| (*name).clone());
        let cluster_arns = items.into_iter().map(|(name, _)| scope_of(ctx).cluster_arn(name)).collect();
        ListClustersResponse { cluster_arns: Some(cluster_arns), next_token }
    }))
}

pub(super) async fn update_cluster(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateClusterRequest,
) -> Result<UpdateClusterResponse, ApiError> {
    let cluster = shared
        .write(ctx, |world, tx| {
            let mut record = ClusterRecord::clone(world.active_cluster(input.cluster.as_deref())?);
            if input.configuration.is_some() {
                record.cluster.configuration = input.configuration;
            }
            if input.settings.is_some() {
                record.cluster.settings = input.settings;
            }
            let record = world.clusters.put(tx, record);
            Ok(described(world, &record, &[ClusterField::Settings, ClusterField::Configurations]))
        })
        .await?;
    Ok(UpdateClusterResponse { cluster: Some(cluster) })
}

pub(super) async fn update_cluster_settings(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateClusterSettingsRequest,
) -> Result<UpdateClusterSettingsResponse, ApiError> {
    let cluster = shared
        .write(ctx, |world, tx| {
            let mut record = ClusterRecord::clone(world.active_cluster(input.cluster.as_deref())?);
            record.cluster.settings = input.settings;
            let record = world.clusters.put(tx, record);
            Ok(described(world, &record, &[ClusterField::Settings]))
        })
        .await?;
    Ok(UpdateClusterSettingsResponse { cluster: Some(cluster) })
}

/// A cluster as clients see it, with its counts, and with what `include` asks for.
fn described(world: &World, record: &ClusterRecord, include: &[ClusterField]) -> Cluster {
    let mut cluster = record.cluster.clone();
    let counts = world.tasks.counts(&record.name, None);
    cluster.running_tasks_count = Some(counts.running);
    cluster.pending_tasks_count = Some(counts.pending);
    cluster.registered_container_instances_count = Some(0);
    cluster.active_services_count = Some(0);
    if !include.contains(&ClusterField::Settings) {
        cluster.settings = Some(Vec::new());
    }
    if !include.contains(&ClusterField::Configurations) {
        cluster.configuration = None;
    }
    cluster.tags = Some(if include.contains(&ClusterField::Tags) { record.tags.clone() } else { Vec::new() });
    cluster.statistics = Some(Vec::new());
    cluster
}
