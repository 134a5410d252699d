//! What a manager knows: the tasks, their latest state, and who is told of changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::StreamExt;
use futures::stream::BoxStream;
use kecs_core::{BackendError, ClusterRef, TaskEvent, TaskId, TaskObservation, TaskRef};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::AbortHandle;

use super::ports::Ports;
use super::record::TaskRecord;

/// How many changes one who watches may be behind before it gets everything anew.
const BACKLOG: usize = 1024;

/// All tasks of one manager. The lock is held for moments only.
#[derive(Debug)]
pub(super) struct Hub {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tasks: HashMap<TaskId, Entry>,
    ports: Ports,
    changes: broadcast::Sender<Arc<TaskRecord>>,
}

/// One task.
#[derive(Debug)]
struct Entry {
    record: watch::Sender<Arc<TaskRecord>>,
    /// Each message asks the supervisor to stop its task. Those that come before the worker wait for it.
    stop: Option<mpsc::UnboundedSender<()>>,
    /// Speaks with the supervisor; it ends when the manager does.
    worker: Option<AbortHandle>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.abort();
        }
    }
}

impl Hub {
    pub(super) fn new() -> Self {
        let changes = broadcast::Sender::new(BACKLOG);
        Self { state: Mutex::new(State { tasks: HashMap::new(), ports: Ports::default(), changes }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    /// Works with the ports of the tasks.
    pub(super) fn with_ports<T>(&self, work: impl FnOnce(&mut Ports) -> T) -> T {
        work(&mut self.state().ports)
    }

    /// Takes in a task that has a supervisor, and returns where requests to stop it arrive.
    pub(super) fn adopt(&self, record: TaskRecord) -> mpsc::UnboundedReceiver<()> {
        let (stop, stops) = mpsc::unbounded_channel();
        let mut state = self.state();
        let id = record.task.id;
        state.update(record);
        if let Some(entry) = state.tasks.get_mut(&id) {
            entry.stop = Some(stop);
        }
        stops
    }

    /// Notes who speaks with the supervisor of a task.
    pub(super) fn employ(&self, task: TaskId, worker: AbortHandle) {
        if let Some(entry) = self.state().tasks.get_mut(&task) {
            entry.worker = Some(worker);
        }
    }

    /// Takes in what is known of a task, new or changed. Only news is told on.
    pub(super) fn update(&self, record: TaskRecord) {
        self.state().update(record);
    }

    /// Asks the supervisor of a task to stop it. Nothing happens where there is none.
    pub(super) fn stop(&self, task: TaskId) {
        if let Some(Entry { stop: Some(stop), .. }) = self.state().tasks.get(&task) {
            // A worker that ended has told the last state.
            let _ = stop.send(());
        }
    }

    /// The task's state, now and later; `None` if it is not known.
    pub(super) fn follow(&self, task: TaskId) -> Option<watch::Receiver<Arc<TaskRecord>>> {
        Some(self.state().tasks.get(&task)?.record.subscribe())
    }

    pub(super) fn get(&self, task: &TaskRef) -> Option<Arc<TaskRecord>> {
        let state = self.state();
        let record = state.tasks.get(&task.id)?.record.borrow().clone();
        (record.task == *task).then_some(record)
    }

    pub(super) fn remove(&self, task: TaskId) {
        let mut state = self.state();
        state.ports.release(task);
        state.tasks.remove(&task);
    }

    /// The tasks that have not ended.
    pub(super) fn living(&self) -> Vec<TaskRef> {
        let state = self.state();
        state
            .tasks
            .values()
            .map(|entry| entry.record.borrow())
            .filter(|record| !record.is_final())
            .map(|record| record.task.clone())
            .collect()
    }

    pub(super) fn list(&self, cluster: &ClusterRef) -> Vec<TaskObservation> {
        list(&self.state(), cluster)
    }

    /// Everything, then every change, then everything again where changes were lost.
    pub(super) fn watch(self: &Arc<Self>, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        let watching = Watching { hub: Arc::downgrade(self), cluster: cluster.clone(), changes: None };
        futures::stream::unfold(watching, |mut watching| async { Some((Ok(watching.next().await?), watching)) }).boxed()
    }
}

impl State {
    fn update(&mut self, record: TaskRecord) {
        let id = record.task.id;
        let known = self.tasks.get(&id).map(|entry| entry.record.borrow().clone());
        // What is final stays so, whoever still speaks.
        if known.is_some_and(|known| known.is_final() || *known == record) {
            return;
        }
        if record.is_final() {
            self.ports.release(id);
        } else {
            self.ports.take_all(id, record.containers.iter().flat_map(|container| &container.bindings));
        }
        let record = Arc::new(record);
        match self.tasks.get_mut(&id) {
            Some(entry) => drop(entry.record.send_replace(record.clone())),
            None => drop(self.tasks.insert(id, Entry { record: watch::Sender::new(record.clone()), stop: None, worker: None })),
        }
        // Nobody may be watching.
        let _ = self.changes.send(record);
    }
}

fn list(state: &State, cluster: &ClusterRef) -> Vec<TaskObservation> {
    let records = state.tasks.values().map(|entry| entry.record.borrow());
    records.filter(|record| record.task.cluster == *cluster).map(|record| record.observation()).collect()
}

struct Watching {
    /// Weak: whoever watches does not keep the manager alive.
    hub: std::sync::Weak<Hub>,
    cluster: ClusterRef,
    changes: Option<broadcast::Receiver<Arc<TaskRecord>>>,
}

impl Watching {
    /// The next event; `None` when the manager is gone.
    async fn next(&mut self) -> Option<TaskEvent> {
        loop {
            let Some(changes) = &mut self.changes else {
                let hub = self.hub.upgrade()?;
                // Under one lock, so that no change falls between the list and the first change.
                let state = hub.state();
                self.changes = Some(state.changes.subscribe());
                return Some(TaskEvent::Resynced(list(&state, &self.cluster)));
            };
            match changes.recv().await {
                Ok(record) if record.task.cluster == self.cluster => return Some(TaskEvent::Observed(record.observation())),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => self.changes = None,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
