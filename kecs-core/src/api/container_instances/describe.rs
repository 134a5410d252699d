//! DescribeContainerInstances and ListContainerInstances.

use std::sync::Arc;

use kecs_model::ecs::{
    ContainerInstanceField, ContainerInstanceHealthStatus, ContainerInstanceStatus, DescribeContainerInstancesRequest,
    DescribeContainerInstancesResponse, InstanceHealthCheckResult, InstanceHealthCheckState, InstanceHealthCheckType,
    ListContainerInstancesRequest, ListContainerInstancesResponse,
};
use kecs_model::{ApiError, RequestContext};

use super::{failure, find};
use crate::capacity::candidate;
use crate::engine::{ContainerInstanceRecord, Shared, instances_of};
use crate::instance_life::described;
use crate::page::Page;
use crate::placement::Expression;

/// "A list of up to 100 container instance IDs" (DescribeContainerInstances).
const MOST_DESCRIBED: usize = 100;

pub(in crate::api) async fn describe_container_instances(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeContainerInstancesRequest,
) -> Result<DescribeContainerInstancesResponse, ApiError> {
    let named = input.container_instances.unwrap_or_default();
    if named.len() > MOST_DESCRIBED {
        return Err(ApiError::invalid_parameter("Container Instances cannot have more than 100 elements."));
    }
    let include = input.include.unwrap_or_default();
    let tags = include.contains(&ContainerInstanceField::Tags);
    let health = include.contains(&ContainerInstanceField::ContainerInstanceHealth);
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        if named.is_empty() {
            return Err(ApiError::client("Container Instances cannot be empty."));
        }
        let mut instances = Vec::new();
        let mut failures = Vec::new();
        for name in named {
            match find(world, cluster, &name) {
                Some(record) => {
                    let mut instance = described(world, record, tags);
                    instance.health_status = health.then(|| healthy(record));
                    instances.push(instance);
                }
                None => failures.push(failure(world, cluster, &name, "MISSING")),
            }
        }
        Ok(DescribeContainerInstancesResponse { container_instances: Some(instances), failures: Some(failures) })
    })
}

/// The check of the container runtime, which is the backend's: it says nothing against any instance.
fn healthy(record: &ContainerInstanceRecord) -> ContainerInstanceHealthStatus {
    let state = || Some(InstanceHealthCheckState::Ok);
    ContainerInstanceHealthStatus {
        overall_status: state(),
        details: Some(vec![InstanceHealthCheckResult {
            r#type: Some(InstanceHealthCheckType::ContainerRuntime),
            status: state(),
            last_updated: record.instance.registered_at,
            last_status_change: record.instance.registered_at,
            ..InstanceHealthCheckResult::default()
        }]),
    }
}

pub(in crate::api) async fn list_container_instances(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListContainerInstancesRequest,
) -> Result<ListContainerInstancesResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, 100, 100)?;
    if matches!(input.status, Some(ContainerInstanceStatus::Unrecognized(_))) {
        let message = format!("status should be one of [{}]", ContainerInstanceStatus::VALUES.join(","));
        return Err(ApiError::invalid_parameter(message));
    }
    let filter = input.filter.as_deref().filter(|text| !text.trim().is_empty()).map(Expression::parse).transpose();
    let filter = filter.map_err(|error| ApiError::invalid_parameter(format!("Invalid filter expression: {error}.")))?;
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        let prefix = instances_of(cluster);
        let after = page.after.as_ref().map(|id| format!("{prefix}{id}"));
        let found = world
            .instances
            .range(&prefix, after.as_deref())
            .map(|(_, record)| record)
            .filter(|record| record.state.listed(input.status.as_ref()))
            .filter(|record| filter.as_ref().is_none_or(|filter| filter.matches(&candidate(world, record))));
        let (records, next_token) = page.take(found, |record| record.id.clone());
        let arns = records.into_iter().map(|record| record.arn().to_owned()).collect();
        Ok(ListContainerInstancesResponse { container_instance_arns: Some(arns), next_token })
    })
}
