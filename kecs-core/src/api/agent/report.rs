//! An agent's report, as an observation.

use std::net::IpAddr;

use kecs_model::ecs::{ContainerStateChange, HealthStatus, NetworkBinding as WireBinding, TransportProtocol};
use kecs_model::{ApiError, Timestamp};

use crate::engine::TaskRecord;
use crate::task_spec::Protocol;
use crate::{ContainerObservation, ContainerState, Health, NetworkBinding, TaskObservation, TaskPhase};

/// What an agent says of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskStatus {
    /// RUNNING.
    Running,
    /// STOPPED.
    Stopped,
    /// A state on the way, or none.
    Other,
}

pub(super) fn task_status(status: Option<&str>) -> Result<TaskStatus, ApiError> {
    match status {
        Some("RUNNING") => Ok(TaskStatus::Running),
        Some("STOPPED") => Ok(TaskStatus::Stopped),
        None | Some("" | "PENDING" | "ACTIVATING" | "DEACTIVATING" | "STOPPING" | "DEPROVISIONING") => Ok(TaskStatus::Other),
        Some(other) => Err(ApiError::invalid_parameter(format!("Invalid task status: {other}"))),
    }
}

pub(super) fn container(change: &ContainerStateChange) -> Result<ContainerObservation, ApiError> {
    let ContainerStateChange { container_name, exit_code, image_digest, network_bindings, reason, runtime_id, status } = change;
    let state = match status.as_deref() {
        Some("RUNNING") => ContainerState::Running,
        Some("STOPPED") => ContainerState::Exited { code: *exit_code, reason: reason.clone() },
        None | Some("" | "PENDING") => ContainerState::Pending,
        Some(other) => return Err(ApiError::invalid_parameter(format!("Invalid container status: {other}"))),
    };
    Ok(ContainerObservation {
        name: container_name.clone().unwrap_or_default(),
        state,
        health: Health::Unknown,
        runtime_id: runtime_id.clone(),
        image_digest: image_digest.clone(),
        network_bindings: network_bindings.iter().flatten().filter_map(binding).collect(),
        restarts: 0,
    })
}

fn binding(wire: &WireBinding) -> Option<NetworkBinding> {
    let bind_ip: IpAddr = wire.bind_ip.as_deref().unwrap_or("0.0.0.0").parse().ok()?;
    let port = |port: Option<i32>| u16::try_from(port?).ok();
    let protocol = if wire.protocol == Some(TransportProtocol::Udp) { Protocol::Udp } else { Protocol::Tcp };
    Some(NetworkBinding { bind_ip, container_port: port(wire.container_port)?, host_port: port(wire.host_port)?, protocol })
}

/// The observation that a report amounts to. It never says that the task ended, and nothing of health.
pub(super) fn observation(
    record: &TaskRecord,
    status: TaskStatus,
    mut containers: Vec<ContainerObservation>,
    (pull_started_at, pull_stopped_at): (Option<Timestamp>, Option<Timestamp>),
) -> TaskObservation {
    for container in &mut containers {
        let known = record.task.containers.iter().flatten().find(|it| it.name.as_ref() == Some(&container.name));
        container.health = match known.and_then(|known| known.health_status.as_ref()) {
            Some(HealthStatus::Healthy) => Health::Healthy,
            Some(HealthStatus::Unhealthy) => Health::Unhealthy,
            _ => Health::Unknown,
        };
    }
    TaskObservation {
        task: record.task_ref(),
        phase: if status == TaskStatus::Running { TaskPhase::Running } else { TaskPhase::Starting },
        cause: None,
        containers,
        addresses: Vec::new(),
        pull_started_at,
        pull_stopped_at,
        started_at: record.task.started_at,
        stopped_at: None,
    }
}
