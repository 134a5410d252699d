//! DescribeTasks.

use std::sync::Arc;

use kecs_model::ecs::{DescribeTasksRequest, DescribeTasksResponse, TaskField};
use kecs_model::{ApiError, RequestContext};

use super::{MOST_READ, at_most, described, failure, named, readable_cluster};
use crate::engine::Shared;

pub(in crate::api) async fn describe_tasks(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeTasksRequest,
) -> Result<DescribeTasksResponse, ApiError> {
    let asked = input.tasks.unwrap_or_default();
    if asked.is_empty() {
        return Err(ApiError::invalid_parameter("Tasks cannot be empty."));
    }
    at_most(&asked, MOST_READ)?;
    let tags = input.include.unwrap_or_default().contains(&TaskField::Tags);
    shared.read(ctx, |world| {
        let cluster = &readable_cluster(world, input.cluster.as_deref())?.name;
        let mut tasks = Vec::with_capacity(asked.len());
        let mut failures = Vec::new();
        for name in &asked {
            match named(world, cluster, name)? {
                Some(record) => tasks.push(described(record, tags)),
                None => failures.push(failure(world, cluster, name, "MISSING")),
            }
        }
        Ok(DescribeTasksResponse { tasks: Some(tasks), failures: Some(failures) })
    })
}
