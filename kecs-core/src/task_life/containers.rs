//! A task's containers, as clients see them.

use kecs_model::Timestamp;
use kecs_model::ecs::{Container, HealthStatus, NetworkBinding as WireBinding, TransportProtocol};

use super::exec_agent;
use crate::engine::TaskRecord;
use crate::task_spec::Protocol;
use crate::{ContainerObservation, ContainerState, Health, NetworkBinding};

/// Brings the containers up to what was observed.
pub(super) fn apply(record: &mut TaskRecord, observed: &[ContainerObservation], now: Timestamp) {
    for container in record.task.containers.iter_mut().flatten() {
        if let Some(seen) = observed.iter().find(|seen| Some(seen.name.as_str()) == container.name.as_deref()) {
            apply_one(container, seen);
            exec_agent::follow(container, now);
        }
    }
    record.task.health_status = Some(task_health(record));
}

fn apply_one(container: &mut Container, seen: &ContainerObservation) {
    let ContainerObservation { name: _, state, health, runtime_id, image_digest, network_bindings, restarts: _ } = seen;
    let status = match state {
        ContainerState::Pending => "PENDING",
        ContainerState::Running => "RUNNING",
        ContainerState::Exited { code, reason } => {
            container.exit_code = *code;
            container.reason.clone_from(reason);
            "STOPPED"
        }
    };
    container.last_status = Some(status.to_owned());
    container.health_status = Some(match health {
        Health::Unknown => HealthStatus::Unknown,
        Health::Healthy => HealthStatus::Healthy,
        Health::Unhealthy => HealthStatus::Unhealthy,
    });
    if runtime_id.is_some() {
        container.runtime_id.clone_from(runtime_id);
    }
    if image_digest.is_some() {
        container.image_digest.clone_from(image_digest);
    }
    container.network_bindings = Some(network_bindings.iter().map(wire_binding).collect());
}

fn wire_binding(binding: &NetworkBinding) -> WireBinding {
    let NetworkBinding { bind_ip, container_port, host_port, protocol } = binding;
    WireBinding {
        bind_ip: Some(bind_ip.to_string()),
        container_port: Some(i32::from(*container_port)),
        host_port: Some(i32::from(*host_port)),
        protocol: Some(match protocol {
            Protocol::Tcp => TransportProtocol::Tcp,
            Protocol::Udp => TransportProtocol::Udp,
        }),
        ..WireBinding::default()
    }
}

/// "The health status for the task. It's determined by the health of the essential containers in the task. If all essential containers in the
/// task are reporting as HEALTHY, the task status also reports as HEALTHY. If any essential containers in the task are reporting as UNHEALTHY
/// or UNKNOWN, the task status also reports as UNHEALTHY or UNKNOWN" (API reference, Task). Containers without a health check stay out of it
/// ("Determine Amazon ECS task health using container health checks").
fn task_health(record: &TaskRecord) -> HealthStatus {
    let mut checked = record
        .task
        .containers
        .iter()
        .flatten()
        .filter(|container| container.name.as_ref().is_some_and(|name| record.health_checked.contains(name)))
        .map(|container| container.health_status.clone().unwrap_or(HealthStatus::Unknown))
        .peekable();
    if checked.peek().is_none() {
        return HealthStatus::Unknown;
    }
    let mut verdict = HealthStatus::Healthy;
    for health in checked {
        match health {
            HealthStatus::Unhealthy => return HealthStatus::Unhealthy,
            HealthStatus::Unknown => verdict = HealthStatus::Unknown,
            _ => {}
        }
    }
    verdict
}

/// No container runs any more.
pub(super) fn all_stopped(record: &mut TaskRecord) {
    for container in record.task.containers.iter_mut().flatten() {
        container.last_status = Some("STOPPED".to_owned());
        exec_agent::stop(container);
    }
}
