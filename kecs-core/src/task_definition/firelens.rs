//! FireLens: containers that log to a log router, and the router.

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, FirelensConfiguration, FirelensConfigurationType, LogDriver};

use super::{Subject, refuse, text};
use crate::ObjectRef;

const FILE_TYPE: &str = "config-file-type";
const FILE_VALUE: &str = "config-file-value";

/// Root, as which log routers run.
pub(crate) const ROOT: &str = "0";

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let mut routers = 0;
    for container in subject.containers {
        let Some(firelens) = &container.firelens_configuration else { continue };
        routers += 1;
        if !matches!(firelens.r#type, Some(FirelensConfigurationType::Fluentd | FirelensConfigurationType::Fluentbit)) {
            // Our wording.
            return refuse("The firelensConfiguration type must be one of [fluentd,fluentbit]");
        }
        check_user(container)?;
        // The words of the ECS agent, which finds the same.
        match config_file(firelens).or_else(refuse)? {
            // As aws/aws-sdk#311 has it, of `s3://…`.
            Some(ConfigFile::InS3(arn)) if !arn.starts_with("arn:") || ObjectRef::parse(arn).is_none() => {
                return refuse("Invalid arn syntax.");
            }
            _ => {}
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

/// Quoted by users of Terraform (cloudposse/terraform-aws-ecs-container-definition#97) with `root` and other names.
fn check_user(container: &ContainerDefinition) -> Result<(), ApiError> {
    let user = text(container.user.as_ref());
    match user.split_once(':').map_or(user, |(user, _)| user) {
        "" | ROOT => Ok(()),
        _ => refuse("If 'user' field is specified on firelens container, then 'UID' has to be '0'."),
    }
}

/// "If one submits a firelens-enabled task definition with user=null, AWS replaces the value with "0"" (the same report).
pub(super) fn fill_in(container: &mut ContainerDefinition) {
    if container.firelens_configuration.is_some() && text(container.user.as_ref()).is_empty() {
        container.user = Some(ROOT.to_owned());
    }
}

/// A file of configuration beside what the router is told anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigFile<'a> {
    /// In the router's image, by its path.
    InImage(&'a str),
    /// In Amazon S3, by its ARN.
    InS3(&'a str),
}

/// The file that the options name, or what is wrong with them in the words of the ECS agent.
pub(crate) fn config_file(firelens: &FirelensConfiguration) -> Result<Option<ConfigFile<'_>>, String> {
    let option = |name: &str| firelens.options.as_ref()?.get(name).map(String::as_str);
    let file: fn(_) -> _ = match option(FILE_TYPE) {
        None => return Ok(None),
        Some("file") => ConfigFile::InImage,
        Some("s3") => ConfigFile::InS3,
        Some(other) => return Err(format!("invalid value {other} is specified for option {FILE_TYPE}")),
    };
    let value = option(FILE_VALUE).ok_or_else(|| format!("option {FILE_TYPE} is specified but {FILE_VALUE} is not specified"))?;
    Ok(Some(file(value)))
}
