//! The variables that the agent gives to every container.

use kecs_model::ecs::{LaunchType, Task};

use super::{Agent, DefaultCredentials, role_of};
use crate::engine::{TaskDefinitionRecord, TaskRecord};
use crate::task_spec::EnvValue;

/// What says where an SDK finds the credentials of its container. They belong together: a task that sets one of them has credentials of its own.
const CREDENTIALS: [&str; 4] = [
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

impl Agent {
    /// The variables of a container, where its task does not set them itself. None if nobody said where tasks reach their endpoints.
    pub(crate) fn environment(
        &self,
        record: &TaskRecord,
        definition: &TaskDefinitionRecord,
        container: &str,
        own: &[(String, EnvValue)],
    ) -> Vec<(String, EnvValue)> {
        let Some(endpoint) = self.config.endpoint_of(&record.cluster) else { return Vec::new() };
        let region = &*record.cluster.scope.region;
        let id = self.key.endpoint_id(record.id, container);
        let mut variables: Vec<(&str, EnvValue)> = vec![
            ("AWS_ENDPOINT_URL", plain(&endpoint)),
            ("AWS_REGION", plain(region)),
            ("AWS_DEFAULT_REGION", plain(region)),
            ("AWS_EXECUTION_ENV", plain(execution_env(&record.task))),
            // The machine's own role, if it happens to be an instance of Amazon EC2, is not the task's.
            ("AWS_EC2_METADATA_DISABLED", plain("true")),
            ("ECS_CONTAINER_METADATA_URI", plain(&format!("{endpoint}/v3/{id}"))),
            ("ECS_CONTAINER_METADATA_URI_V4", plain(&format!("{endpoint}/v4/{id}"))),
            ("ECS_AGENT_URI", plain(&format!("{endpoint}/api/{id}"))),
        ];
        let sets = |name: &str| own.iter().any(|(own, _)| own == name);
        let has_some = role_of(record, Some(definition)).is_some() || self.config.default_credentials != DefaultCredentials::None;
        if has_some && !CREDENTIALS.iter().any(|name| sets(name)) {
            variables.extend([
                (
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                    plain(&format!("{endpoint}/v2/credentials/{}", super::credentials_id(record.id))),
                ),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", EnvValue::Secret(self.key.token(record.id))),
            ]);
        }
        variables.into_iter().filter(|(name, _)| !sets(name)).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn plain(value: &str) -> EnvValue {
    EnvValue::Plain(value.into())
}

/// "AWS_EXECUTION_ENV" as AWS's own SDKs know it from tasks.
fn execution_env(task: &Task) -> &'static str {
    match task.launch_type {
        Some(LaunchType::Fargate) => "AWS_ECS_FARGATE",
        _ => "AWS_ECS_EC2",
    }
}
