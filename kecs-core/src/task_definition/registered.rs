//! A registered task definition: what was sent, and what ECS adds to it.
//!
//! Nothing else may be added or dropped: Terraform replaces a task definition that comes back different.

use kecs_model::Timestamp;
use kecs_model::ecs::{
    ContainerDefinition, NetworkMode, PortMapping, RegisterTaskDefinitionRequest, TaskDefinition, TaskDefinitionStatus,
    TransportProtocol,
};

use super::{Subject, attributes, compatibility, firelens};
use crate::resolve::{cpu_units, memory_mib};

/// What distinguishes one registration from another.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// The revision's ARN.
    pub(crate) arn: String,
    /// The revision.
    pub(crate) revision: i32,
    /// When it is registered.
    pub(crate) at: Timestamp,
    /// Who registers it.
    pub(crate) by: String,
}

/// The task definition that a valid request registers.
pub(crate) fn registered(input: RegisterTaskDefinitionRequest, registration: Registration) -> TaskDefinition {
    let subject = Subject::new(&input);
    let compatibilities = compatibility::derive(&subject);
    let requires_attributes = attributes::derive(&subject);
    // In these modes a container's ports are its task's: the host port is the container port.
    let own_ports = matches!(subject.network_mode(), NetworkMode::Awsvpc | NetworkMode::Host);
    let RegisterTaskDefinitionRequest {
        container_definitions,
        cpu,
        enable_fault_injection,
        ephemeral_storage,
        execution_role_arn,
        family,
        inference_accelerators,
        ipc_mode,
        memory,
        network_mode,
        pid_mode,
        placement_constraints,
        proxy_configuration,
        requires_compatibilities,
        runtime_platform,
        tags: _,
        task_role_arn,
        trusted_execution_configuration,
        volumes,
    } = input;
    TaskDefinition {
        compatibilities: Some(compatibilities),
        container_definitions: container_definitions
            .map(|containers| containers.into_iter().map(|each| container(each, own_ports)).collect()),
        cpu: cpu.map(|cpu| cpu_units(&cpu).map_or(cpu, |units| units.to_string())),
        delete_requested_at: None,
        deregistered_at: None,
        enable_fault_injection,
        ephemeral_storage,
        execution_role_arn,
        family,
        inference_accelerators,
        ipc_mode,
        memory: memory.map(|memory| memory_mib(&memory).map_or(memory, |mib| mib.to_string())),
        network_mode,
        pid_mode,
        placement_constraints: Some(placement_constraints.unwrap_or_default()),
        proxy_configuration,
        registered_at: Some(registration.at),
        registered_by: Some(registration.by),
        requires_attributes: Some(requires_attributes),
        requires_compatibilities,
        revision: Some(registration.revision),
        runtime_platform,
        status: Some(TaskDefinitionStatus::Active),
        task_definition_arn: Some(registration.arn),
        task_role_arn,
        trusted_execution_configuration,
        volumes: Some(volumes.unwrap_or_default()),
    }
}

/// A container definition with the members that ECS fills in.
fn container(mut container: ContainerDefinition, own_ports: bool) -> ContainerDefinition {
    container.cpu.get_or_insert(0);
    container.environment.get_or_insert_default();
    container.essential.get_or_insert(true);
    container.mount_points.get_or_insert_default();
    for mapping in container.port_mappings.get_or_insert_default() {
        port_mapping(mapping, own_ports);
    }
    container.system_controls.get_or_insert_default();
    firelens::fill_in(&mut container);
    container.volumes_from.get_or_insert_default();
    if let Some(health) = &mut container.health_check {
        // The defaults are those of HealthCheck in the API reference; startPeriod has none.
        health.interval.get_or_insert(30);
        health.timeout.get_or_insert(5);
        health.retries.get_or_insert(3);
    }
    container
}

fn port_mapping(mapping: &mut PortMapping, own_ports: bool) {
    mapping.protocol.get_or_insert(TransportProtocol::Tcp);
    // A range of ports has no single host port.
    if let Some(port) = mapping.container_port {
        match mapping.host_port {
            None | Some(0) => mapping.host_port = Some(if own_ports { port } else { 0 }),
            Some(_) => {}
        }
    }
}
