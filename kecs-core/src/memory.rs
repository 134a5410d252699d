//! Tasks that only pretend to run: what `--runtime memory` is, and the test double of every [`TaskManager`].
//!
//! Containers run by ECS's rules (they are those of [`task_run`](crate::task_run)), but nothing is executed: a container starts at once,
//! is healthy if it has a health check, prints nothing, runs until it is stopped, and ends with exit code 143 (128 + SIGTERM) upon SIGTERM.
//! Whatever should be otherwise is said by a script, and there are three ways to say it; a later one wins:
//!
//! 1. [`Builder::default_script`] for all tasks;
//! 2. [`Builder::script`], which looks at the specification;
//! 3. the container's own `dockerLabels`, so that a task definition can say it to a server that runs already:
//!
//! | label | value | meaning |
//! |---|---|---|
//! | `kecs.io/memory.start-delay` | duration | time from the attempt to start until it runs |
//! | `kecs.io/memory.start-failure` | text | it cannot be started; the text is the reason |
//! | `kecs.io/memory.exit-after` | duration | it ends by itself after that time of running (default 0 if an exit code is given) |
//! | `kecs.io/memory.exit-code` | number | with this code (default 0) |
//! | `kecs.io/memory.health` | `healthy` or `unhealthy`, several with commas | the results of its health checks in turn; the last one stays |
//! | `kecs.io/memory.ignore-sigterm` | `true` or `false` | it ends upon SIGKILL only, with exit code 137 |
//! | `kecs.io/memory.log` | text | what it prints at its start, line by line |
//!
//! A duration is a number of seconds (`2`, `0.5`) or has a unit (`250ms`, `5s`, `2m`). A label that cannot be read makes
//! [`ensure_task`](TaskManager::ensure_task) answer `Invalid`.
//!
//! Commands that are [run](TaskManager::exec) in a container are pretended too: there are `echo`, `cat`, `sleep`, `stty size` and `sh -c "exit N"`.
//!
//! Tests drive tasks by hand: [`exit`](MemoryTaskManager::exit), [`set_health`](MemoryTaskManager::set_health),
//! [`print`](MemoryTaskManager::print), [`lose`](MemoryTaskManager::lose), [`remove`](MemoryTaskManager::remove),
//! [`disconnect_watches`](MemoryTaskManager::disconnect_watches). Hosts that are container instances come and go by
//! [`set_host`](MemoryTaskManager::set_host) and [`remove_host`](MemoryTaskManager::remove_host).
//!
//! Everything is deterministic. Time is tokio's, so it can be paused. Dynamic host ports are the lowest that are free from 32768 up, task
//! addresses (network mode `awsvpc`) the lowest that are free in 10.0.0.0/16. All tasks share one timer queue, and a task that waits for
//! nothing costs no time at all.

mod driver;
mod events;
mod exec;
mod hosts;
mod labels;
mod log;
mod pool;
mod script;
mod state;
mod task;

pub use script::{ContainerScript, TaskScript};

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use crate::{
    BackendError, Clock, ClusterRef, ErrorKind, ExecCommand, ExecSession, Health, HostInstance, HostStream, LogQuery, LogStream,
    RoleRef, SystemClock, TaskCapabilities, TaskEvent, TaskManager, TaskObservation, TaskRef, TaskSpec,
};
use driver::Shared;
use hosts::Hosts;

/// A [`TaskManager`] whose tasks exist in memory only. See the [module](self).
///
/// Clones share their tasks. It belongs to the tokio runtime in which it is first used.
#[derive(Clone)]
pub struct MemoryTaskManager {
    shared: Arc<Shared>,
    hosts: Arc<Hosts>,
    /// The roles of tasks that were ever there, until they are released.
    roles: Arc<Mutex<BTreeSet<RoleRef>>>,
    default_script: TaskScript,
    script: Option<Arc<ScriptFn>>,
}

type ScriptFn = dyn Fn(&TaskSpec) -> Option<TaskScript> + Send + Sync;

impl MemoryTaskManager {
    /// One whose tasks do as the [module](self) says, unless their labels say otherwise.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// One with scripts.
    pub fn builder() -> Builder {
        Builder { default_script: TaskScript::default(), script: None, clock: Arc::new(SystemClock) }
    }

    /// Ends a container by itself, as if its process had.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task or container that is not known, `Conflict` for one that does not run.
    pub fn exit(&self, task: &TaskRef, container: &str, code: i32) -> Result<(), BackendError> {
        self.shared.with_task(task, |state, now| state.exit(task, container, code, now))
    }

    /// Sets a container's health now and for all checks to come; `Unknown` gives it back to its script, from the next check on.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task or container that is not known.
    pub fn set_health(&self, task: &TaskRef, container: &str, health: Health) -> Result<(), BackendError> {
        self.shared.with_task(task, |state, now| state.set_health(task, container, health, now))
    }

    /// Adds a line to a container's standard output.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task or container that is not known, `Conflict` for one that has ended.
    pub fn print(&self, task: &TaskRef, container: &str, line: impl Into<Bytes>) -> Result<(), BackendError> {
        let line = line.into();
        self.shared.with_task(task, |state, now| state.print(task, container, line, now))
    }

    /// Ends a task as if its host had gone: it is observed as stopped with [`StopCause::Lost`](crate::StopCause::Lost), its containers
    /// without exit codes.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task that is not known, `Conflict` for one that has ended.
    pub fn lose(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.shared.with_task(task, |state, now| state.lose(task, now))
    }

    /// Forgets a task without being told to, as if somebody had removed it behind our back: watches see [`TaskEvent::Gone`].
    ///
    /// # Errors
    ///
    /// `NotFound` for a task that is not known.
    pub fn remove(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.shared.with_task(task, |state, _| state.remove(task))
    }

    /// Ends every watch with an `Unavailable` error, as if the connection to the backend had broken.
    pub fn disconnect_watches(&self) {
        self.shared.lock().disconnect_watches();
    }

    /// Pretends a host that is a container instance, or changes it. No task runs anywhere else because of it.
    pub fn set_host(&self, host: HostInstance) {
        self.hosts.set(host);
    }

    /// Takes a host away. Does nothing for one that is not there.
    pub fn remove_host(&self, id: &str) {
        self.hosts.remove(id);
    }

    /// A host as it is now.
    pub fn host(&self, id: &str) -> Option<HostInstance> {
        self.hosts.get(id)
    }

    /// How many tasks it remembers, ended ones included.
    pub fn task_count(&self) -> usize {
        self.shared.lock().task_count()
    }

    fn roles(&self) -> MutexGuard<'_, BTreeSet<RoleRef>> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script_for(&self, spec: &TaskSpec) -> TaskScript {
        self.script.as_ref().and_then(|script| script(spec)).unwrap_or_else(|| self.default_script.clone())
    }
}

impl Default for MemoryTaskManager {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryTaskManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTaskManager").field("tasks", &self.task_count()).finish_non_exhaustive()
    }
}

/// Makes a [`MemoryTaskManager`].
pub struct Builder {
    default_script: TaskScript,
    script: Option<Arc<ScriptFn>>,
    clock: Arc<dyn Clock>,
}

impl Builder {
    /// What tasks do for which [`script`](Self::script) has nothing.
    #[must_use]
    pub fn default_script(mut self, script: TaskScript) -> Self {
        self.default_script = script;
        self
    }

    /// What a task does, by its specification; `None` leaves it to the default script. Asked once, when the task is first ensured.
    #[must_use]
    pub fn script(mut self, script: impl Fn(&TaskSpec) -> Option<TaskScript> + Send + Sync + 'static) -> Self {
        self.script = Some(Arc::new(script));
        self
    }

    /// Where the stamps of observations and log lines come from. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The manager, without a task.
    pub fn build(self) -> MemoryTaskManager {
        MemoryTaskManager {
            shared: Arc::new(Shared::new(self.clock)),
            hosts: Arc::default(),
            roles: Arc::default(),
            default_script: self.default_script,
            script: self.script,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("default_script", &self.default_script).finish_non_exhaustive()
    }
}

#[async_trait]
impl TaskManager for MemoryTaskManager {
    fn capabilities(&self) -> TaskCapabilities {
        // A container needs no command here, which is what `images` tells core.
        TaskCapabilities { images: true, exec: true, ..TaskCapabilities::new("memory") }
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        if self.shared.lock().knows(&spec.task) {
            return Ok(());
        }
        let scripts = labels::with_labels(&self.script_for(spec), spec)?;
        self.shared.with_state(|state, now| state.start(spec, scripts, now));
        if let Some(arn) = &spec.role {
            self.roles().insert(RoleRef { scope: spec.task.cluster.scope.clone(), arn: arn.clone() });
        }
        Ok(())
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.shared.with_state(|state, now| state.stop(task, now));
        Ok(())
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.shared.lock().forget(task)
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        Ok(self.shared.lock().observe(task))
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        Ok(self.shared.lock().list(cluster))
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        events::watch(Arc::downgrade(&self.shared), cluster.clone())
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        let mut state = self.shared.lock();
        let log = state.log(task, container)?;
        let lines = stream::iter(log.tail(query.tail)).map(Ok);
        match query.follow.then(|| log.follow()).flatten() {
            Some(more) => Ok(lines.chain(more.map(Ok)).boxed()),
            None => Ok(lines.boxed()),
        }
    }

    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        Ok(exec::run(command, self.shared.lock().life_of(task, container)?))
    }

    fn watch_instances(&self) -> Option<HostStream> {
        Some(self.hosts.watch())
    }

    async fn drain_instance(&self, instance: &str, drains: bool) -> Result<(), BackendError> {
        self.hosts.drain(instance, drains)
    }

    async fn held_roles(&self) -> Result<Vec<RoleRef>, BackendError> {
        Ok(self.roles().iter().cloned().collect())
    }

    async fn release_role(&self, role: &RoleRef) -> Result<(), BackendError> {
        self.roles().remove(role);
        Ok(())
    }
}

/// An error for a task or container that nobody knows here.
fn not_found(what: impl fmt::Display) -> BackendError {
    BackendError::new(ErrorKind::NotFound, format!("{what} is not known"))
}

#[cfg(test)]
mod tests;
