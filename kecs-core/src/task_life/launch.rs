//! The beginning of a task: its record, in PROVISIONING.

use std::sync::Arc;

use kecs_model::ecs::{
    Attachment, Attribute, CPUArchitecture, Container, ContainerDefinition, ContainerOverride, EphemeralStorage, HealthStatus,
    LaunchType, NetworkConfiguration, NetworkMode, OSFamily, Tag, Task, TaskOverride, TaskVolumeConfiguration,
};
use uuid::Uuid;

use super::{exec_agent, managed_volume, network_interface};
use crate::TaskId;
use crate::capacity::Place;
use crate::engine::{Effect, Owner, Standing, TaskDefinitionRecord, TaskRecord, Tx, World};
use crate::resolve::{cpu_units, memory_mib};

/// What the tasks of one request, deployment or task set have in common. Whoever makes one has validated it: launching cannot fail.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// What.
    pub(crate) definition: Arc<TaskDefinitionRecord>,
    /// With which changes.
    pub(crate) overrides: TaskOverride,
    /// `group`.
    pub(crate) group: String,
    /// `startedBy`.
    pub(crate) started_by: Option<String>,
    /// Who looks after it.
    pub(crate) owner: Owner,
    /// `platformVersion`, resolved; `None` outside Fargate.
    pub(crate) platform_version: Option<String>,
    /// Subnets and security groups, for `awsvpc`.
    pub(crate) network: Option<NetworkConfiguration>,
    /// The volume that the definition leaves to its tasks.
    pub(crate) volume: Option<TaskVolumeConfiguration>,
    /// `enableExecuteCommand`.
    pub(crate) enable_execute_command: bool,
    /// All tags, propagated and managed ones included.
    pub(crate) tags: Vec<Tag>,
    /// `clientToken`.
    pub(crate) client_token: Option<String>,
}

/// Records a task at its place, and lets it start once that is durable.
pub(crate) fn launch(world: &mut World, tx: &mut Tx, cluster: &str, launch: &Launch, place: Place) -> Arc<TaskRecord> {
    let Launch {
        definition,
        overrides,
        group,
        started_by,
        owner,
        platform_version,
        network,
        volume,
        enable_execute_command,
        tags,
        client_token,
    } = launch;
    let Place { launch_type, capacity_provider, container_instance_arn, availability_zone } = place;
    let launch_type = launch_type.unwrap_or(LaunchType::Ec2);
    let cluster = world.cluster_ref(cluster);
    let mut overrides = overrides.clone();
    let id = TaskId::random();
    let scope = &world.scope;
    let task_arn = scope.task_arn(&cluster.name, id);
    let definition_wire = &definition.definition;
    let containers = definition_wire.container_definitions.as_deref().unwrap_or_default();
    let network_mode = definition_wire.network_mode.clone();
    let volume = volume.as_ref().map(managed_volume::new);
    let awsvpc = network_mode == Some(NetworkMode::Awsvpc);
    let attachments: Vec<Attachment> =
        [awsvpc.then(|| network_interface::created(network.as_ref())), volume.as_ref().map(managed_volume::created)]
            .into_iter()
            .flatten()
            .collect();
    let fargate = launch_type == LaunchType::Fargate;
    complete(&mut overrides, containers);
    let role = overrides.task_role_arn.as_deref().or(definition_wire.task_role_arn.as_deref());
    let role = role.filter(|role| !role.is_empty()).map(|role| scope.role_arn(role));
    let task = Task {
        attachments: Some(attachments),
        attributes: Some(vec![Attribute {
            name: Some("ecs.cpu-architecture".to_owned()),
            value: Some(architecture(definition).to_owned()),
            ..Attribute::default()
        }]),
        availability_zone,
        capacity_provider_name: capacity_provider,
        cluster_arn: Some(scope.cluster_arn(&cluster.name)),
        container_instance_arn,
        containers: Some(
            containers
                .iter()
                .map(|container| Container {
                    managed_agents: enable_execute_command.then(exec_agent::pending),
                    ..container_shape(scope, &cluster.name, id, &task_arn, container, change_of(&overrides, container))
                })
                .collect(),
        ),
        cpu: Some(size(overrides.cpu.as_ref(), definition_wire.cpu.as_ref(), cpu_units)),
        created_at: Some(tx.now),
        desired_status: Some("RUNNING".to_owned()),
        enable_execute_command: Some(*enable_execute_command),
        ephemeral_storage: ephemeral_storage(&overrides, definition, fargate),
        group: Some(group.clone()),
        health_status: Some(HealthStatus::Unknown),
        last_status: Some("PROVISIONING".to_owned()),
        launch_type: Some(launch_type),
        memory: Some(size(overrides.memory.as_ref(), definition_wire.memory.as_ref(), memory_mib)),
        overrides: Some(overrides),
        platform_family: platform_version.is_some().then(|| platform_family(definition)),
        platform_version: platform_version.clone(),
        started_by: started_by.clone(),
        task_arn: Some(task_arn),
        task_definition_arn: definition_wire.task_definition_arn.clone(),
        version: Some(1),
        ..Task::default()
    };
    let health_checked = containers
        .iter()
        .filter(|container| container.health_check.is_some() && container.essential != Some(false))
        .filter_map(|container| container.name.clone())
        .collect();
    let record = TaskRecord {
        id,
        cluster,
        task,
        tags: tags.clone(),
        owner: owner.clone(),
        protection: None,
        client_token: client_token.clone(),
        health_checked,
        network_mode: network_mode.map(|mode| mode.as_str().to_owned()),
        addresses: Vec::new(),
        role,
        volume,
        standing: Standing::New,
        handed: false,
    };
    let record = world.tasks.put(tx, record);
    crate::instance_life::task_came_or_went(world, tx, &record);
    tx.then(Effect::StartTask(record.task_ref()));
    record
}

fn container_shape(
    scope: &crate::Scope,
    cluster: &str,
    task: TaskId,
    task_arn: &str,
    definition: &ContainerDefinition,
    change: Option<&ContainerOverride>,
) -> Container {
    let memory = change.and_then(|change| change.memory).or(definition.memory);
    let memory_reservation = change.and_then(|change| change.memory_reservation).or(definition.memory_reservation);
    Container {
        container_arn: Some(scope.container_arn(cluster, task, &Uuid::new_v4().to_string())),
        cpu: Some(change.and_then(|change| change.cpu).or(definition.cpu).unwrap_or(0).to_string()),
        image: definition.image.clone(),
        last_status: Some("PENDING".to_owned()),
        memory: memory.map(|memory| memory.to_string()),
        memory_reservation: memory_reservation.map(|memory| memory.to_string()),
        name: definition.name.clone(),
        network_bindings: Some(Vec::new()),
        network_interfaces: Some(Vec::new()),
        task_arn: Some(task_arn.to_owned()),
        ..Container::default()
    }
}

fn change_of<'a>(overrides: &'a TaskOverride, container: &ContainerDefinition) -> Option<&'a ContainerOverride> {
    overrides.container_overrides.iter().flatten().find(|change| change.name == container.name)
}

/// A task's CPU or memory, as a plain number of CPU units or MiB; 0 where neither the override nor the definition has one.
fn size(change: Option<&String>, definition: Option<&String>, read: fn(&str) -> Option<u32>) -> String {
    let text = change.or(definition).map_or("0", String::as_str);
    read(text).map_or_else(|| text.to_owned(), |size| size.to_string())
}

/// ECS lists every container in a task's overrides, changed or not.
fn complete(overrides: &mut TaskOverride, containers: &[ContainerDefinition]) {
    let listed = overrides.container_overrides.get_or_insert_default();
    for container in containers {
        if !listed.iter().any(|change| change.name == container.name) {
            listed.push(ContainerOverride { name: container.name.clone(), ..ContainerOverride::default() });
        }
    }
    overrides.inference_accelerator_overrides.get_or_insert_default();
}

fn architecture(definition: &TaskDefinitionRecord) -> &'static str {
    let platform = definition.definition.runtime_platform.as_ref();
    match platform.and_then(|platform| platform.cpu_architecture.as_ref()).map(CPUArchitecture::as_str) {
        Some("ARM64") => "arm64",
        _ => "x86_64",
    }
}

fn platform_family(definition: &TaskDefinitionRecord) -> String {
    let platform = definition.definition.runtime_platform.as_ref();
    match platform.and_then(|platform| platform.operating_system_family.as_ref()).map(OSFamily::as_str) {
        None | Some("LINUX") => "Linux".to_owned(),
        Some(family) => family.to_owned(),
    }
}

/// Fargate tasks have 20 GiB unless told otherwise ("Use task ephemeral storage with Amazon ECS").
fn ephemeral_storage(overrides: &TaskOverride, definition: &TaskDefinitionRecord, fargate: bool) -> Option<EphemeralStorage> {
    let asked = overrides.ephemeral_storage.clone().or_else(|| definition.definition.ephemeral_storage.clone());
    asked.or_else(|| fargate.then_some(EphemeralStorage { size_in_gib: Some(20) }))
}
