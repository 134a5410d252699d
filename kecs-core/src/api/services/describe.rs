//! DescribeServices.

use std::sync::Arc;

use kecs_model::ecs::{DescribeServicesRequest, DescribeServicesResponse, Failure, ServiceField};
use kecs_model::{ApiError, RequestContext};

use super::{described, find};
use crate::arn::Arn;
use crate::engine::Shared;

/// "You may specify up to 10 services to describe in a single operation" (DescribeServices).
const MOST_DESCRIBED: usize = 10;

pub(in crate::api) async fn describe_services(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeServicesRequest,
) -> Result<DescribeServicesResponse, ApiError> {
    let named = input.services.unwrap_or_default();
    if named.is_empty() {
        return Err(ApiError::invalid_parameter("Services cannot be empty."));
    }
    if named.len() > MOST_DESCRIBED {
        return Err(ApiError::invalid_parameter("Services cannot have more than 10 elements."));
    }
    let tags = input.include.unwrap_or_default().contains(&ServiceField::Tags);
    let now = shared.clock.now();
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        let mut services = Vec::with_capacity(named.len());
        let mut failures = Vec::new();
        for name in named {
            match find(world, cluster, &name) {
                Some(record) => services.push(described(world, record, tags, now)),
                None => failures.push(Failure {
                    arn: Some(if Arn::parse(&name).is_some() { name } else { world.scope.service_arn(cluster, &name) }),
                    reason: Some("MISSING".to_owned()),
                    detail: None,
                }),
            }
        }
        Ok(DescribeServicesResponse { services: Some(services), failures: Some(failures) })
    })
}
