//! DescribeTaskSets.

use std::sync::Arc;

use kecs_model::ecs::{DescribeTaskSetsRequest, DescribeTaskSetsResponse, Failure, TaskSetField};
use kecs_model::{ApiError, RequestContext};

use super::{described, find, of, service};
use crate::engine::Shared;

pub(in crate::api) async fn describe_task_sets(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeTaskSetsRequest,
) -> Result<DescribeTaskSetsResponse, ApiError> {
    let tags = input.include.unwrap_or_default().contains(&TaskSetField::Tags);
    let now = shared.clock.now();
    shared.read(ctx, |world| {
        let service = service(world, input.cluster.as_deref(), input.service.as_deref())?;
        let mut failures = Vec::new();
        let named = input.task_sets.unwrap_or_default();
        let task_sets = if named.is_empty() {
            of(world, &service).map(|record| described(world, &service, record, tags, now)).collect()
        } else {
            let mut found = Vec::new();
            for name in named {
                match find(world, &service, &name) {
                    Some(record) => found.push(described(world, &service, record, tags, now)),
                    None => failures.push(Failure { arn: Some(name), reason: Some("MISSING".to_owned()), detail: None }),
                }
            }
            found
        };
        Ok(DescribeTaskSetsResponse { task_sets: Some(task_sets), failures: Some(failures) })
    })
}
