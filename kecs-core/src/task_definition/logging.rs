//! Log configurations of containers.

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, LogConfiguration, LogDriver};

use super::{list, name, refuse};

pub(super) fn check(container: &ContainerDefinition) -> Result<(), ApiError> {
    let Some(log) = &container.log_configuration else { return Ok(()) };
    let driver = match &log.log_driver {
        Some(LogDriver::Unrecognized(driver)) => return not_a_driver(driver, LogDriver::VALUES),
        Some(driver) => driver,
        // Our wording.
        None => {
            return refuse(format!(
                "Invalid 'logConfiguration' setting for container '{}'. 'logDriver' must be specified.",
                name(container)
            ));
        }
    };
    let required: &[&str] = match driver {
        LogDriver::Awslogs => &["awslogs-region", "awslogs-group"],
        LogDriver::Splunk => &["splunk-token", "splunk-url"],
        _ => &[],
    };
    let missing: Vec<&str> = required.iter().copied().filter(|option| !has(log, option)).collect();
    if !missing.is_empty() {
        return refuse(format!("Log driver {driver} requires options: {}", missing.join(", ")));
    }
    Ok(())
}

/// Refuses a log driver that is not among those of the launch type.
pub(super) fn not_a_driver<T>(driver: &str, valid: &[&str]) -> Result<T, ApiError> {
    refuse(format!("{driver} is not a valid log driver. Must be one of [{}]", valid.join(",")))
}

/// Whether an option is set, openly or as a secret.
pub(super) fn has(log: &LogConfiguration, option: &str) -> bool {
    let openly = log.options.as_ref().and_then(|options| options.get(option)).is_some_and(|value| !value.is_empty());
    openly || list(log.secret_options.as_ref()).iter().any(|secret| secret.name.as_deref() == Some(option))
}
