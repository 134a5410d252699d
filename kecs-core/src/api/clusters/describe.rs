//! DescribeClusters and ListClusters.

use std::sync::Arc;

use kecs_model::ecs::{
    ClusterField, DescribeClustersRequest, DescribeClustersResponse, Failure, ListClustersRequest, ListClustersResponse,
};
use kecs_model::{ApiError, RequestContext};

use super::described;
use crate::engine::{Shared, cluster_name, scope_of};
use crate::page::Page;

/// "A list of up to 100 cluster names" (DescribeClusters).
const MOST_DESCRIBED: usize = 100;

pub(in crate::api) async fn describe_clusters(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeClustersRequest,
) -> Result<DescribeClustersResponse, ApiError> {
    let include = input.include.unwrap_or_default();
    if include.iter().any(|field| matches!(field, ClusterField::Unrecognized(_))) {
        let message = format!("include should be one of [{}]", ClusterField::VALUES.join(","));
        return Err(ApiError::invalid_parameter(message));
    }
    let mut named = input.clusters.unwrap_or_default();
    if named.len() > MOST_DESCRIBED {
        return Err(ApiError::invalid_parameter("Clusters cannot have more than 100 elements."));
    }
    if named.iter().any(String::is_empty) {
        return Err(ApiError::invalid_parameter("Clusters can not be blank."));
    }
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

pub(in crate::api) async fn list_clusters(
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
