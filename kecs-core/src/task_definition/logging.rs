//! Log configurations of containers.

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, LogConfiguration, LogDriver};

use super::{list, name, refuse};

/// All options of `awslogs` in the API reference (LogConfiguration).
const AWSLOGS: [&str; 8] = [
    "awslogs-create-group",
    "awslogs-region",
    "awslogs-group",
    "awslogs-stream-prefix",
    "awslogs-datetime-format",
    "awslogs-multiline-pattern",
    "mode",
    "max-buffer-size",
];

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
    if *driver == LogDriver::Awslogs { check_awslogs(log) } else { Ok(()) }
}

/// The texts are AWS's: aws/amazon-ecs-agent#872, terraform-linters/tflint-ruleset-aws#348.
fn check_awslogs(log: &LogConfiguration) -> Result<(), ApiError> {
    let options = log.options.iter().flatten();
    let unknown: Vec<&str> = options.map(|(name, _)| name.as_str()).filter(|name| !AWSLOGS.contains(name)).collect();
    if !unknown.is_empty() {
        return refuse(format!("Log driver awslogs disallows options: {}", unknown.join(", ")));
    }
    match log.options.as_ref().and_then(|options| options.get("awslogs-create-group")) {
        Some(value) if value != "true" => {
            refuse("Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option.")
        }
        _ => Ok(()),
    }
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
