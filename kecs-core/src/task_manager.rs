//! The seam to whatever runs tasks.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use kecs_model::Timestamp;

use crate::{
    BackendError, BackendHealth, ClusterRef, ContainerStats, ErrorKind, ExecCommand, ExecSession, HostStream, LogRouterConnection,
    RoleRef, TaskObservation, TaskRef, TaskSpec,
};

/// Runs tasks. Implemented by the process, memory and Kubernetes backends, and by whoever embeds KECS with a runtime of their own.
///
/// # The contract
///
/// - A task is known by its [`TaskRef`] alone. Its id is never used again, so a backend may keep the memory of an ended task until
///   [`forget_task`](Self::forget_task).
/// - A backend runs a task's containers by ECS's rules, from the [`TaskSpec`] alone: dependencies, health checks, essential
///   containers, restarts in place and stop time-outs. It knows nothing of services.
/// - A backend reports facts. It never invents an exit code: one that nobody saw is `None`.
/// - Every method may be called from several tasks at once, and dropping its future is safe: the call took effect or it did not, and
///   repeating it converges.
/// - Two copies of a control plane may exist for a moment (one that hangs, one that took over). A backend must not run a task twice.
///
/// `kecs_core::testing` has a test for each rule.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TaskManager: fmt::Debug + Send + Sync + 'static {
    /// What this backend is and can do. Constant for its life.
    fn capabilities(&self) -> TaskCapabilities;

    /// Makes the task run: starts it if it was never started, does nothing if it was, whatever became of it since.
    ///
    /// Returns once the backend will carry on by itself, even across a restart of this process; the rest arrives by
    /// [`watch_tasks`](Self::watch_tasks). A task that cannot start although its specification is well-formed (no such image, say) is
    /// *not* an error: it is observed as stopped with [`StopCause::FailedToStart`](crate::StopCause::FailedToStart).
    ///
    /// # Errors
    ///
    /// `Invalid` and `Unsupported` are final: core stops the task with the message as its reason. `Unavailable` and `Timeout` are
    /// retried with back-off.
    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError>;

    /// Begins to stop the task: each container gets its stop signal, in the reverse order of their dependencies, and is killed when
    /// its own `stop_timeout` is over. Returns as soon as that is under way; the end arrives by [`watch_tasks`](Self::watch_tasks).
    ///
    /// `Ok` when the task has ended or was never known. Repeating the call does not start the time-outs again.
    ///
    /// # Errors
    ///
    /// Whatever its kind, core repeats the call with back-off until it is `Ok`.
    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError>;

    /// Lets the backend drop all that it remembers of an ended task, logs among it, and of one that never came to run what was made for it. `Ok` when
    /// there is nothing to drop; `Conflict` while the task has not ended.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Timeout` and `Conflict` are retried with back-off, also by the next control plane: core keeps its record of the task until then.
    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError>;

    /// What is, now. `None` for a task that this backend does not know.
    ///
    /// # Errors
    ///
    /// When the backend cannot tell, which is not the same as `None`; core asks again.
    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError>;

    /// How the backend is doing, from what it met last; nothing is asked for it. Default: ready.
    fn health(&self) -> BackendHealth {
        BackendHealth::Ready
    }

    /// All tasks of the cluster that this backend knows, ended ones included until they are forgotten. None for a cluster that it has not heard of.
    ///
    /// # Errors
    ///
    /// When the backend cannot tell. Never a part of them.
    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError>;

    /// Follows the tasks of a cluster. The first item is [`TaskEvent::Resynced`]; after it every change arrives at least once, and for each
    /// task in the order in which it happened. Where events were lost, `Resynced` comes again. An error ends the stream; core opens
    /// a new one after a pause. Dropping the stream ends the watch.
    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>>;

    /// A container's output from its beginning (or what is kept of it), standard output and error as they came. The stream ends with
    /// the container, or at once where `follow` is false and all was given. Dropping it ends the reading.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task or container that is not known. An error within the stream ends it.
    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError>;

    /// What the task's containers use, now. Those that do not run are left out, and so are those that are not measured: a backend that measures
    /// nothing answers with none, which is the default.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task that is not known.
    async fn stats(&self, task: &TaskRef) -> Result<Vec<ContainerStats>, BackendError> {
        let _ = task;
        Ok(Vec::new())
    }

    /// Runs a command in a container that runs: with the container's environment, working directory and user, beside what it runs already.
    ///
    /// It returns once the session is there; that the program cannot be started is told by the session. The session ends with the command, and
    /// with the container. A session that is dropped takes its command along as well as the backend can.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task or container that is not known, `Conflict` for a container that does not run, `Unsupported` where the backend runs
    /// no commands, which is the default.
    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        let _ = (task, container, command);
        Err(BackendError::new(ErrorKind::Unsupported, "commands cannot be run in containers here"))
    }

    /// Connects to the [log router](crate::task_spec::LogRouter) of a task, where it listens for the output of the task's other containers. Core
    /// sends it there, and asks for this only where [`log_routers`](TaskCapabilities::log_routers) says so.
    ///
    /// # Errors
    ///
    /// `Unavailable` while the router cannot be reached: it does not run yet, or runs again soon. That it does not listen may as well show as a
    /// connection that breaks. `NotFound` for a task that is not known, or has no router that will ever run again. `Unsupported` where the backend leads to none,
    /// which is the default.
    async fn connect_log_router(&self, task: &TaskRef) -> Result<LogRouterConnection, BackendError> {
        let _ = task;
        Err(BackendError::new(ErrorKind::Unsupported, "log routers are not led to here"))
    }

    /// What the task's containers wrote has reached its log router, or never will.
    ///
    /// A backend that leads to log routers tells one to end when those that log to it have ended and this was called, or a few seconds later: so the
    /// last lines reach it as well. Not stored: after a restart of the control plane it is called again.
    async fn release_log_router(&self, task: &TaskRef) {
        let _ = task;
    }

    /// Follows the hosts that are container instances: they are registered, followed and deregistered without anybody's call.
    ///
    /// `None`, the default, is a backend that has no hosts to tell of. Called once by an engine, and again when the watch has ended.
    fn watch_instances(&self) -> Option<HostStream> {
        None
    }

    /// Keeps new tasks, whoever's they are, off a host that [`watch_instances`](Self::watch_instances) told of, or takes that back:
    /// its instance is DRAINING, or is ACTIVE again. What runs there goes on. Idempotent. The host is then observed as
    /// [`drained`](crate::HostInstance::drained), or not.
    ///
    /// # Errors
    ///
    /// `NotFound` for a host that is not known; others are tried again where they [may pass](BackendError::is_retryable).
    async fn drain_instance(&self, instance: &str, drains: bool) -> Result<(), BackendError> {
        let _ = (instance, drains);
        Ok(())
    }

    /// The roles for which this backend holds something: what [`ensure_task`](Self::ensure_task) made for all tasks of a
    /// [role](crate::TaskSpec::role), in whatever life of the control plane. The default holds nothing.
    async fn held_roles(&self) -> Result<Vec<RoleRef>, BackendError> {
        Ok(Vec::new())
    }

    /// Lets the backend drop what it holds for a role: no task has it, and no task definition names it. A task that comes with it later makes it anew;
    /// none is ensured meanwhile. `Ok` where there is nothing to drop.
    ///
    /// # Errors
    ///
    /// `Conflict` while something still needs it here; that, and what [may pass](BackendError::is_retryable), is tried again.
    async fn release_role(&self, role: &RoleRef) -> Result<(), BackendError> {
        let _ = role;
        Ok(())
    }
}

/// What a [`TaskManager`] is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskCapabilities {
    /// The backend's name for people: `process`, `memory`, `kubernetes`.
    pub name: &'static str,
    /// Whether tasks go on while no control plane runs, and are found again by the next one.
    pub survives_restart: bool,
    /// Whether this backend belongs to one control plane alone, so that a task which that does not know is a leak to be stopped.
    pub exclusive: bool,
    /// Whether images are used. Where not, a container must bring a command.
    pub images: bool,
    /// Whether CPU and memory limits are enforced.
    pub limits: bool,
    /// Whether commands can be [run](TaskManager::exec) in containers.
    pub exec: bool,
    /// Whether output is [led](TaskManager::connect_log_router) to log routers. Where not, the log driver `awsfirelens` is nobody's.
    pub log_routers: bool,
    /// Whether this backend chooses hosts for tasks, which may take a while: it tells of one that has none yet by
    /// [`TaskPhase::Provisioning`](crate::TaskPhase::Provisioning), and such a task is PROVISIONING. Where not, a task that the backend is given is PENDING.
    pub places: bool,
}

impl TaskCapabilities {
    /// A backend called `name` that can do none of the optional things; set the fields that differ.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            survives_restart: false,
            exclusive: true,
            images: false,
            limits: false,
            exec: false,
            log_routers: false,
            places: false,
        }
    }
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TaskEvent {
    /// Everything that the backend knows of the cluster: what is not here is not known to it.
    Resynced(Vec<TaskObservation>),
    /// One task as it is now.
    Observed(TaskObservation),
    /// A task that the backend forgot without being told to: somebody removed it.
    Gone(TaskRef),
}

/// Which part of a container's output is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogQuery {
    /// Whether the stream stays open for what is yet to come.
    pub follow: bool,
    /// Only the last lines, as many; `None` is all.
    pub tail: Option<usize>,
    /// Whether the container waits where it writes faster than this stream is read, instead of losing its oldest output: awslogs' `mode: blocking`. From when
    /// [`logs`](TaskManager::logs) has answered until the stream is dropped. A backend that cannot hold a container up does without.
    pub blocking: bool,
}

impl LogQuery {
    /// All that there is, then the end.
    pub fn all() -> Self {
        Self::default()
    }

    /// All that there is, then what comes, until the container ends.
    pub fn follow() -> Self {
        Self { follow: true, ..Self::default() }
    }

    /// The same, with the container waiting for the reader.
    #[must_use]
    pub fn blocking(self) -> Self {
        Self { blocking: true, ..self }
    }

    /// The same, with only the last `lines` of what there is.
    #[must_use]
    pub fn with_tail(self, lines: usize) -> Self {
        Self { tail: Some(lines), ..self }
    }
}

/// A container's output, line by line.
pub type LogStream = BoxStream<'static, Result<LogLine, BackendError>>;

/// One line of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read.
    pub at: Timestamp,
    /// Which stream it came from.
    pub stream: LogSource,
    /// The line without its end. Not always UTF-8.
    pub line: Bytes,
}

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: TaskManager + ?Sized> TaskManager for Arc<T> {
    fn capabilities(&self) -> TaskCapabilities {
        (**self).capabilities()
    }

    fn health(&self) -> BackendHealth {
        (**self).health()
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        (**self).ensure_task(spec).await
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        (**self).stop_task(task).await
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        (**self).forget_task(task).await
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        (**self).observe_task(task).await
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        (**self).list_tasks(cluster).await
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        (**self).watch_tasks(cluster)
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        (**self).logs(task, container, query).await
    }

    async fn stats(&self, task: &TaskRef) -> Result<Vec<ContainerStats>, BackendError> {
        (**self).stats(task).await
    }

    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        (**self).exec(task, container, command).await
    }

    async fn connect_log_router(&self, task: &TaskRef) -> Result<LogRouterConnection, BackendError> {
        (**self).connect_log_router(task).await
    }

    async fn release_log_router(&self, task: &TaskRef) {
        (**self).release_log_router(task).await;
    }

    fn watch_instances(&self) -> Option<HostStream> {
        (**self).watch_instances()
    }

    async fn drain_instance(&self, instance: &str, drains: bool) -> Result<(), BackendError> {
        (**self).drain_instance(instance, drains).await
    }

    async fn held_roles(&self) -> Result<Vec<RoleRef>, BackendError> {
        (**self).held_roles().await
    }

    async fn release_role(&self, role: &RoleRef) -> Result<(), BackendError> {
        (**self).release_role(role).await
    }
}
