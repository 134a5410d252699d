//! From what a backend observed to ECS's states.

use kecs_model::Timestamp;
use kecs_model::ecs::{Connectivity, TaskStopCode};

use super::{Stop, begin_stop, change, containers, network_interface, walk};
use crate::engine::{Effect, TaskRecord, Tx, World};
use crate::{StopCause, TaskObservation, TaskPhase};

/// "Essential container in task exited" is ECS's text for it ("Amazon ECS stopped task error messages").
const ESSENTIAL_EXITED: &str = "Essential container in task exited";

/// Moves a task on to what its backend observed. Repeats and stragglers change nothing. One that has ended stays in DEPROVISIONING while something
/// of it is `held`.
pub(crate) fn observed(world: &mut World, tx: &mut Tx, observation: &TaskObservation, held: bool) {
    let TaskObservation { task, .. } = observation;
    let Some(record) = world.tasks.get(task.id) else { return };
    if record.stopped() {
        // Given up here, and running there nevertheless: a start that was thought to have failed had not.
        if observation.phase <= TaskPhase::Running {
            tx.then(Effect::StopTask(task.clone()));
        }
        return;
    }
    let mut after = TaskRecord::clone(record);
    let target = advance(&mut after, observation, tx.now);
    if after.task != record.task || after.addresses != record.addresses {
        change(world, tx, task, |record, _| *record = after);
    }
    walk(world, tx, task, if held && target == "STOPPED" { "DEPROVISIONING" } else { target });
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
    containers::apply(record, seen, now);
    network_interface::attach(record, addresses);
    if record.addresses.is_empty() {
        record.addresses.clone_from(addresses);
    }
    let task = &mut record.task;
    // What a backend stamps is by its own clock: never before what it follows upon, never in the future.
    let mut latest = task.created_at;
    let mut stamp = |stamp: &mut Option<Timestamp>, seen: Option<Timestamp>| {
        *stamp = stamp.or_else(|| Some(seen?.min(now)).max(latest));
        latest = latest.max(*stamp);
    };
    if task.connectivity.is_none() && *phase != TaskPhase::Provisioning {
        task.connectivity = Some(Connectivity::Connected);
        let first = [*pull_started_at, *started_at, *stopped_at].into_iter().flatten().min();
        stamp(&mut task.connectivity_at, Some(first.map_or(now, |first| first.min(now))));
    }
    stamp(&mut task.pull_started_at, *pull_started_at);
    stamp(&mut task.pull_stopped_at, *pull_stopped_at);
    stamp(&mut task.started_at, *started_at);
    match phase {
        TaskPhase::Provisioning => "PROVISIONING",
        TaskPhase::Starting => "PENDING",
        // Nothing to activate yet: registration with load balancers and Cloud Map will wait in ACTIVATING.
        TaskPhase::Running => "RUNNING",
        TaskPhase::Stopping => {
            begin_stop(record, now, why(cause.as_ref()));
            "STOPPING"
        }
        TaskPhase::Stopped => {
            begin_stop(record, now, why(cause.as_ref()));
            let started_at = record.task.started_at;
            record.task.execution_stopped_at = started_at.map(|started_at| started_at.max(stopped_at.unwrap_or(now).min(now)));
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
