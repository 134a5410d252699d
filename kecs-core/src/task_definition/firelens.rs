//! FireLens: containers that log to a log router, and the router.

use kecs_model::ApiError;
use kecs_model::ecs::{FirelensConfigurationType, LogDriver};

use super::{Subject, refuse};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let mut routers = 0;
    for firelens in subject.containers.iter().filter_map(|container| container.firelens_configuration.as_ref()) {
        routers += 1;
        if !matches!(firelens.r#type, Some(FirelensConfigurationType::Fluentd | FirelensConfigurationType::Fluentbit)) {
            // Our wording.
            return refuse("The firelensConfiguration type must be one of [fluentd,fluentbit]");
        }
    }
    let drivers = || subject.containers.iter().filter_map(|container| container.log_configuration.as_ref()?.log_driver.as_ref());
    let routed = drivers().any(|driver| *driver == LogDriver::Awsfirelens);
    match (routers, routed) {
        (0, true) => refuse(
            "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers.",
        ),
        (1.., false) => refuse(
            "When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver.",
        ),
        // Our wording.
        (2.., true) => refuse("Only one container in a task definition can have a firelensConfiguration object."),
        _ => Ok(()),
    }
}
