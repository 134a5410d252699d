//! Starts and stops tasks through the backend: the only place that calls it on a task's behalf.

use std::sync::Arc;
use std::time::Duration;

use super::{Shared, lock, output};
use crate::resolve::{self, ResolveInput};
use crate::{BackendError, ErrorKind, Report, RoleRef, TaskRef, task_agent, task_life};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Brings a recorded task to its backend. Harmless for one that was brought already, or is to stop.
pub(super) async fn start(shared: Arc<Shared>, task: TaskRef) {
    let Some(input) = startable(&shared, &task) else { return };
    let resolved = resolve::resolve(&input, &shared.services, shared.agent.as_ref());
    let (resolved, ()) = futures::join!(resolved, task_agent::prepare_credentials(&shared, task.id));
    let mut spec = match resolved {
        Ok(spec) => spec,
        Err(error) => return fail(&shared, &task, &error.to_string()),
    };
    let outputs = match output::prepare(&shared, &input).await {
        Ok(outputs) => outputs,
        Err(reason) => return fail(&shared, &task, &reason),
    };
    output::mark_blocking(&mut spec, &outputs);
    // From here on the backend may have the task, and a stop has to go through it.
    let (mut handed, places) = (false, shared.tasks.capabilities().places);
    drop(shared.record(&task.cluster.scope, |world, tx| handed = task_life::handed(world, tx, &task, places)));
    if !handed {
        return;
    }
    // Before the backend has it: what it observes of the task may come before its answer.
    output::begin(&shared, &task, outputs);
    let mut pause = FIRST_RETRY;
    let mut taken = false;
    let role = spec.role.clone().map(|arn| RoleRef { scope: task.cluster.scope.clone(), arn });
    loop {
        // Nobody releases the role meanwhile.
        let gate = match &role {
            Some(role) => Some(shared.role_gates.enter(role).await),
            None => None,
        };
        let permit = shared.starts.acquire().await;
        let result = shared.tasks.ensure_task(&spec).await;
        drop((permit, gate));
        match result {
            Ok(()) => {
                taken = true;
                break;
            }
            Err(error) if error.is_retryable() => {
                tracing::warn!(%task, error = %Report(&error), retry_in = ?pause, "task not started yet");
                wait(&error, &mut pause).await;
                if !wanted(&shared, &task) {
                    break;
                }
            }
            Err(error) => return fail(&shared, &task, &error.to_string()),
        }
    }
    // A stop that came while the backend took the task may have reached it too early.
    if !wanted(&shared, &task) {
        stop(Arc::clone(&shared), task.clone()).await;
        if !taken {
            end_unless_known(&shared, &task).await;
        }
    }
}

/// Ends a task that was to stop before its backend took it: of what the backend does not know, no end will ever be observed.
async fn end_unless_known(shared: &Shared, task: &TaskRef) {
    let mut pause = FIRST_RETRY;
    loop {
        match shared.tasks.observe_task(task).await {
            // It took the task although it answered otherwise; its end will be told.
            Ok(Some(_)) => return,
            Ok(None) => {
                shared.outputs.close(task.id);
                drop(shared.record(&task.cluster.scope, |world, tx| task_life::never_started(world, tx, task)));
                // There may be a part of it, and nothing to be told of that. Where this fails, it is tried again once the task is to be forgotten.
                if let Err(error) = shared.tasks.forget_task(task).await {
                    tracing::debug!(%task, error = %Report(&error), "task that never started not forgotten yet");
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%task, error = %Report(&error), retry_in = ?pause, "task not observed yet");
                wait(&error, &mut pause).await;
            }
        }
    }
}

/// Tells the backend to stop a task, until it has understood.
pub(super) async fn stop(shared: Arc<Shared>, task: TaskRef) {
    let mut pause = FIRST_RETRY;
    while let Err(error) = shared.tasks.stop_task(&task).await {
        tracing::warn!(%task, error = %Report(&error), retry_in = ?pause, "task not stopped yet");
        wait(&error, &mut pause).await;
    }
}

/// Stops a task that nobody knows, and forgets it once it has ended.
pub(super) async fn discard(shared: Arc<Shared>, task: TaskRef) {
    stop(Arc::clone(&shared), task.clone()).await;
    // While it has not ended this is a conflict; its last observation comes by here again.
    if let Err(error) = shared.tasks.forget_task(&task).await {
        tracing::debug!(%task, error = %Report(&error), "unknown task not forgotten yet");
    }
}

/// Forgets a task that ended, once nothing of it is being shipped any more: the backend first, since nobody would ask it again for a task that is not on
/// record. An engine that stops meanwhile leaves the record, and the next one begins again.
pub(super) async fn forget(shared: Arc<Shared>, task: TaskRef) {
    output::shipped(&shared, &task).await;
    if shared.tasks.capabilities().log_routers {
        shared.log_positions.forget(task.id).await;
    }
    let mut pause = FIRST_RETRY;
    while let Err(error) = shared.tasks.forget_task(&task).await {
        // A conflict: it has not ended there, and is being stopped.
        if !error.is_retryable() && error.kind() != ErrorKind::Conflict {
            tracing::warn!(%task, error = %Report(&error), "stopped task not forgotten by its backend");
            break;
        }
        tracing::debug!(%task, error = %Report(&error), retry_in = ?pause, "stopped task not forgotten yet");
        wait(&error, &mut pause).await;
    }
    drop(shared.record(&task.cluster.scope, |world, tx| drop(world.tasks.remove(tx, task.id))));
}

fn startable(shared: &Shared, task: &TaskRef) -> Option<ResolveInput> {
    let input = input(shared, task)?;
    let starting = input.record.wanted() && matches!(input.record.last_status(), "PROVISIONING" | "PENDING");
    starting.then_some(input)
}

/// What is on record of a task.
pub(super) fn input(shared: &Shared, task: &TaskRef) -> Option<ResolveInput> {
    let world = shared.world(&task.cluster.scope);
    let world = lock(&world);
    let record = world.tasks.get(task.id)?;
    let definition = world.task_definitions.find(&world.scope, record.task.task_definition_arn.as_deref()?)?;
    Some(ResolveInput { record: Arc::clone(record), definition: Arc::clone(definition) })
}

fn wanted(shared: &Shared, task: &TaskRef) -> bool {
    lock(&shared.world(&task.cluster.scope)).tasks.get(task.id).is_some_and(|record| record.wanted())
}

fn fail(shared: &Shared, task: &TaskRef, reason: &str) {
    shared.outputs.close(task.id);
    drop(shared.record(&task.cluster.scope, |world, tx| task_life::failed_to_start(world, tx, task, reason)));
}

async fn wait(error: &BackendError, pause: &mut Duration) {
    tokio::time::sleep(error.retry_after().unwrap_or(*pause)).await;
    *pause = (*pause * 2).min(LAST_RETRY);
}
