//! What makes a task definition valid, and what ECS makes of a valid one.

mod registered;

pub(crate) use registered::{Registration, registered};

use kecs_model::ApiError;
use kecs_model::ecs::RegisterTaskDefinitionRequest;

/// Checks a task definition as RegisterTaskDefinition does, in AWS's words.
pub(crate) fn validate(input: &RegisterTaskDefinitionRequest) -> Result<(), ApiError> {
    if input.family.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::client("Family should not be null or empty."));
    }
    if input.container_definitions.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::client("Container list cannot be empty."));
    }
    Ok(())
}
