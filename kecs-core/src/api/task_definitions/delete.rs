//! DeleteTaskDefinitions.

use std::sync::Arc;

use kecs_model::ecs::{DeleteTaskDefinitionsRequest, DeleteTaskDefinitionsResponse, Failure, TaskDefinitionStatus};
use kecs_model::{ApiError, RequestContext};

use crate::engine::{Shared, TaskDefinitionRecord, World, named_revision};
use crate::task_definition;

/// "You can specify up to 10 task definitions" (DeleteTaskDefinitions).
const MOST_DELETED: usize = 10;

pub(in crate::api) async fn delete_task_definitions(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteTaskDefinitionsRequest,
) -> Result<DeleteTaskDefinitionsResponse, ApiError> {
    let named = input.task_definitions.unwrap_or_default();
    if !(1..=MOST_DELETED).contains(&named.len()) {
        // Our wording.
        return Err(ApiError::invalid_parameter(format!("taskDefinitions must have 1 to {MOST_DELETED} elements.")));
    }
    shared
        .write(ctx, |world, tx| {
            let mut deleted = Vec::new();
            let mut failures = Vec::new();
            for name in named {
                match deletable(world, &name) {
                    // It is being deleted already.
                    Ok(record) if record.is(&TaskDefinitionStatus::DeleteInProgress) => deleted.push(record.definition.clone()),
                    Ok(record) => deleted.push(task_definition::begin_delete(world, tx, &record).definition.clone()),
                    Err(reason) => {
                        failures.push(Failure { arn: Some(name), reason: Some(reason.to_owned()), ..Failure::default() });
                    }
                }
            }
            Ok(DeleteTaskDefinitionsResponse { task_definitions: Some(deleted), failures: Some(failures) })
        })
        .await
}

/// The revision that a request names, if it may be deleted; else why not, in AWS's words.
fn deletable(world: &World, name: &str) -> Result<Arc<TaskDefinitionRecord>, &'static str> {
    if !matches!(named_revision(&world.scope, name), Some((_, Some(_)))) {
        return Err("The specified task definition identifier is invalid. Specify a valid name or ARN and try again.");
    }
    let Some(record) = world.task_definitions.find(&world.scope, name) else {
        return Err("The specified task definition does not exist. Specify a valid account, family, revision and try again.");
    };
    if record.is(&TaskDefinitionStatus::Active) {
        return Err("The specified task definition is still in ACTIVE status. Please deregister the target and try again.");
    }
    Ok(Arc::clone(record))
}
