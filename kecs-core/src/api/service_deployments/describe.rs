//! DescribeServiceDeployments and DescribeServiceRevisions.

use std::sync::Arc;

use kecs_model::ecs::{
    DescribeServiceDeploymentsRequest, DescribeServiceDeploymentsResponse, DescribeServiceRevisionsRequest,
    DescribeServiceRevisionsResponse, Failure,
};
use kecs_model::{ApiError, RequestContext};

use super::key;
use crate::engine::{Shared, World};
use crate::scheduler;

/// "You can specify a maximum of 20 ARNs" (both operations).
const MOST_DESCRIBED: usize = 20;

pub(in crate::api) async fn describe_service_deployments(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeServiceDeploymentsRequest,
) -> Result<DescribeServiceDeploymentsResponse, ApiError> {
    let arns = checked(input.service_deployment_arns)?;
    let find = |world: &World, arn: &str| {
        let record = world.service_deployments.get(key(&world.scope, "service-deployment", arn)?)?;
        Some(scheduler::described_deployment(world, record))
    };
    let (found, failures) = shared.read(ctx, |world| sort_out(arns, |arn| find(world, arn)));
    Ok(DescribeServiceDeploymentsResponse { service_deployments: Some(found), failures: Some(failures) })
}

pub(in crate::api) async fn describe_service_revisions(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeServiceRevisionsRequest,
) -> Result<DescribeServiceRevisionsResponse, ApiError> {
    let arns = checked(input.service_revision_arns)?;
    let find = |world: &World, arn: &str| {
        let record = world.service_revisions.get(key(&world.scope, "service-revision", arn)?)?;
        Some(record.revision.clone())
    };
    let (found, failures) = shared.read(ctx, |world| sort_out(arns, |arn| find(world, arn)));
    Ok(DescribeServiceRevisionsResponse { service_revisions: Some(found), failures: Some(failures) })
}

fn checked(arns: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    let arns = arns.unwrap_or_default();
    if arns.is_empty() || arns.len() > MOST_DESCRIBED {
        return Err(ApiError::invalid_parameter("You must specify at least 1 and at most 20 ARNs."));
    }
    Ok(arns)
}

fn sort_out<T>(arns: Vec<String>, find: impl Fn(&str) -> Option<T>) -> (Vec<T>, Vec<Failure>) {
    let mut found = Vec::with_capacity(arns.len());
    let mut failures = Vec::new();
    for arn in arns {
        match find(&arn) {
            Some(one) => found.push(one),
            None => failures.push(Failure { arn: Some(arn), reason: Some("MISSING".to_owned()), detail: None }),
        }
    }
    (found, failures)
}
