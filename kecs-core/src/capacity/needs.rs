//! What a task takes of the container instance that it runs on.

use std::collections::BTreeSet;

use kecs_model::ecs::{
    ContainerDefinition, ContainerOverride, NetworkMode, PortMapping, ResourceType, TaskDefinition, TaskOverride, TransportProtocol,
};

use crate::placement::Needs;
use crate::resolve::{cpu_units, memory_mib};

/// The needs of a task of this definition. Its own size counts where it has one; else the sum of its containers, with `memoryReservation`
/// before `memory` ("If you specify memoryReservation, that value is subtracted from the available memory resources for the container
/// instance", ContainerDefinition).
pub(super) fn needs(definition: &TaskDefinition, overrides: &TaskOverride) -> Needs {
    let containers = definition.container_definitions.as_deref().unwrap_or_default();
    let changed = |container: &ContainerDefinition| {
        overrides.container_overrides.iter().flatten().find(|change| change.name == container.name)
    };
    let sum = |of: fn(&ContainerDefinition, Option<&ContainerOverride>) -> u64| -> u64 {
        containers.iter().map(|container| of(container, changed(container))).sum()
    };
    let size = |own: Option<&String>, of_definition: Option<&String>, read: fn(&str) -> Option<u32>| {
        own.or(of_definition).and_then(|text| read(text)).filter(|size| *size > 0).map(u64::from)
    };
    let (ports, ports_udp) = host_ports(definition);
    Needs {
        cpu: size(overrides.cpu.as_ref(), definition.cpu.as_ref(), cpu_units).unwrap_or_else(|| sum(container_cpu)),
        memory: size(overrides.memory.as_ref(), definition.memory.as_ref(), memory_mib).unwrap_or_else(|| sum(container_memory)),
        gpu: sum(container_gpus),
        ports,
        ports_udp,
    }
}

fn container_cpu(container: &ContainerDefinition, change: Option<&ContainerOverride>) -> u64 {
    whole(change.and_then(|change| change.cpu).or(container.cpu))
}

fn container_memory(container: &ContainerDefinition, change: Option<&ContainerOverride>) -> u64 {
    let reserved = change.and_then(|change| change.memory_reservation).or(container.memory_reservation);
    whole(reserved.or(change.and_then(|change| change.memory)).or(container.memory))
}

fn container_gpus(container: &ContainerDefinition, change: Option<&ContainerOverride>) -> u64 {
    let requirements = change.and_then(|change| change.resource_requirements.as_ref()).or(container.resource_requirements.as_ref());
    requirements
        .into_iter()
        .flatten()
        .filter(|requirement| requirement.r#type == Some(ResourceType::Gpu))
        .filter_map(|requirement| requirement.value.as_deref()?.parse::<u64>().ok())
        .sum()
}

fn whole(number: Option<i32>) -> u64 {
    u64::try_from(number.unwrap_or(0)).unwrap_or(0)
}

/// The fixed host ports, TCP and UDP. A task with a network interface of its own takes none of its instance.
fn host_ports(definition: &TaskDefinition) -> (BTreeSet<u16>, BTreeSet<u16>) {
    let mut ports = (BTreeSet::new(), BTreeSet::new());
    let mode = definition.network_mode.as_ref();
    if matches!(mode, Some(NetworkMode::Awsvpc | NetworkMode::None)) {
        return ports;
    }
    let host = mode == Some(&NetworkMode::Host);
    let mappings = definition.container_definitions.iter().flatten().flat_map(|container| container.port_mappings.iter().flatten());
    for mapping in mappings {
        let PortMapping { container_port, host_port, protocol, .. } = mapping;
        // "If you use host networking, … hostPort can either be left blank or must be the same value as the containerPort" (PortMapping).
        let port = if host { host_port.or(*container_port) } else { *host_port };
        let Some(port) = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0) else { continue };
        if *protocol == Some(TransportProtocol::Udp) {
            ports.1.insert(port)
        } else {
            ports.0.insert(port)
        };
    }
    ports
}
