//! DeregisterTaskDefinition.

use std::sync::Arc;

use kecs_model::ecs::{DeregisterTaskDefinitionRequest, DeregisterTaskDefinitionResponse, TaskDefinitionStatus};
use kecs_model::{ApiError, RequestContext};

use crate::engine::{Shared, TaskDefinitionRecord, named_revision, release_unused_role};

pub(in crate::api) async fn deregister_task_definition(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeregisterTaskDefinitionRequest,
) -> Result<DeregisterTaskDefinitionResponse, ApiError> {
    let named = input.task_definition.unwrap_or_default();
    let definition = shared
        .write(ctx, |world, tx| {
            if let Some((_, None)) = named_revision(&world.scope, &named) {
                return Err(ApiError::client("Revision is missing."));
            }
            let record = world
                .task_definitions
                .find(&world.scope, &named)
                .ok_or_else(|| ApiError::client("The specified task definition does not exist."))?;
            if record.is(&TaskDefinitionStatus::DeleteInProgress) {
                let message = "The task definition could not be deregistered because it is in the process of being deleted.";
                return Err(ApiError::client(message));
            }
            // Deregistering once more changes nothing.
            if !record.is(&TaskDefinitionStatus::Active) {
                return Ok(record.definition.clone());
            }
            let mut record = TaskDefinitionRecord::clone(record);
            record.definition.status = Some(TaskDefinitionStatus::Inactive);
            record.definition.deregistered_at = Some(tx.now);
            let record = world.task_definitions.put(tx, record);
            release_unused_role(world, tx, record.role().as_deref());
            Ok(record.definition.clone())
        })
        .await?;
    Ok(DeregisterTaskDefinitionResponse { task_definition: Some(definition) })
}
