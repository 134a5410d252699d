//! What makes a task definition valid, and what ECS makes of a valid one.
//!
//! [`validate`] goes through the rooms below, one a concept, each a pure function of a [`Subject`]; [`registered`] fills in what ECS adds.
//!
//! The texts are AWS's, as its developer guide, its users' reports and measurements against the real service quote them. A text that could
//! not be found anywhere has the form of its neighbours and the words "our wording" beside it.

mod attributes;
mod compatibility;
mod deletion;
mod dependencies;
mod environment;
mod essentials;
mod fargate;
pub(crate) mod firelens;
mod health_check;
mod limits;
mod links;
mod logging;
mod network;
mod placement;
mod platform;
mod ports;
mod proxy;
mod registered;
mod resources;
mod roles;
mod sizes;
mod volumes;

#[cfg(test)]
mod tests;

pub(crate) use deletion::{begin_delete, delete_unused, resume};
pub(crate) use registered::{Registration, registered};

use kecs_model::ApiError;
use kecs_model::ecs::{Compatibility, ContainerDefinition, NetworkMode, RegisterTaskDefinitionRequest};

/// "Task definition size": 64 KB (Amazon ECS service quotas).
const MAX_BYTES: usize = 65_536;

/// Checks a task definition as RegisterTaskDefinition does, in AWS's words.
pub(crate) fn validate(input: &RegisterTaskDefinitionRequest) -> Result<(), ApiError> {
    let subject = Subject::new(input);
    essentials::check(&subject)?;
    platform::check(&subject)?;
    roles::check(&subject)?;
    sizes::check(&subject)?;
    for container in subject.containers {
        environment::check(container)?;
        health_check::check(container)?;
        limits::check(container)?;
        logging::check(container)?;
    }
    network::check(&subject)?;
    ports::check(&subject)?;
    links::check(&subject)?;
    volumes::check(&subject)?;
    dependencies::check(&subject)?;
    firelens::check(&subject)?;
    proxy::check(&subject)?;
    placement::check(&subject)?;
    resources::check(&subject)?;
    compatibility::check(&subject)?;
    check_size(input)
}

fn check_size(input: &RegisterTaskDefinitionRequest) -> Result<(), ApiError> {
    let length = kecs_model::aws_json::encode(input).map_or(0, |json| json.len());
    if length > MAX_BYTES {
        return refuse(format!("Actual length: '{length}'. Max allowed length is '{MAX_BYTES}' bytes."));
    }
    Ok(())
}

/// A task definition that is looked at.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    input: &'a RegisterTaskDefinitionRequest,
    containers: &'a [ContainerDefinition],
}

impl<'a> Subject<'a> {
    fn new(input: &'a RegisterTaskDefinitionRequest) -> Self {
        Self { input, containers: list(input.container_definitions.as_ref()) }
    }

    /// Whether the definition asks to be checked for a launch type.
    fn requires(&self, compatibility: &Compatibility) -> bool {
        list(self.input.requires_compatibilities.as_ref()).contains(compatibility)
    }

    /// "If no network mode is specified, the default is bridge."
    fn network_mode(&self) -> &NetworkMode {
        self.input.network_mode.as_ref().unwrap_or(&NetworkMode::Bridge)
    }

    fn has_execution_role(&self) -> bool {
        !text(self.input.execution_role_arn.as_ref()).is_empty()
    }

    fn container(&self, wanted: &str) -> Option<&'a ContainerDefinition> {
        self.containers.iter().find(|container| name(container) == wanted)
    }
}

/// The name of a container; [`essentials`] has seen that there is one.
fn name(container: &ContainerDefinition) -> &str {
    text(container.name.as_ref())
}

/// "If this parameter is omitted, a container is assumed to be essential."
fn is_essential(container: &ContainerDefinition) -> bool {
    container.essential.unwrap_or(true)
}

fn list<T>(items: Option<&Vec<T>>) -> &[T] {
    items.map_or(&[], Vec::as_slice)
}

fn text(value: Option<&String>) -> &str {
    value.map_or("", String::as_str)
}

/// A refusal: RegisterTaskDefinition answers all of them as ClientException.
fn refuse<T>(text: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::client(text))
}

/// "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed": families, containers and volumes.
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// How AWS writes a network mode in its texts.
fn in_mode(mode: &NetworkMode) -> String {
    format!("networkMode={mode}")
}
