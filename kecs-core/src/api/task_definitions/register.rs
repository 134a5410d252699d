//! RegisterTaskDefinition.

use std::sync::Arc;

use kecs_model::ecs::{RegisterTaskDefinitionRequest, RegisterTaskDefinitionResponse};
use kecs_model::{ApiError, RequestContext};

use crate::account_settings;
use crate::engine::{Shared, TaskDefinitionRecord};
use crate::tags;
use crate::task_definition::{self, Registration};

pub(in crate::api) async fn register_task_definition(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: RegisterTaskDefinitionRequest,
) -> Result<RegisterTaskDefinitionResponse, ApiError> {
    task_definition::validate(&input)?;
    if let Some(tags) = &input.tags {
        if tags.is_empty() {
            return Err(ApiError::client("Tags can not be empty."));
        }
        tags::check(tags).map_err(ApiError::client)?;
    }
    let family = input.family.clone().unwrap_or_default();
    shared
        .write(ctx, |world, tx| {
            let revision = world.task_definitions.next_revision(tx, &family);
            let registration = Registration {
                arn: world.scope.task_definition_arn(&family, revision),
                revision,
                at: tx.now,
                by: account_settings::caller(ctx),
            };
            let tags = input.tags.clone().unwrap_or_default();
            let definition = task_definition::registered(input, registration);
            let record = TaskDefinitionRecord { family, revision, definition, tags };
            let record = world.task_definitions.put(tx, record);
            Ok(RegisterTaskDefinitionResponse { task_definition: Some(record.definition.clone()), tags: Some(record.tags.clone()) })
        })
        .await
}
