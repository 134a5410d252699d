//! From what a backend observed to ECS's states.

use kecs_model::Timestamp;
use kecs_model::ecs::{Attachment, Connectivity, KeyValuePair, NetworkInterface, TaskStopCode};

use super::{Stop, begin_stop, change, containers, walk};
use crate::engine::{TaskRecord, Tx, World};
use crate::{StopCause, TaskObservation, TaskPhase};

/// "Essential container in task exited" is ECS's text for it ("Amazon ECS stopped task error messages").
const ESSENTIAL_EXITED: &str = "Essential container in task exited";

/// Moves a task on to what its backend observed. Repeats and stragglers change nothing.
pub(crate) fn observed(world: &mut World, tx: &mut Tx, observation: &TaskObservation) {
    let TaskObservation { task, .. } = observation;
    let Some(record) = world.tasks.get(task.id) else { return };
    if record.stopped() {
        return;
    }
    let mut after = TaskRecord::clone(record);
    let target = advance(&mut after, observation, tx.now);
    if after.task != record.task {
        change(world, tx, task, |record, _| *record = after);
    }
    walk(world, tx, task, target);
}

/// Notes the facts, and says which state they mean.
fn advance(record: &mut TaskRecord, observation: &TaskObservation, now: Timestamp) -> &'static str {
    let TaskObservation {
        task: _,
        phase,
        cause,
        containers: seen,
        addresses,
        pull_started_at,
        pull_stopped_at,
        started_at,
        stopped_at,
    } = observation;
    containers::apply(record, seen);
    if let Some(address) = addresses.first() {
        attach(record, &address.to_string());
    }
    let task = &mut record.task;
    task.pull_started_at = task.pull_started_at.or(*pull_started_at);
    task.pull_stopped_at = task.pull_stopped_at.or(*pull_stopped_at);
    if started_at.is_some() && task.connectivity.is_none() {
        task.connectivity = Some(Connectivity::Connected);
        task.connectivity_at = Some(now);
    }
    task.started_at = task.started_at.or(*started_at);
    match phase {
        TaskPhase::Starting => "PENDING",
        // Nothing to activate yet: registration with load balancers and Cloud Map will wait in ACTIVATING.
        TaskPhase::Running => "RUNNING",
        TaskPhase::Stopping => {
            begin_stop(record, now, why(cause.as_ref()));
            "STOPPING"
        }
        TaskPhase::Stopped => {
            begin_stop(record, now, why(cause.as_ref()));
            record.task.execution_stopped_at = stopped_at.or(Some(now)).filter(|_| record.task.started_at.is_some());
            "STOPPED"
        }
    }
}

/// What ECS says of a task that its backend ended by itself. Where a request or the scheduler asked for it, their reason stands already.
fn why(cause: Option<&StopCause>) -> Stop {
    match cause {
        Some(StopCause::EssentialContainerExited) => {
            Stop { code: TaskStopCode::EssentialContainerExited, reason: ESSENTIAL_EXITED.to_owned() }
        }
        Some(StopCause::FailedToStart { reason }) => Stop { code: TaskStopCode::TaskFailedToStart, reason: reason.clone() },
        Some(StopCause::Lost { reason }) => Stop { code: TaskStopCode::TerminationNotice, reason: format!("Task lost: {reason}") },
        Some(StopCause::Requested) | None => {
            Stop { code: TaskStopCode::TerminationNotice, reason: "Task stopped by its runtime".to_owned() }
        }
    }
}

/// Shows the task's address the way ECS shows an elastic network interface.
fn attach(record: &mut TaskRecord, address: &str) {
    if record.network_mode.as_deref() != Some("awsvpc") {
        return;
    }
    let Some(attachment) = record.task.attachments.iter_mut().flatten().find(|attachment| is_interface(attachment)) else { return };
    attachment.status = Some("ATTACHED".to_owned());
    let id = attachment.id.clone();
    let details = attachment.details.get_or_insert_default();
    if !details.iter().any(|detail| detail.name.as_deref() == Some("privateIPv4Address")) {
        let detail = KeyValuePair { name: Some("privateIPv4Address".to_owned()), value: Some(address.to_owned()) };
        details.push(detail);
    }
    for container in record.task.containers.iter_mut().flatten() {
        container.network_interfaces = Some(vec![NetworkInterface {
            attachment_id: id.clone(),
            private_ipv4_address: Some(address.to_owned()),
            ..NetworkInterface::default()
        }]);
    }
}

fn is_interface(attachment: &Attachment) -> bool {
    attachment.r#type.as_deref() == Some("ElasticNetworkInterface")
}
