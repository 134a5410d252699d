//! Every task that is known, as its pod last said, and who is told of changes. No I/O: the lock is held for moments only.

mod entry;
mod watching;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use kecs_core::task_spec::Protocol;
use kecs_core::{BackendError, ClusterRef, TaskEvent, TaskId, TaskObservation, TaskPhase, TaskRef};
use kecs_model::Timestamp;
use tokio::sync::{broadcast, mpsc, watch};

pub(crate) use entry::{Entry, stop_of};

use crate::names::FINALIZER;

/// How many changes one who watches may be behind before it gets everything anew.
const BACKLOG: usize = 1024;
/// How many forgotten tasks are remembered, so that a late answer does not bring them back.
const FORGOTTEN: usize = 4096;

/// All tasks of one prefix.
#[derive(Debug)]
pub(crate) struct Index {
    state: Mutex<State>,
    /// Tasks that somebody has to look after.
    dirty: mpsc::UnboundedSender<TaskId>,
    /// Whether the first list was complete.
    synced: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    tasks: HashMap<TaskId, Entry>,
    forgotten: Forgotten,
    /// Ports of nodes that were chosen for tasks which are not known yet.
    promised: HashMap<TaskId, Vec<(u16, Protocol)>>,
    changes: broadcast::Sender<TaskEvent>,
    provisioning_timeout: Duration,
}

#[derive(Debug, Default)]
struct Forgotten {
    tasks: HashSet<TaskId>,
    order: VecDeque<TaskId>,
}

impl Forgotten {
    fn add(&mut self, task: TaskId) {
        if self.tasks.insert(task) {
            self.order.push_back(task);
        }
        if self.order.len() > FORGOTTEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.tasks.remove(&oldest);
        }
    }
}

impl Index {
    /// An empty one, and where it names the tasks that have to be looked after.
    pub(crate) fn new(provisioning_timeout: Duration) -> (Self, mpsc::UnboundedReceiver<TaskId>) {
        let (dirty, looked_after) = mpsc::unbounded_channel();
        let state = State {
            tasks: HashMap::new(),
            forgotten: Forgotten::default(),
            promised: HashMap::new(),
            changes: broadcast::Sender::new(BACKLOG),
            provisioning_timeout,
        };
        (Self { state: Mutex::new(state), dirty, synced: watch::Sender::new(false) }, looked_after)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    /// Takes in a pod, from the watch or from an answer. An older one than is known changes nothing.
    pub(crate) fn apply(&self, pod: Pod, now: Timestamp) {
        let mut state = self.state();
        let timeout = state.provisioning_timeout;
        let Some(task) = entry::task_of(&pod) else {
            tracing::warn!(pod = pod.metadata.name, namespace = pod.metadata.namespace, "left alone: a pod that is no task's");
            return;
        };
        if state.forgotten.tasks.contains(&task.id) {
            return;
        }
        let only_has_to_go = pod.metadata.deletion_timestamp.is_some() && !entry::has_finalizer(&pod, FINALIZER);
        if only_has_to_go && !state.tasks.contains_key(&task.id) {
            // Its end was seen by an earlier control plane.
            return;
        }
        state.promised.remove(&task.id);
        let change = match state.tasks.get_mut(&task.id) {
            Some(entry) => entry.update(pod, timeout, now),
            None => Entry::new(task.clone(), pod, timeout, now).map(|entry| {
                let observation = entry.observation();
                state.tasks.insert(task.id, entry);
                observation
            }),
        };
        self.tell(&state, task.id, change);
    }

    /// Looks at a task again, as time has passed.
    pub(crate) fn look(&self, task: TaskId, now: Timestamp) {
        let mut state = self.state();
        let timeout = state.provisioning_timeout;
        if let Some(entry) = state.tasks.get_mut(&task) {
            let change = entry.look(timeout, now);
            self.tell(&state, task, change);
        }
    }

    /// What the task's containers wrote has reached its log router.
    pub(crate) fn routed(&self, task: TaskId, now: Timestamp) {
        let mut state = self.state();
        let timeout = state.provisioning_timeout;
        if let Some(entry) = state.tasks.get_mut(&task) {
            let change = entry.routed(timeout, now);
            self.tell(&state, task, change);
        }
    }

    fn tell(&self, state: &State, task: TaskId, change: Option<Arc<TaskObservation>>) {
        if let Some(change) = change {
            // Nobody may be watching.
            let _ = state.changes.send(TaskEvent::Observed(TaskObservation::clone(&change)));
        }
        // Who looks after tasks may have ended, with everything else.
        let _ = self.dirty.send(task);
    }

    /// A pod is gone from the API. That of a task whose end was told may be: what is known of it is kept until it is forgotten.
    pub(crate) fn gone(&self, pod: &Pod) {
        if let Some(task) = entry::task_of(pod)
            && self.with(task.id, |entry| !entry.is_final()).unwrap_or(false)
        {
            self.drop_task(&task, true);
        }
    }

    /// The task is to be known no more, as was asked for.
    pub(crate) fn forget(&self, task: &TaskRef) {
        self.drop_task(task, false);
    }

    fn drop_task(&self, task: &TaskRef, is_news: bool) {
        let mut state = self.state();
        state.forgotten.add(task.id);
        state.promised.remove(&task.id);
        if state.tasks.remove(&task.id).is_some() && is_news {
            let _ = state.changes.send(TaskEvent::Gone(task.clone()));
        }
    }

    /// The tasks that are known.
    pub(crate) fn ids(&self) -> HashSet<TaskId> {
        self.state().tasks.keys().copied().collect()
    }

    /// The first list, or a new one, is complete: what was known before it began and is not in it is gone.
    pub(crate) fn listed(&self, pods: Vec<Pod>, known_before: &HashSet<TaskId>, now: Timestamp) {
        let present: HashSet<TaskId> = pods.iter().filter_map(entry::task_of).map(|task| task.id).collect();
        for id in known_before.difference(&present) {
            if let Some(task) = self.with(*id, |entry| (!entry.is_final()).then(|| entry.task().clone())).flatten() {
                self.drop_task(&task, true);
            }
        }
        for pod in pods {
            self.apply(pod, now);
        }
        self.synced.send_replace(true);
    }

    /// What was to be forgotten could not be removed.
    pub(crate) fn recall(&self, pod: Pod, now: Timestamp) {
        if let Some(task) = entry::task_of(&pod) {
            self.state().forgotten.tasks.remove(&task.id);
        }
        self.apply(pod, now);
    }

    /// Waits until the first list was complete.
    pub(crate) async fn synced(&self) {
        // The sender is our own.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    pub(crate) fn get(&self, task: &TaskRef) -> Option<Arc<TaskObservation>> {
        self.with(task.id, |entry| (entry.task() == task).then(|| entry.observation())).flatten()
    }

    pub(crate) fn is_forgotten(&self, task: TaskId) -> bool {
        self.state().forgotten.tasks.contains(&task)
    }

    /// Reads a task.
    pub(crate) fn with<T>(&self, task: TaskId, read: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.state().tasks.get(&task).map(read)
    }

    /// The task's state, now and later; `None` if it is not known.
    pub(crate) fn follow(&self, task: TaskId) -> Option<watch::Receiver<Arc<TaskObservation>>> {
        self.with(task, Entry::follow)
    }

    pub(crate) fn list(&self, cluster: &ClusterRef) -> Vec<TaskObservation> {
        watching::list(&self.state(), cluster)
    }

    /// Chooses a port of the nodes that no task has, for one that is yet to be created.
    pub(crate) fn choose_port(&self, task: TaskId, protocol: Protocol) -> Option<u16> {
        /// Docker's range, which is Linux's for local ports.
        const PORTS: std::ops::RangeInclusive<u16> = 32768..=60999;
        let mut state = self.state();
        let mut taken: HashSet<u16> =
            state.promised.values().flatten().filter(|(_, other)| *other == protocol).map(|(port, _)| *port).collect();
        let living = state.tasks.values().filter(|entry| entry.observation().phase != TaskPhase::Stopped);
        taken.extend(living.flat_map(|entry| entry.ports(protocol).collect::<Vec<_>>()));
        // By the task's id, so that two control planes hardly choose the same.
        let start = task.to_string().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let port = PORTS.cycle_from(start).find(|port| !taken.contains(port))?;
        state.promised.entry(task).or_default().push((port, protocol));
        Some(port)
    }

    /// The ports that were chosen for a task which came to nothing are free.
    pub(crate) fn give_up_ports(&self, task: TaskId) {
        self.state().promised.remove(&task);
    }

    /// Everything, then every change, then everything again where changes were lost.
    pub(crate) fn watch(self: &Arc<Self>, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        watching::stream(self, cluster)
    }
}

/// A range of ports from somewhere in it to its end and on from its start.
trait CycleFrom {
    fn cycle_from(self, start: usize) -> impl Iterator<Item = u16>;
}

impl CycleFrom for std::ops::RangeInclusive<u16> {
    fn cycle_from(self, start: usize) -> impl Iterator<Item = u16> {
        let size = self.len();
        self.cycle().skip(start % size).take(size)
    }
}

#[cfg(test)]
mod tests;
