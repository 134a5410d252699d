//! Whether an order exists in which the containers of a task can start.

use kecs_core::{BackendError, ErrorKind};

use crate::plan::TaskPlan;

/// # Errors
///
/// `Invalid` where dependencies form a circle or name a container that is not there, in the words of the ECS agent's `TaskDependencyError`.
pub(crate) fn check(plan: &TaskPlan, arn: &str) -> Result<(), BackendError> {
    let mut placed: Vec<&str> = Vec::new();
    while placed.len() < plan.containers.len() {
        let next = plan.containers.iter().find(|container| {
            !placed.contains(&container.name.as_str())
                && container.needs.iter().all(|need| placed.contains(&need.container.as_str()))
        });
        let Some(next) = next else {
            return Err(BackendError::new(ErrorKind::Invalid, format!("Task dependencies cannot be resolved, taskArn: {arn}")));
        };
        placed.push(&next.name);
    }
    Ok(())
}
