//! What RunTask and StartTask have in common: the checks, and from a request to tasks.

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::{NetworkConfiguration, NetworkMode, PropagateTags, Tag, TaskDefinitionStatus, TaskOverride};

use crate::engine::{ClusterRecord, TaskDefinitionRecord, World};
use crate::tags;

/// "Up to 128 letters (uppercase and lowercase), numbers, hyphens (-), forward slash (/), and underscores (_) are allowed" (startedBy).
const STARTED_BY_LENGTH: usize = 128;
/// The most tasks that one call starts.
const MOST_TASKS: i32 = 10;

/// The definition that a request names: it must exist and be ACTIVE.
pub(super) fn definition(world: &World, named: Option<&str>) -> Result<Arc<TaskDefinitionRecord>, ApiError> {
    let named = named.filter(|named| !named.is_empty()).ok_or_else(|| ApiError::client("TaskDefinition can not be blank."))?;
    let definition =
        world.task_definitions.find(&world.scope, named).ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
    if !definition.is(&TaskDefinitionStatus::Active) {
        // Measured against AWS by users: InvalidParameterException here, ClientException at UpdateService.
        return Err(ApiError::invalid_parameter("TaskDefinition is inactive"));
    }
    Ok(Arc::clone(definition))
}

/// "You can specify up to 10 tasks for each call" (RunTask, count).
pub(super) fn count(asked: Option<i32>) -> Result<i32, ApiError> {
    match asked.unwrap_or(1) {
        count @ 1..=MOST_TASKS => Ok(count),
        _ => Err(ApiError::invalid_parameter("The count must be between 1 and 10.")),
    }
}

pub(super) fn started_by(text: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | ':');
    if text.len() > STARTED_BY_LENGTH || !text.chars().all(allowed) {
        return Err(ApiError::invalid_parameter(
            "startedBy must be at most 128 letters, numbers, hyphens, forward slashes and underscores.",
        ));
    }
    Ok(Some(text))
}

/// `awsvpc` needs a network configuration; the other modes refuse one.
pub(in crate::api) fn network(
    definition: &TaskDefinitionRecord,
    network: Option<NetworkConfiguration>,
) -> Result<Option<NetworkConfiguration>, ApiError> {
    let network = network.filter(|network| network.awsvpc_configuration.is_some());
    let awsvpc = definition.definition.network_mode == Some(NetworkMode::Awsvpc);
    match (awsvpc, network) {
        (true, None) => {
            Err(ApiError::invalid_parameter("Network Configuration must be provided when networkMode 'awsvpc' is specified."))
        }
        (false, Some(_)) => Err(ApiError::invalid_parameter(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        )),
        (_, network) => Ok(network),
    }
}

/// Overrides may only name containers of the definition. "An empty container override can be passed in" (ContainerOverride); it is dropped.
pub(super) fn overrides(definition: &TaskDefinitionRecord, overrides: Option<TaskOverride>) -> Result<TaskOverride, ApiError> {
    let mut overrides = overrides.unwrap_or_default();
    let names = || definition.definition.container_definitions.iter().flatten().filter_map(|container| container.name.as_deref());
    if let Some(containers) = &mut overrides.container_overrides {
        containers.retain(|change| *change != kecs_model::ecs::ContainerOverride::default());
        for change in containers.iter() {
            let name =
                change.name.as_deref().ok_or_else(|| ApiError::invalid_parameter("Container override name cannot be empty."))?;
            if !names().any(|of_definition| of_definition == name) {
                let message = format!("Override for container named {name} is not a container in the TaskDefinition.");
                return Err(ApiError::invalid_parameter(message));
            }
        }
    }
    // "overrides … total 8192 characters" (TaskOverride).
    let length = serde_json::to_string(&overrides).map_or(0, |json| json.len());
    if length > 8192 {
        return Err(ApiError::invalid_parameter("Container Overrides length must be at most 8192"));
    }
    Ok(overrides)
}

/// A task's tags: its own, those of its definition where they are propagated, and ECS's own where they are managed.
pub(super) fn tags(
    cluster: &ClusterRecord,
    definition: &TaskDefinitionRecord,
    own: Option<&[Tag]>,
    propagate: Option<&PropagateTags>,
    managed: bool,
) -> Result<Vec<Tag>, ApiError> {
    let mut tags = match propagate {
        Some(PropagateTags::TaskDefinition) => definition.tags.clone(),
        None | Some(PropagateTags::None) => Vec::new(),
        Some(other) => {
            // SERVICE is for services: "An error will be received if you specify the SERVICE option when running a task" (RunTask).
            return Err(ApiError::invalid_parameter(format!("propagateTags {other} is not supported when running a task.")));
        }
    };
    tags::check(own.unwrap_or_default()).map_err(ApiError::invalid_parameter)?;
    for tag in own.unwrap_or_default() {
        tags.retain(|other| other.key != tag.key);
        tags.push(tag.clone());
    }
    if managed {
        tags.push(Tag { key: Some("aws:ecs:clusterName".to_owned()), value: Some(cluster.name.clone()) });
    }
    Ok(tags)
}
