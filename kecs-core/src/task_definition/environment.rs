//! Environment variables, secrets and environment files.

use std::collections::HashSet;

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, EnvironmentFile, EnvironmentFileType};

use super::{list, name, refuse, text};
use crate::arn::Arn;

/// "You can specify up to ten environment files" (ContainerDefinition).
const MOST_FILES: usize = 10;

pub(super) fn check(container: &ContainerDefinition) -> Result<(), ApiError> {
    let mut names: HashSet<&str> = HashSet::new();
    for variable in list(container.environment.as_ref()) {
        let variable = text(variable.name.as_ref());
        if variable.is_empty() {
            // Our wording.
            return refuse(format!(
                "Invalid 'environment' setting for container '{}'. Names should not be null or empty.",
                name(container)
            ));
        }
        names.insert(variable);
    }
    for secret in list(container.secrets.as_ref()) {
        let secret_name = text(secret.name.as_ref());
        if secret_name.is_empty() || text(secret.value_from.as_ref()).is_empty() {
            // Our wording.
            return refuse(format!(
                "Invalid 'secrets' setting for container '{}'. 'name' and 'valueFrom' should not be null or empty.",
                name(container)
            ));
        }
        if !names.insert(secret_name) {
            return refuse(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{secret_name}'."
            ));
        }
    }
    let files = list(container.environment_files.as_ref());
    if files.len() > MOST_FILES {
        return refuse("The maximum number of environment files was exceeded. Specify ten or less and try again.");
    }
    files.iter().try_for_each(check_file)
}

/// "The file must have a .env file extension"; "The only supported value is s3".
fn check_file(file: &EnvironmentFile) -> Result<(), ApiError> {
    if file.r#type != Some(EnvironmentFileType::S3) {
        // Our wording.
        return refuse("Invalid environment file type. The only supported value is s3.");
    }
    let value = text(file.value.as_ref());
    let Some(arn) = Arn::parse(value).filter(|arn| arn.service == "s3" && arn.resource.contains('/')) else {
        return refuse("Invalid arn syntax.");
    };
    #[expect(clippy::case_sensitive_file_extension_comparisons, reason = "the keys of S3 are case-sensitive")]
    if !arn.resource.ends_with(".env") {
        // Our wording.
        return refuse(format!("Invalid environment file '{value}'. The file must have a .env file extension."));
    }
    Ok(())
}
