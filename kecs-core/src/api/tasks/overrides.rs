//! What RunTask and StartTask may change of a task definition for one task.

use kecs_model::ApiError;
use kecs_model::ecs::{
    ContainerDefinition, ContainerOverride, KeyValuePair, RegisterTaskDefinitionRequest, TaskDefinition, TaskOverride,
};

use crate::engine::TaskDefinitionRecord;
use crate::task_definition;

/// "A total of 8192 characters are allowed for overrides. This limit includes the JSON formatting characters of the override structure"
/// (RunTask, overrides).
const LENGTH: usize = 8192;

/// Checks a request's overrides. "An empty container override can be passed in" (ContainerOverride); it is dropped.
pub(super) fn checked(definition: &TaskDefinitionRecord, overrides: Option<TaskOverride>) -> Result<TaskOverride, ApiError> {
    let mut overrides = overrides.unwrap_or_default();
    let length = serde_json::to_string(&overrides).map_or(0, |json| json.chars().count());
    if length > LENGTH {
        // Netflix/metaflow#1482 has the text.
        return Err(ApiError::invalid_parameter("Container Overrides length must be at most 8192"));
    }
    if let Some(containers) = &mut overrides.container_overrides {
        containers.retain(|change| *change != ContainerOverride::default());
        containers.iter().try_for_each(|change| check_name(&definition.definition, change))?;
    }
    check_accelerators(&definition.definition, &overrides)?;
    if changes_what_is_checked(&overrides) {
        // What comes out must be a task definition that could have been registered, sizes on Fargate included.
        let changed = changed(&definition.definition, &overrides);
        task_definition::validate(&changed).map_err(|error| ApiError::invalid_parameter(error.message()))?;
    }
    Ok(overrides)
}

fn check_name(definition: &TaskDefinition, change: &ContainerOverride) -> Result<(), ApiError> {
    // Our words.
    let name = change.name.as_deref().ok_or_else(|| ApiError::invalid_parameter("Container override name cannot be empty."))?;
    let mut names = definition.container_definitions.iter().flatten().filter_map(|container| container.name.as_deref());
    if names.any(|of_definition| of_definition == name) {
        return Ok(());
    }
    // Users quote this text of AWS's.
    Err(ApiError::invalid_parameter(format!("Override for container named {name} is not a container in the TaskDefinition.")))
}

/// "The Elastic Inference accelerator device name to override for the task. This parameter must match a deviceName specified in the task
/// definition" (InferenceAcceleratorOverride). The text is ours.
fn check_accelerators(definition: &TaskDefinition, overrides: &TaskOverride) -> Result<(), ApiError> {
    for change in overrides.inference_accelerator_overrides.iter().flatten() {
        let known = definition.inference_accelerators.iter().flatten().any(|of| of.device_name == change.device_name);
        if !known {
            let name = change.device_name.as_deref().unwrap_or_default();
            let message = format!("Override for inference accelerator named {name} is not a device in the TaskDefinition.");
            return Err(ApiError::invalid_parameter(message));
        }
    }
    Ok(())
}

fn changes_what_is_checked(overrides: &TaskOverride) -> bool {
    let TaskOverride {
        container_overrides,
        cpu,
        ephemeral_storage,
        // Roles are checked by AWS IAM, which is not here.
        execution_role_arn: _,
        inference_accelerator_overrides: _,
        memory,
        task_role_arn: _,
    } = overrides;
    let container = |change: &ContainerOverride| {
        let ContainerOverride {
            command: _,
            cpu,
            environment,
            environment_files,
            memory,
            memory_reservation,
            name: _,
            resource_requirements,
        } = change;
        cpu.or(*memory).or(*memory_reservation).is_some()
            || environment.is_some()
            || environment_files.is_some()
            || resource_requirements.is_some()
    };
    cpu.is_some() || memory.is_some() || ephemeral_storage.is_some() || container_overrides.iter().flatten().any(container)
}

/// The definition as it is for this task.
fn changed(definition: &TaskDefinition, overrides: &TaskOverride) -> RegisterTaskDefinitionRequest {
    let definition = definition.clone();
    let containers = definition.container_definitions.map(|containers| {
        let changes = overrides.container_overrides.as_deref().unwrap_or_default();
        containers
            .into_iter()
            .map(|container| match changes.iter().find(|change| change.name == container.name) {
                None => container,
                Some(change) => changed_container(container, change),
            })
            .collect()
    });
    RegisterTaskDefinitionRequest {
        container_definitions: containers,
        cpu: overrides.cpu.clone().or(definition.cpu),
        enable_fault_injection: definition.enable_fault_injection,
        ephemeral_storage: overrides.ephemeral_storage.clone().or(definition.ephemeral_storage),
        execution_role_arn: overrides.execution_role_arn.clone().or(definition.execution_role_arn),
        family: definition.family,
        inference_accelerators: definition.inference_accelerators,
        ipc_mode: definition.ipc_mode,
        memory: overrides.memory.clone().or(definition.memory),
        network_mode: definition.network_mode,
        pid_mode: definition.pid_mode,
        placement_constraints: definition.placement_constraints,
        proxy_configuration: definition.proxy_configuration,
        requires_compatibilities: definition.requires_compatibilities,
        runtime_platform: definition.runtime_platform,
        tags: None,
        task_role_arn: overrides.task_role_arn.clone().or(definition.task_role_arn),
        trusted_execution_configuration: definition.trusted_execution_configuration,
        volumes: definition.volumes,
    }
}

fn changed_container(mut container: ContainerDefinition, change: &ContainerOverride) -> ContainerDefinition {
    let change = change.clone();
    container.cpu = change.cpu.or(container.cpu);
    container.memory = change.memory.or(container.memory);
    container.memory_reservation = change.memory_reservation.or(container.memory_reservation);
    container.environment_files = change.environment_files.or(container.environment_files);
    container.resource_requirements = change.resource_requirements.or(container.resource_requirements);
    let environment: &mut Vec<KeyValuePair> = container.environment.get_or_insert_default();
    for pair in change.environment.into_iter().flatten() {
        environment.retain(|other| other.name != pair.name);
        environment.push(pair);
    }
    container
}
