//! A registered task definition: what was sent, and what ECS adds to it.
//!
//! Nothing else may be added or dropped: Terraform replaces a task definition that comes back different.

use kecs_model::Timestamp;
use kecs_model::ecs::{ContainerDefinition, RegisterTaskDefinitionRequest, TaskDefinition, TaskDefinitionStatus};

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
        compatibilities: None,
        container_definitions: container_definitions.map(|containers| containers.into_iter().map(container).collect()),
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
        requires_attributes: None,
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
fn container(mut container: ContainerDefinition) -> ContainerDefinition {
    container.cpu.get_or_insert(0);
    container.environment.get_or_insert_default();
    container.essential.get_or_insert(true);
    container.mount_points.get_or_insert_default();
    container.port_mappings.get_or_insert_default();
    container.system_controls.get_or_insert_default();
    container.volumes_from.get_or_insert_default();
    container
}
