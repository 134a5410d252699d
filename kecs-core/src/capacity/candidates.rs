//! Container instances as placement sees them: with what their tasks have left of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kecs_model::ecs::{LaunchType, Resource};

use super::Capacity;
use super::needs::needs;
use crate::engine::{By, ContainerInstanceRecord, TaskIndex, TaskRecord, World};
use crate::placement::{Candidate, FreeResources, Needs, PlacedTask};

/// The attribute of instances outside AWS ("Amazon ECS clusters for external instances").
pub(super) const EXTERNAL: &str = "ecs.capability.external";

/// The instances of a cluster that are for tasks of this launch type, those that take no tasks included.
pub(super) fn of_launch_type<'a>(
    world: &'a World,
    cluster: &str,
    launch_type: &LaunchType,
) -> impl Iterator<Item = &'a Arc<ContainerInstanceRecord>> {
    let external = match launch_type {
        LaunchType::Ec2 => Some(false),
        LaunchType::External => Some(true),
        _ => None,
    };
    world.instances_of(cluster).filter(move |instance| external == Some(instance.attribute(EXTERNAL).is_some()))
}

impl Capacity {
    /// The instances of a cluster that are for tasks of this capacity, those that take no tasks included.
    pub(crate) fn instances<'a>(&self, world: &'a World, cluster: &str) -> impl Iterator<Item = &'a Arc<ContainerInstanceRecord>> {
        let launch_types = [LaunchType::Ec2, LaunchType::External].into_iter().filter(|launch_type| self.may_use(launch_type));
        launch_types
            .flat_map(|launch_type| of_launch_type(world, cluster, &launch_type).collect::<Vec<_>>())
            .collect::<Vec<_>>()
            .into_iter()
    }
}

/// The tasks on an instance whose life is not over.
pub(crate) fn tasks_on<'a>(world: &'a World, instance: &ContainerInstanceRecord) -> impl Iterator<Item = &'a Arc<TaskRecord>> {
    let index =
        |wanted| TaskIndex { cluster: instance.cluster.as_str().into(), wanted, by: By::Instance(instance.arn().to_owned()) };
    [index(true), index(false)]
        .into_iter()
        .flat_map(|index| world.tasks.of(&index).collect::<Vec<_>>())
        .filter(|task| !task.stopped())
}

/// What a task on record takes.
fn needs_of(world: &World, task: &TaskRecord) -> Needs {
    let arn = task.task.task_definition_arn.as_deref().unwrap_or_default();
    let overrides = task.task.overrides.clone().unwrap_or_default();
    world.task_definitions.find(&world.scope, arn).map(|record| needs(&record.definition, &overrides)).unwrap_or_default()
}

/// An instance, with what its tasks leave.
pub(crate) fn candidate(world: &World, instance: &ContainerInstanceRecord) -> Candidate {
    let wire = &instance.instance;
    let total = |name: &str| instance.resource(name).map_or(0, amount);
    let attribute = |it: &kecs_model::ecs::Attribute| Some((it.name.clone()?, it.value.clone().unwrap_or_default()));
    let mut candidate = Candidate {
        id: instance.id.clone(),
        status: instance.state.placement(),
        agent_connected: wire.agent_connected == Some(true),
        agent_version: wire.version_info.as_ref().and_then(|version| version.agent_version.clone()),
        ec2_instance_id: wire.ec2_instance_id.clone(),
        registered_at: wire.registered_at,
        attributes: instance.attributes().filter_map(attribute).collect::<BTreeMap<_, _>>(),
        free: FreeResources { cpu: total("CPU"), memory: total("MEMORY"), gpu: total("GPU") },
        reserved_ports: ports(instance.resource("PORTS")),
        reserved_ports_udp: ports(instance.resource("PORTS_UDP")),
        tasks: Vec::new(),
    };
    for task in tasks_on(world, instance) {
        let placed = PlacedTask { group: task.task.group.clone().unwrap_or_default(), is_running: task.last_status() == "RUNNING" };
        take(&mut candidate, &needs_of(world, task), placed);
    }
    candidate
}

/// Puts a task on an instance.
pub(super) fn take(candidate: &mut Candidate, needs: &Needs, task: PlacedTask) {
    let Needs { cpu, memory, gpu, ports, ports_udp } = needs;
    let free = &mut candidate.free;
    free.cpu = free.cpu.saturating_sub(*cpu);
    free.memory = free.memory.saturating_sub(*memory);
    free.gpu = free.gpu.saturating_sub(*gpu);
    candidate.reserved_ports.extend(ports);
    candidate.reserved_ports_udp.extend(ports_udp);
    candidate.tasks.push(task);
}

/// How much there is of a resource: a number, or how many things a set holds.
fn amount(resource: &Resource) -> u64 {
    let number = match resource.r#type.as_deref() {
        Some("STRINGSET") => return resource.string_set_value.as_ref().map_or(0, |set| set.len() as u64),
        Some("LONG") => resource.long_value,
        #[expect(clippy::cast_possible_truncation, reason = "an out-of-range number saturates")]
        Some("DOUBLE") => resource.double_value.map(|value| value as i64),
        _ => resource.integer_value.map(i64::from),
    };
    u64::try_from(number.unwrap_or(0)).unwrap_or(0)
}

fn ports(resource: Option<&Resource>) -> BTreeSet<u16> {
    let set = resource.and_then(|resource| resource.string_set_value.as_ref());
    set.into_iter().flatten().filter_map(|port| port.parse().ok()).collect()
}
