//! What RunTask and StartTask have in common: the checks, and from a request to tasks.

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::{
    NetworkConfiguration, NetworkMode, PropagateTags, Tag, TaskDefinitionStatus, TaskOverride, TaskVolumeConfiguration,
};

use super::overrides::checked as overrides;
use crate::engine::{ClusterRecord, Owner, TaskDefinitionRecord, World};
use crate::managed_volume;
use crate::tags;
use crate::task_life::Launch;

/// "Up to 128 letters (uppercase and lowercase), numbers, hyphens (-), forward slash (/), and underscores (_) are allowed" (startedBy).
const STARTED_BY_LENGTH: usize = 128;
/// The most characters of a group: that of the names it is made of.
const GROUP_LENGTH: usize = 255;
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

/// What RunTask and StartTask ask for in the same words.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) overrides: Option<TaskOverride>,
    pub(super) group: Option<String>,
    pub(super) started_by: Option<String>,
    pub(super) network: Option<NetworkConfiguration>,
    pub(super) volumes: Option<Vec<TaskVolumeConfiguration>>,
    pub(super) enable_execute_command: Option<bool>,
    pub(super) tags: Option<Vec<Tag>>,
    pub(super) propagate_tags: Option<PropagateTags>,
    pub(super) enable_ecs_managed_tags: Option<bool>,
    /// `clientToken` or `referenceId`.
    pub(super) client_token: Option<String>,
}

impl Asked {
    /// Checks it, and makes of it what its tasks have in common.
    pub(super) fn launch(self, cluster: &ClusterRecord, definition: Arc<TaskDefinitionRecord>) -> Result<Launch, ApiError> {
        let network = network(&definition, self.network)?;
        let volume = managed_volume::of_tasks(&definition.definition, self.volumes)?;
        let overrides = overrides(&definition, self.overrides)?;
        let started_by = started_by(self.started_by)?;
        let managed = self.enable_ecs_managed_tags == Some(true);
        let tags = tags(cluster, &definition, self.tags.as_deref(), self.propagate_tags.as_ref(), managed)?;
        Ok(Launch {
            group: group(self.group, &definition)?,
            enable_execute_command: execute_command(&definition, &overrides, self.enable_execute_command)?,
            definition,
            overrides,
            started_by,
            owner: Owner::Caller,
            platform_version: None,
            network,
            volume,
            tags,
            client_token: self.client_token,
        })
    }
}

/// "You can specify up to 10 tasks for each call" (RunTask, count).
pub(super) fn count(asked: Option<i32>) -> Result<i32, ApiError> {
    match asked.unwrap_or(1) {
        count @ 1..=MOST_TASKS => Ok(count),
        // artilleryio/artillery#595 has the text for too many; the other is ours, after it.
        count if count > MOST_TASKS => Err(ApiError::invalid_parameter("Task count can not be greater than 10")),
        _ => Err(ApiError::invalid_parameter("Task count can not be less than 1")),
    }
}

fn started_by(text: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    not_longer("startedBy", &text, STARTED_BY_LENGTH)?;
    // Colons and full stops are not in the documented list, but are taken: boto/boto3#877.
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | ':');
    if !text.chars().all(allowed) {
        // Our words.
        let message = "startedBy can have letters, numbers, hyphens, forward slashes, underscores, colons and full stops.";
        return Err(ApiError::invalid_parameter(message));
    }
    Ok(Some(text))
}

/// "The default value is the family name of the task definition (for example, family:my-family-name)" (RunTask, group).
fn group(text: Option<String>, definition: &TaskDefinitionRecord) -> Result<String, ApiError> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(format!("family:{}", definition.family)),
        Some(text) => not_longer("group", &text, GROUP_LENGTH).map(|()| text),
    }
}

/// AWS's form of it: "startedBy longer than 36." (convox/rack#1727) was the text while 36 was the limit.
fn not_longer(parameter: &str, text: &str, most: usize) -> Result<(), ApiError> {
    if text.chars().count() > most {
        return Err(ApiError::invalid_parameter(format!("{parameter} longer than {most}.")));
    }
    Ok(())
}

/// ECS Exec works with the task role's permissions. boto/boto3#3173 has the text.
fn execute_command(definition: &TaskDefinitionRecord, overrides: &TaskOverride, enable: Option<bool>) -> Result<bool, ApiError> {
    let role = overrides.task_role_arn.as_ref().or(definition.definition.task_role_arn.as_ref());
    match (enable == Some(true), role.is_some_and(|role| !role.is_empty())) {
        (true, false) => Err(ApiError::invalid_parameter(
            "The execute command failed because a valid task role is not being used. Specify a valid task role in your task definition or as a task override and try again.",
        )),
        (enable, _) => Ok(enable),
    }
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

/// A task's tags: its own, those of its definition where they are propagated, and ECS's own where they are managed.
fn tags(
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
