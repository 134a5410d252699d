//! ListServiceDeployments.

use std::sync::Arc;

use kecs_model::ecs::{CreatedAt, ListServiceDeploymentsRequest, ListServiceDeploymentsResponse, ServiceDeploymentBrief};
use kecs_model::{ApiError, RequestContext};

use crate::api::services;
use crate::engine::{ServiceDeploymentRecord, Shared, World, service_key};
use crate::page::Page;

/// "If this parameter isn't used, then ListServiceDeployments returns up to 20 results" (maxResults), "between 1 and 100".
const PAGE: usize = 20;
const MOST: usize = 100;

pub(in crate::api) async fn list_service_deployments(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListServiceDeploymentsRequest,
) -> Result<ListServiceDeploymentsResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, PAGE, MOST)?;
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        let named = input.service.as_deref().unwrap_or_default();
        let service = services::find(world, cluster, named).ok_or_else(ApiError::service_not_found)?;
        let prefix = format!("{}/", service_key(&service.cluster, &service.name));
        let mut found: Vec<_> = world
            .service_deployments
            .range(&prefix, None)
            .map(|(_, record)| (place(record), record))
            .filter(|(place, _)| page.after.as_ref().is_none_or(|after| place > after))
            .filter(|(_, record)| matches(record, &input))
            .collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (found, next_token) = page.take(found.into_iter(), |(place, _)| place.clone());
        let service_deployments = found.iter().map(|(_, record)| brief(world, record)).collect();
        Ok(ListServiceDeploymentsResponse { service_deployments: Some(service_deployments), next_token })
    })
}

/// Sorts the newest first.
fn place(record: &ServiceDeploymentRecord) -> String {
    let created_at = record.deployment.created_at.map_or(0, kecs_model::Timestamp::as_millis);
    format!("{:020}/{}", i64::MAX - created_at, record.id)
}

fn matches(record: &ServiceDeploymentRecord, input: &ListServiceDeploymentsRequest) -> bool {
    let deployment = &record.deployment;
    let statuses = input.status.as_deref().filter(|statuses| !statuses.is_empty());
    let of_status = statuses.is_none_or(|statuses| deployment.status.as_ref().is_some_and(|status| statuses.contains(status)));
    let CreatedAt { after, before } = input.created_at.clone().unwrap_or_default();
    let created_at = deployment.created_at;
    of_status && after.is_none_or(|after| created_at >= Some(after)) && before.is_none_or(|before| created_at <= Some(before))
}

fn brief(world: &World, record: &ServiceDeploymentRecord) -> ServiceDeploymentBrief {
    let deployment = record.deployment.clone();
    ServiceDeploymentBrief {
        service_deployment_arn: deployment.service_deployment_arn,
        service_arn: deployment.service_arn,
        cluster_arn: deployment.cluster_arn,
        created_at: deployment.created_at,
        started_at: deployment.started_at,
        finished_at: deployment.finished_at,
        target_service_revision_arn: Some(world.scope.service_revision_arn(&record.cluster, &record.service, &record.target)),
        status: deployment.status,
        status_reason: deployment.status_reason,
    }
}
