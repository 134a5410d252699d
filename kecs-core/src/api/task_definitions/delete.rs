//! DeleteTaskDefinitions.

use std::sync::Arc;

use kecs_model::ecs::{DeleteTaskDefinitionsRequest, DeleteTaskDefinitionsResponse, Failure, TaskDefinitionStatus};
use kecs_model::{ApiError, RequestContext};

use crate::engine::{Shared, TaskDefinitionRecord};

pub(in crate::api) async fn delete_task_definitions(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteTaskDefinitionsRequest,
) -> Result<DeleteTaskDefinitionsResponse, ApiError> {
    let named = input.task_definitions.unwrap_or_default();
    shared
        .write(ctx, |world, tx| {
            let mut deleted = Vec::new();
            let mut failures = Vec::new();
            for name in named {
                let record = world.task_definitions.find(&world.scope, &name);
                let Some(record) = record.filter(|record| record.is(&TaskDefinitionStatus::Inactive)) else {
                    failures.push(Failure { arn: Some(name), reason: Some("MISSING".to_owned()), detail: None });
                    continue;
                };
                let mut record = TaskDefinitionRecord::clone(record);
                record.definition.status = Some(TaskDefinitionStatus::DeleteInProgress);
                record.definition.delete_requested_at = Some(tx.now);
                deleted.push(world.task_definitions.put(tx, record).definition.clone());
            }
            Ok(DeleteTaskDefinitionsResponse { task_definitions: Some(deleted), failures: Some(failures) })
        })
        .await
}
