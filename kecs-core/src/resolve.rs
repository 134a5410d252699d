//! From a task definition and a task's overrides to the backend's [`TaskSpec`]: the only way there.
//!
//! RunTask, services, task sets and recovery all come by here, so they cannot disagree.

mod artifacts;
mod container;
mod environment;
mod files;
mod firelens;
mod logs;
mod secrets;
mod volume;

pub(crate) use logs::{log_configurations, logs_anywhere};

use std::collections::HashMap;
use std::sync::Arc;

use kecs_model::ecs::{ContainerDefinition, ContainerOverride, IpcMode, NetworkMode as WireNetworkMode, PidMode, TaskDefinition};

use crate::engine::{TaskDefinitionRecord, TaskRecord, TaskServices};
use crate::task_agent::{Agent, role_of};
use crate::task_spec::{NamespaceMode, NetworkMode, Platform};
use crate::{ObjectSource, TaskSpec};

/// What a task is made of.
#[derive(Clone, Debug)]
pub(crate) struct ResolveInput {
    /// The task, with its overrides.
    pub(crate) record: Arc<TaskRecord>,
    /// Its task definition.
    pub(crate) definition: Arc<TaskDefinitionRecord>,
}

/// Why a task cannot be described to its backend. The text is the task's `stoppedReason`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    /// A secret could not be read.
    #[error(transparent)]
    Secret(#[from] secrets::SecretFailure),
    /// An environment file could not be read.
    #[error(transparent)]
    File(#[from] files::FileFailure),
    /// A label asks for a file that cannot be had.
    #[error("ResourceInitializationError: failed to download artifacts: {0}")]
    Artifact(String),
    /// What the log router is to be told cannot be made, or had. The text is the ECS agent's.
    #[error("ResourceInitializationError: {0}")]
    FireLens(String),
    /// The backend-neutral form has no room for what the definition says.
    #[error("CannotCreateContainerError: {0}")]
    Invalid(String),
}

/// What was found elsewhere for a task's containers.
struct Found<'a> {
    input: &'a ResolveInput,
    secrets: secrets::Secrets,
    files: files::EnvironmentFiles,
    objects: Option<Arc<dyn ObjectSource>>,
    agent: Option<&'a Agent>,
}

/// Resolves a task: overrides applied, defaults filled in, secrets and environment files read.
///
/// Every member of a task definition is named here, so that a new one stops the build until it is honoured, or left out with a reason.
pub(crate) async fn resolve(
    input: &ResolveInput,
    services: &TaskServices,
    agent: Option<&Agent>,
) -> Result<TaskSpec, ResolveError> {
    let TaskDefinition {
        container_definitions,
        ipc_mode,
        network_mode: mode,
        pid_mode,
        runtime_platform,
        volumes,
        // The task has them, with what was overridden.
        cpu: _,
        ephemeral_storage: _,
        memory: _,
        // The record has them.
        family: _,
        revision: _,
        task_definition_arn: _,
        // Decided before a task is placed.
        compatibilities: _,
        placement_constraints: _,
        requires_attributes: _,
        requires_compatibilities: _,
        // About the definition, not about its tasks.
        delete_requested_at: _,
        deregistered_at: _,
        registered_at: _,
        registered_by: _,
        status: _,
        // What it is for is done here.
        execution_role_arn: _,
        // Or the override's, by `role_of`.
        task_role_arn: _,
        // Asks for an endpoint of the task metadata.
        enable_fault_injection: _,
        // "Amazon Elastic Inference (EI) is no longer available to customers" (RunTask).
        inference_accelerators: _,
        // AWS App Mesh's proxy is set up by AWS's agent; the proxy's container runs like any other.
        proxy_configuration: _,
        // Nitro Enclaves are hardware of AWS's.
        trusted_execution_configuration: _,
    } = &input.definition.definition;
    let task = &input.record.task;
    let definitions = container_definitions.as_deref().unwrap_or_default();
    let overrides = task.overrides.as_ref().and_then(|overrides| overrides.container_overrides.as_deref()).unwrap_or_default();
    let changes: HashMap<&str, &ContainerOverride> =
        overrides.iter().filter_map(|change| Some((change.name.as_deref()?, change))).collect();
    let change_of = |container: &ContainerDefinition| changes.get(container.name.as_deref().unwrap_or_default()).copied();
    let unchanged = ContainerOverride::default();
    let files = definitions.iter().flat_map(|container| environment::files(container, change_of(container).unwrap_or(&unchanged)));
    let files = files.map(|file| file.value.as_deref().unwrap_or_default()).collect();
    let cluster = &input.record.cluster;
    let found = Found {
        input,
        secrets: secrets::read(cluster, definitions, &services.secrets).await?,
        files: files::read(cluster, files, services.objects.as_ref()).await?,
        objects: services.objects.clone(),
        agent,
    };
    let network_mode = network_mode(mode.as_ref());
    let mut containers = definitions
        .iter()
        .map(|container| container::resolve(container, change_of(container), network_mode, &found))
        .collect::<Result<Vec<_>, _>>()?;
    firelens::apply(&mut containers, definitions, network_mode, input, services).await?;
    let instance = task.container_instance_arn.as_deref().and_then(|arn| arn.rsplit('/').next());
    Ok(TaskSpec {
        task: input.record.task_ref(),
        arn: task.task_arn.as_deref().unwrap_or_default().into(),
        family: input.definition.family.as_str().into(),
        revision: input.definition.revision,
        group: task.group.as_deref().unwrap_or_default().into(),
        instance: instance.map(Into::into),
        role: role_of(&input.record, Some(&input.definition)).map(|role| input.record.cluster.scope.role_arn(role).into()),
        cpu: task.cpu.as_deref().and_then(cpu_units).filter(|units| *units > 0),
        memory: task.memory.as_deref().and_then(memory_mib).filter(|mib| *mib > 0),
        network_mode,
        pid_mode: match pid_mode {
            Some(PidMode::Host) => NamespaceMode::Host,
            Some(PidMode::Task) => NamespaceMode::Task,
            _ => NamespaceMode::Default,
        },
        ipc_mode: match ipc_mode {
            Some(IpcMode::Host) => NamespaceMode::Host,
            Some(IpcMode::Task) => NamespaceMode::Task,
            Some(IpcMode::None) => NamespaceMode::Private,
            _ => NamespaceMode::Default,
        },
        platform: runtime_platform.as_ref().map(|platform| Platform {
            operating_system: platform.operating_system_family.as_ref().map_or("LINUX", |family| family.as_str()).to_owned(),
            cpu_architecture: platform.cpu_architecture.as_ref().map_or("X86_64", |architecture| architecture.as_str()).to_owned(),
        }),
        ephemeral_storage: task.ephemeral_storage.as_ref().and_then(|storage| u32::try_from(storage.size_in_gib?).ok()),
        volumes: volumes.iter().flatten().map(|volume| volume::resolve(volume, input.record.volume.as_ref())).collect(),
        containers,
        tags: input.record.tags.iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default()))).collect(),
    })
}

fn network_mode(mode: Option<&WireNetworkMode>) -> NetworkMode {
    match mode {
        Some(WireNetworkMode::Awsvpc) => NetworkMode::AwsVpc,
        Some(WireNetworkMode::Host) => NetworkMode::Host,
        Some(WireNetworkMode::None) => NetworkMode::None,
        _ => NetworkMode::Bridge,
    }
}

/// Reads `512`, `1 vCPU` or `.5 vcpu` as CPU units.
pub(crate) fn cpu_units(text: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    match lower.strip_suffix("vcpu") {
        Some(number) => scaled(number),
        None => whole(&lower),
    }
}

/// Reads `512`, `1 GB` or `0.5gb` as MiB.
pub(crate) fn memory_mib(text: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    match lower.strip_suffix("gb") {
        Some(number) => scaled(number),
        None => whole(&lower),
    }
}

/// A plain number: digits and nothing else.
fn whole(number: &str) -> Option<u32> {
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
}

/// A decimal number times 1024, where that is whole enough for ECS.
fn scaled(number: &str) -> Option<u32> {
    let number = number.trim();
    // Neither exponents nor names of numbers, which a float's parser would take.
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    let value = (number * 1024.0).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..=f64::from(u32::MAX)).contains(&value).then_some(value as u32)
}

#[cfg(test)]
mod tests;
