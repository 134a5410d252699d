//! Follows the tasks of a cluster, and records what the backend observes.

use std::collections::HashSet;
use std::sync::Arc;

use super::follow::follow;
use super::{By, Shared, TaskIndex, lock, output};
use crate::{ClusterRef, TaskEvent, TaskId, TaskObservation, task_life};

/// Follows one cluster until the engine stops.
pub(super) async fn run(shared: Arc<Shared>, cluster: ClusterRef) {
    let open = || Some(shared.tasks.watch_tasks(&cluster));
    follow(&shared, &format!("the tasks of {cluster}"), open, |event| apply(&shared, &cluster, event)).await;
}

fn apply(shared: &Arc<Shared>, cluster: &ClusterRef, event: TaskEvent) {
    match event {
        TaskEvent::Observed(observation) => observed(shared, &observation),
        TaskEvent::Gone(task) => {
            shared.outputs.close(task.id);
            drop(
                shared.record(&cluster.scope, |world, tx| task_life::lost(world, tx, &task, "the task's backend no longer has it")),
            );
        }
        TaskEvent::Resynced(all) => resynced(shared, cluster, &all),
    }
}

fn observed(shared: &Arc<Shared>, observation: &TaskObservation) {
    let task = &observation.task;
    let known = {
        let world = shared.world(&task.cluster.scope);
        let world = lock(&world);
        world.tasks.get(task.id).is_some()
    };
    if known {
        let held = output::observed(shared, observation);
        drop(shared.record(&task.cluster.scope, |world, tx| task_life::observed(world, tx, observation, held)));
        return;
    }
    // Forgotten here and not there, or of a state that was thrown away: nobody will ever ask for it again.
    if shared.tasks.capabilities().exclusive {
        tracing::warn!(%task, "stopping a task that is not on record");
        tokio::spawn(super::driver::discard(Arc::clone(shared), task.clone()));
    } else {
        tracing::warn!(%task, "left alone: a task that is not on record");
    }
}

/// Compares the backend's whole picture of a cluster with ours.
fn resynced(shared: &Arc<Shared>, cluster: &ClusterRef, all: &[TaskObservation]) {
    for observation in all {
        observed(shared, observation);
    }
    let seen: HashSet<TaskId> = all.iter().map(|observation| observation.task.id).collect();
    let world = shared.world(&cluster.scope);
    let missing: Vec<_> = {
        let world = lock(&world);
        [true, false]
            .into_iter()
            .flat_map(|wanted| {
                let index = TaskIndex { cluster: Arc::clone(&cluster.name), wanted, by: By::Cluster };
                world
                    .tasks
                    .of(&index)
                    .filter(|task| !task.stopped() && !seen.contains(&task.id))
                    .map(|task| task.task_ref())
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    for task in missing {
        shared.outputs.close(task.id);
        drop(shared.record(&cluster.scope, |world, tx| task_life::missing(world, tx, &task)));
    }
}
