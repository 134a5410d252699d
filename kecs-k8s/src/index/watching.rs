//! Those who are told of changes.

use std::sync::{Arc, Weak};

use futures::StreamExt;
use futures::stream::BoxStream;
use kecs_core::{BackendError, ClusterRef, TaskEvent, TaskObservation};
use tokio::sync::broadcast;

use super::{Index, State};

pub(super) fn list(state: &State, cluster: &ClusterRef) -> Vec<TaskObservation> {
    let tasks = state.tasks.values().filter(|entry| entry.task().cluster == *cluster);
    tasks.map(|entry| TaskObservation::clone(&entry.observation())).collect()
}

pub(super) fn stream(index: &Arc<Index>, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
    let watching = Watching { index: Arc::downgrade(index), cluster: cluster.clone(), changes: None };
    futures::stream::unfold(watching, |mut watching| async { Some((Ok(watching.next().await?), watching)) }).boxed()
}

struct Watching {
    /// Weak: whoever watches does not keep the manager alive.
    index: Weak<Index>,
    cluster: ClusterRef,
    changes: Option<broadcast::Receiver<TaskEvent>>,
}

impl Watching {
    /// The next event; `None` when the manager is gone.
    async fn next(&mut self) -> Option<TaskEvent> {
        loop {
            let Some(changes) = &mut self.changes else {
                let mut synced = self.index.upgrade()?.synced.subscribe();
                // An error: the manager is gone.
                synced.wait_for(|synced| *synced).await.ok()?;
                let index = self.index.upgrade()?;
                // Under one lock, so that no change falls between the list and the first change.
                let state = index.state();
                self.changes = Some(state.changes.subscribe());
                return Some(TaskEvent::Resynced(list(&state, &self.cluster)));
            };
            match changes.recv().await {
                Ok(event) if cluster_of(&event) == Some(&self.cluster) => return Some(event),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => self.changes = None,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

fn cluster_of(event: &TaskEvent) -> Option<&ClusterRef> {
    match event {
        TaskEvent::Observed(observation) => Some(&observation.task.cluster),
        TaskEvent::Gone(task) => Some(&task.cluster),
        _ => None,
    }
}
