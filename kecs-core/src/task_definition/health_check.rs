//! Health checks of containers.

use kecs_model::ApiError;
use kecs_model::ecs::ContainerDefinition;

use super::{list, name, refuse};

pub(super) fn check(container: &ContainerDefinition) -> Result<(), ApiError> {
    let Some(health) = &container.health_check else { return Ok(()) };
    let name = name(container);
    // What the command begins with is left to the runtime: ECS registers one that begins with neither CMD nor CMD-SHELL.
    if list(health.command.as_ref()).is_empty() {
        // Our wording.
        return refuse(format!("Health check command must not be empty for container '{name}'"));
    }
    // The ranges are those of HealthCheck in the API reference.
    let settings = [
        ("interval", health.interval, 5, 300),
        ("timeout", health.timeout, 2, 60),
        ("retries", health.retries, 1, 10),
        ("startPeriod", health.start_period, 0, 300),
    ];
    for (setting, value, least, most) in settings {
        let Some(value) = value else { continue };
        if value > most {
            return refuse(format!(
                "Health check {setting} must be less than or equal to the maximum allowed value {most} for container '{name}'"
            ));
        }
        if value < least {
            // Our wording, after that for the maximum.
            return refuse(format!(
                "Health check {setting} must be greater than or equal to the minimum allowed value {least} for container '{name}'"
            ));
        }
    }
    Ok(())
}
