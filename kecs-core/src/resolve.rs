//! From a task definition and a task's overrides to the backend's [`TaskSpec`]: the only way there.
//!
//! RunTask, services, task sets and recovery all come by here, so they cannot disagree.

mod container;
mod volume;

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::try_join_all;
use kecs_model::ecs::{ContainerDefinition, ContainerOverride, IpcMode, NetworkMode as WireNetworkMode, PidMode};

use crate::engine::{TaskDefinitionRecord, TaskRecord};
use crate::task_spec::{NamespaceMode, NetworkMode, Platform};
use crate::{SecretError, SecretRef, SecretSource, SecretValue, TaskSpec};

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
    /// ECS's text for this begins so ("ResourceInitializationError" among the stopped task error messages).
    #[error("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: {0}")]
    Secret(#[from] SecretError),
    /// The backend-neutral form has no room for what the definition says.
    #[error("CannotCreateContainerError: {0}")]
    Invalid(String),
}

/// Resolves a task: overrides applied, defaults filled in, secrets read.
pub(crate) async fn resolve(input: &ResolveInput, sources: &[Arc<dyn SecretSource>]) -> Result<TaskSpec, ResolveError> {
    let definition = &input.definition.definition;
    let task = &input.record.task;
    let overrides = task.overrides.clone().unwrap_or_default();
    let definitions = definition.container_definitions.as_deref().unwrap_or_default();
    let secrets = read_secrets(definitions, sources).await?;
    let changes: HashMap<&str, &ContainerOverride> =
        overrides.container_overrides.iter().flatten().filter_map(|change| Some((change.name.as_deref()?, change))).collect();
    let network_mode = network_mode(definition.network_mode.as_ref());
    let containers = definitions
        .iter()
        .map(|container| {
            let change = changes.get(container.name.as_deref().unwrap_or_default()).copied();
            container::resolve(container, change, network_mode, &secrets)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let instance = task.container_instance_arn.as_deref().and_then(|arn| arn.rsplit('/').next());
    Ok(TaskSpec {
        task: input.record.task_ref(),
        arn: task.task_arn.as_deref().unwrap_or_default().into(),
        family: input.definition.family.as_str().into(),
        revision: input.definition.revision,
        group: task.group.as_deref().unwrap_or_default().into(),
        instance: instance.map(Into::into),
        cpu: task.cpu.as_deref().and_then(cpu_units).filter(|units| *units > 0),
        memory: task.memory.as_deref().and_then(memory_mib).filter(|mib| *mib > 0),
        network_mode,
        pid_mode: match definition.pid_mode {
            Some(PidMode::Host) => NamespaceMode::Host,
            Some(PidMode::Task) => NamespaceMode::Task,
            _ => NamespaceMode::Default,
        },
        ipc_mode: match definition.ipc_mode {
            Some(IpcMode::Host) => NamespaceMode::Host,
            Some(IpcMode::Task) => NamespaceMode::Task,
            Some(IpcMode::None) => NamespaceMode::Private,
            _ => NamespaceMode::Default,
        },
        platform: definition.runtime_platform.as_ref().map(|platform| Platform {
            operating_system: platform.operating_system_family.as_ref().map_or("LINUX", |family| family.as_str()).to_owned(),
            cpu_architecture: platform.cpu_architecture.as_ref().map_or("X86_64", |architecture| architecture.as_str()).to_owned(),
        }),
        ephemeral_storage: task.ephemeral_storage.as_ref().and_then(|storage| u32::try_from(storage.size_in_gib?).ok()),
        volumes: definition.volumes.iter().flatten().map(volume::resolve).collect(),
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
        None => lower.parse().ok(),
    }
}

/// Reads `512`, `1 GB` or `0.5gb` as MiB.
pub(crate) fn memory_mib(text: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    match lower.strip_suffix("gb") {
        Some(number) => scaled(number),
        None => lower.parse().ok(),
    }
}

/// A decimal number times 1024, where that is whole enough for ECS.
fn scaled(number: &str) -> Option<u32> {
    let number: f64 = number.trim().parse().ok()?;
    let value = (number * 1024.0).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..=f64::from(u32::MAX)).contains(&value).then_some(value as u32)
}

/// Reads every secret that the containers name, each once, side by side.
async fn read_secrets(
    containers: &[ContainerDefinition],
    sources: &[Arc<dyn SecretSource>],
) -> Result<HashMap<String, SecretValue>, SecretError> {
    let mut references: Vec<&String> = containers
        .iter()
        .flat_map(|container| {
            let options = container.log_configuration.iter().flat_map(|log| log.secret_options.iter().flatten());
            container.secrets.iter().flatten().chain(options)
        })
        .filter_map(|secret| secret.value_from.as_ref())
        .collect();
    references.sort_unstable();
    references.dedup();
    let reads = references.into_iter().map(|text| async move {
        let reference = SecretRef::parse(text);
        let source = sources
            .iter()
            .find(|source| source.handles(&reference))
            .ok_or_else(|| SecretError::NoSource { reference: text.clone() })?;
        Ok::<_, SecretError>((text.clone(), source.resolve(&reference).await?))
    });
    Ok(try_join_all(reads).await?.into_iter().collect())
}
