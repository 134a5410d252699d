//! The roles, and what cannot be done without an execution role.

use kecs_model::ApiError;

use super::{Subject, list, refuse, text};
use crate::arn::Arn;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    for role in [&subject.input.task_role_arn, &subject.input.execution_role_arn] {
        let role = text(role.as_ref());
        if !role.is_empty() && !is_role(role) {
            return refuse("Role is not valid");
        }
    }
    if subject.has_execution_role() {
        return Ok(());
    }
    for container in subject.containers {
        if container.repository_credentials.is_some() {
            return refuse(
                "Private repository authentication requires that the task definition specify a value for executionRoleArn.",
            );
        }
        let of_log = container.log_configuration.as_ref().and_then(|log| log.secret_options.as_ref());
        if !list(container.secrets.as_ref()).is_empty() || !list(of_log).is_empty() {
            return refuse("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.");
        }
    }
    Ok(())
}

/// "The short name or full Amazon Resource Name (ARN) of the IAM role". The account is not compared: whoever runs locally need not have
/// made the role in the same account.
fn is_role(role: &str) -> bool {
    match Arn::parse(role) {
        Some(arn) => {
            arn.service == "iam" && arn.region.is_empty() && arn.resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
        }
        // IAM's own pattern of a role's name.
        None => role.len() <= 64 && role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)),
    }
}
