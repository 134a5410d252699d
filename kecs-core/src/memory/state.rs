//! All tasks of a memory backend.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::driver::{Now, Timer, Timers};
use super::events::{CAPACITY, Message};
use super::log::ContainerLog;
use super::not_found;
use super::pool::Pool;
use super::script::ContainerScript;
use super::task::{Host, Task};
use crate::task_run::Input;
use crate::{BackendError, ClusterRef, ErrorKind, Health, TaskId, TaskObservation, TaskRef, TaskSpec};

#[derive(Debug)]
pub(super) struct State {
    clusters: HashMap<ClusterRef, Cluster>,
    ports: Pool,
    addresses: Pool,
    pub(super) timers: Timers,
}

#[derive(Debug, Default)]
struct Cluster {
    tasks: BTreeMap<TaskId, Task>,
    watches: Option<broadcast::Sender<Message>>,
}

impl Cluster {
    fn tell(&self, message: Message) {
        if let Some(watches) = &self.watches {
            // It fails where nobody watches.
            drop(watches.send(message));
        }
    }

    fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.watches.as_ref().is_none_or(|watches| watches.receiver_count() == 0)
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self { clusters: HashMap::new(), ports: Pool::of_ports(), addresses: Pool::of_addresses(), timers: Timers::default() }
    }

    pub(super) fn knows(&self, task: &TaskRef) -> bool {
        self.task(task).is_some()
    }

    pub(super) fn task_count(&self) -> usize {
        self.clusters.values().map(|cluster| cluster.tasks.len()).sum()
    }

    /// Does nothing for a task that is known.
    pub(super) fn start(&mut self, spec: &TaskSpec, scripts: Vec<ContainerScript>, now: Now) {
        let Self { clusters, ports, addresses, timers } = self;
        let Cluster { tasks, watches } = clusters.entry(spec.task.cluster.clone()).or_default();
        tasks.entry(spec.task.id).or_insert_with(|| {
            let mut host = Host { ports, addresses, timers, watches: watches.as_ref(), now };
            Task::begin(spec, scripts, &mut host)
        });
    }

    /// Does nothing for a task that is not known.
    pub(super) fn stop(&mut self, task: &TaskRef, now: Now) {
        self.with(task, now, |task, host| task.take(Input::StopRequested, host));
    }

    pub(super) fn fire(&mut self, timer: &Timer, now: Now) {
        self.with(&timer.task, now, |task, host| task.fire(timer.due, host));
    }

    pub(super) fn exit(&mut self, task: &TaskRef, container: &str, code: i32, now: Now) -> Result<(), BackendError> {
        let index = self.container(task, container)?;
        let was_alive = self.with(task, now, |task, host| task.exit(index, code, host));
        was_alive.unwrap_or(false).then_some(()).ok_or_else(|| conflict(format!("container {container} does not run")))
    }

    pub(super) fn set_health(&mut self, task: &TaskRef, container: &str, health: Health, now: Now) -> Result<(), BackendError> {
        let index = self.container(task, container)?;
        self.with(task, now, |task, host| task.set_health(index, health, host));
        Ok(())
    }

    pub(super) fn print(&mut self, task: &TaskRef, container: &str, line: Bytes, now: Now) -> Result<(), BackendError> {
        let log = self.log(task, container)?;
        if log.has_ended() {
            return Err(conflict(format!("container {container} has ended")));
        }
        log.print(now.stamp, line);
        Ok(())
    }

    pub(super) fn lose(&mut self, task: &TaskRef, now: Now) -> Result<(), BackendError> {
        let was_alive = self.with(task, now, |task, host| task.lose("the host is gone", host));
        was_alive.unwrap_or(false).then_some(()).ok_or_else(|| conflict(format!("{task} has ended")))
    }

    pub(super) fn remove(&mut self, task: &TaskRef) -> Result<(), BackendError> {
        let removed = self.take_out(task).ok_or_else(|| not_found(task))?;
        removed.release(&mut self.ports, &mut self.addresses);
        if let Some(cluster) = self.clusters.get(&task.cluster) {
            cluster.tell(Message::Gone(task.clone()));
        }
        self.drop_idle(&task.cluster);
        Ok(())
    }

    pub(super) fn forget(&mut self, task: &TaskRef) -> Result<(), BackendError> {
        if self.task(task).is_some_and(|known| !known.has_ended()) {
            return Err(conflict(format!("{task} has not ended")));
        }
        self.take_out(task);
        self.drop_idle(&task.cluster);
        Ok(())
    }

    pub(super) fn observe(&self, task: &TaskRef) -> Option<TaskObservation> {
        self.task(task).map(Task::observation)
    }

    pub(super) fn list(&self, cluster: &ClusterRef) -> Vec<TaskObservation> {
        self.clusters.get(cluster).into_iter().flat_map(|cluster| cluster.tasks.values()).map(Task::observation).collect()
    }

    /// Everything there is, and what comes after it.
    pub(super) fn subscribe(&mut self, cluster: &ClusterRef) -> (broadcast::Receiver<Message>, Vec<TaskObservation>) {
        let watches = &mut self.clusters.entry(cluster.clone()).or_default().watches;
        let receiver = watches.get_or_insert_with(|| broadcast::channel(CAPACITY).0).subscribe();
        (receiver, self.list(cluster))
    }

    pub(super) fn disconnect_watches(&mut self) {
        for cluster in self.clusters.values_mut() {
            cluster.tell(Message::Disconnected);
            cluster.watches = None;
        }
    }

    pub(super) fn log(&mut self, task: &TaskRef, container: &str) -> Result<&mut ContainerLog, BackendError> {
        let index = self.container(task, container)?;
        let known = self.clusters.get_mut(&task.cluster).and_then(|cluster| cluster.tasks.get_mut(&task.id));
        Ok(known.ok_or_else(|| not_found(task))?.log(index))
    }

    /// What is cancelled when the container, which runs, ends.
    pub(super) fn life_of(&self, task: &TaskRef, container: &str) -> Result<CancellationToken, BackendError> {
        let index = self.container(task, container)?;
        let life = self.task(task).and_then(|task| task.life_of(index));
        life.ok_or_else(|| conflict(format!("container {container} does not run")))
    }

    fn task(&self, task: &TaskRef) -> Option<&Task> {
        self.clusters.get(&task.cluster)?.tasks.get(&task.id)
    }

    fn container(&self, task: &TaskRef, container: &str) -> Result<usize, BackendError> {
        let known = self.task(task).ok_or_else(|| not_found(task))?;
        known.index_of(container).ok_or_else(|| not_found(format_args!("container {container} of {task}")))
    }

    fn with<R>(&mut self, task: &TaskRef, now: Now, act: impl FnOnce(&mut Task, &mut Host<'_>) -> R) -> Option<R> {
        let Self { clusters, ports, addresses, timers } = self;
        let Cluster { tasks, watches } = clusters.get_mut(&task.cluster)?;
        let mut host = Host { ports, addresses, timers, watches: watches.as_ref(), now };
        Some(act(tasks.get_mut(&task.id)?, &mut host))
    }

    fn take_out(&mut self, task: &TaskRef) -> Option<Task> {
        self.clusters.get_mut(&task.cluster)?.tasks.remove(&task.id)
    }

    fn drop_idle(&mut self, cluster: &ClusterRef) {
        if self.clusters.get(cluster).is_some_and(Cluster::is_idle) {
            self.clusters.remove(cluster);
        }
    }
}

fn conflict(message: String) -> BackendError {
    BackendError::new(ErrorKind::Conflict, message)
}
