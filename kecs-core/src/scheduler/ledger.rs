//! Takes note of each task once when it proves healthy, and once when it ends: what the circuit breaker and the throttle count.

use kecs_model::ecs::{DeploymentRolloutState, TaskStopCode};

use super::circuit_breaker::Breaker;
use super::counts;
use super::events;
use super::rollout::{TaskHealth, TaskView};
use crate::TaskId;
use crate::engine::{ServiceRecord, Standing, TaskRecord, Tx, World};

/// Takes note of the tasks that ended. Returns how many were told to stop and have not stopped yet.
///
/// "A task is considered a failure if the service scheduler can't launch the task, the task doesn't transition to a RUNNING state, or if it
/// fails any of its defined health checks and is stopped" (Deployment.failedTasks); so is one that ends by itself before it counted as healthy.
pub(super) fn close(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) -> usize {
    let mut stopping = 0;
    let mut ended: Vec<(TaskId, bool, bool)> = Vec::new();
    for record in counts::ending(world, &service.cluster, &service.name) {
        if record.stopped() {
            let of_primary = service.primary().is_some_and(|primary| record.launched_by(&primary.id()));
            ended.push((record.id, of_primary, failed(record)));
        } else {
            stopping += 1;
        }
    }
    for (id, of_primary, failed) in ended {
        world.tasks.note(tx, id, Standing::Closed);
        if failed && (of_primary || service.external()) {
            count_failure(tx, service);
            throttle(world, tx, service);
        }
    }
    stopping
}

/// Whether a task ended before it was of any use, without anybody wanting it to.
fn failed(record: &TaskRecord) -> bool {
    let wanted_by_somebody =
        matches!(record.task.stop_code, Some(TaskStopCode::UserInitiated | TaskStopCode::ServiceSchedulerInitiated));
    record.standing == Standing::New && !wanted_by_somebody
}

/// Counts a task of the PRIMARY deployment that failed.
pub(super) fn count_failure(tx: &Tx, service: &mut ServiceRecord) {
    if let Some(primary) = service.deployments.first_mut()
        && primary.rollout_state == DeploymentRolloutState::InProgress
    {
        primary.failed_tasks += 1;
        primary.failures += 1;
        primary.updated_at = tx.now;
    }
    service.steady = false;
}

/// Slows launches down after a task that was never of any use. "Tasks that are stopped after they reach the RUNNING state do not trigger the
/// throttle logic" ("Service throttle logic").
pub(super) fn throttle(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) {
    if service.throttle.failed(tx.now) {
        events::impaired(world, tx, service);
    }
}

/// Takes note of the tasks that count as healthy for the first time.
pub(super) fn prove(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, tasks: &[TaskView], breaker: Breaker) {
    let proven: Vec<_> = tasks
        .iter()
        .filter(|task| task.health == TaskHealth::Healthy)
        .filter(|task| world.tasks.get(task.id).is_some_and(|record| record.standing == Standing::New))
        .map(|task| (task.id, task.primary))
        .collect();
    for (id, primary) in proven {
        world.tasks.note(tx, id, Standing::Proven);
        if primary {
            service.throttle.reset();
            if let Some(primary) = service.deployments.first_mut() {
                primary.failed_tasks = 0;
                if breaker.reset_on_healthy_task {
                    primary.failures = 0;
                }
            }
        }
    }
}
