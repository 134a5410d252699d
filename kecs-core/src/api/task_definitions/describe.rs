//! DescribeTaskDefinition.

use std::sync::Arc;

use kecs_model::ecs::{DescribeTaskDefinitionRequest, DescribeTaskDefinitionResponse, TaskDefinitionField};
use kecs_model::{ApiError, RequestContext};

use crate::engine::Shared;

pub(in crate::api) async fn describe_task_definition(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeTaskDefinitionRequest,
) -> Result<DescribeTaskDefinitionResponse, ApiError> {
    let named = input.task_definition.unwrap_or_default();
    let tags = input.include.unwrap_or_default().contains(&TaskDefinitionField::Tags);
    shared.read(ctx, |world| {
        let record = world
            .task_definitions
            .find(&world.scope, &named)
            .ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
        Ok(DescribeTaskDefinitionResponse {
            task_definition: Some(record.definition.clone()),
            // "If this field is omitted, tags aren't included in the response": the list is there, and empty.
            tags: Some(if tags { record.tags.clone() } else { Vec::new() }),
        })
    })
}
