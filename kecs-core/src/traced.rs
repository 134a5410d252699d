//! Tells `tracing` what goes through a seam.

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use tracing::{debug, instrument, trace, warn};

use crate::{
    BackendError, BackendHealth, ClusterRef, ContainerStats, Entry, ExecCommand, ExecSession, HostStream, LogQuery,
    LogRouterConnection, LogStream, Report, Revision, RoleRef, StateStore, StoreError, TaskCapabilities, TaskEvent, TaskManager,
    TaskObservation, TaskRef, TaskSpec, Versioned, Write,
};

/// Wraps a seam's implementation: a span for each call, with what it is about; an event for each error and each change that a watch tells.
///
/// It shows names, ARNs and states. What may hold a secret it never shows: environments, command lines, stored values, logs.
#[derive(Clone, Debug)]
pub struct Traced<T>(T);

impl<T> Traced<T> {
    /// Traces `inner`.
    pub fn new(inner: T) -> Self {
        Self(inner)
    }

    /// What is traced.
    pub fn into_inner(self) -> T {
        self.0
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: TaskManager> TaskManager for Traced<T> {
    fn capabilities(&self) -> TaskCapabilities {
        self.0.capabilities()
    }

    fn health(&self) -> BackendHealth {
        self.0.health()
    }

    #[instrument(level = "debug", skip_all, fields(task = %spec.task, family = %spec.family, revision = spec.revision), err(level = "warn"))]
    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        self.0.ensure_task(spec).await
    }

    #[instrument(level = "debug", skip_all, fields(%task), err(level = "warn"))]
    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.0.stop_task(task).await
    }

    #[instrument(level = "debug", skip_all, fields(%task), err(level = "warn"))]
    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.0.forget_task(task).await
    }

    #[instrument(level = "trace", skip_all, fields(%task), err(level = "warn"))]
    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        self.0.observe_task(task).await
    }

    #[instrument(level = "debug", skip_all, fields(%cluster), err(level = "warn"))]
    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        self.0.list_tasks(cluster).await
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        debug!(%cluster, "watch opened");
        let cluster = cluster.clone();
        self.0.watch_tasks(&cluster).inspect(move |event| tell(&cluster, event)).boxed()
    }

    #[instrument(level = "debug", skip_all, fields(%task, container), err(level = "debug"))]
    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        self.0.logs(task, container, query).await
    }

    #[instrument(level = "debug", skip_all, fields(%task), err(level = "debug"))]
    async fn stats(&self, task: &TaskRef) -> Result<Vec<ContainerStats>, BackendError> {
        self.0.stats(task).await
    }

    #[instrument(level = "debug", skip_all, fields(%task, container), err(level = "debug"))]
    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        self.0.exec(task, container, command).await
    }

    #[instrument(level = "debug", skip_all, fields(%task), err(level = "debug"))]
    async fn connect_log_router(&self, task: &TaskRef) -> Result<LogRouterConnection, BackendError> {
        self.0.connect_log_router(task).await
    }

    #[instrument(level = "debug", skip_all, fields(%task))]
    async fn release_log_router(&self, task: &TaskRef) {
        self.0.release_log_router(task).await;
    }

    fn watch_instances(&self) -> Option<HostStream> {
        self.0.watch_instances()
    }

    #[instrument(level = "debug", skip_all, fields(instance, drains), err(level = "debug"))]
    async fn drain_instance(&self, instance: &str, drains: bool) -> Result<(), BackendError> {
        self.0.drain_instance(instance, drains).await
    }

    #[instrument(level = "debug", skip_all, err(level = "debug"))]
    async fn held_roles(&self) -> Result<Vec<RoleRef>, BackendError> {
        self.0.held_roles().await
    }

    #[instrument(level = "debug", skip_all, fields(%role), err(level = "debug"))]
    async fn release_role(&self, role: &RoleRef) -> Result<(), BackendError> {
        self.0.release_role(role).await
    }
}

fn tell(cluster: &ClusterRef, event: &Result<TaskEvent, BackendError>) {
    match event {
        Ok(TaskEvent::Resynced(tasks)) => debug!(%cluster, tasks = tasks.len(), "tasks resynced"),
        Ok(TaskEvent::Observed(seen)) => debug!(task = %seen.task, phase = ?seen.phase, cause = ?seen.cause, "task observed"),
        Ok(TaskEvent::Gone(task)) => debug!(%task, "task gone"),
        Err(error) => warn!(%cluster, error = %Report(error), "watch broken"),
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: StateStore> StateStore for Traced<T> {
    #[instrument(level = "trace", skip_all, fields(key), err(level = "warn"))]
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.0.get(key).await
    }

    #[instrument(level = "trace", skip_all, fields(prefix, limit), err(level = "warn"))]
    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.0.scan(prefix, after, limit).await
    }

    #[instrument(level = "trace", skip_all, fields(writes = writes.len()))]
    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, StoreError> {
        let outcome = self.0.commit(writes).await;
        match &outcome {
            Ok(revision) => trace!(revision = revision.0, "committed"),
            // Somebody else was faster, which is nothing to worry about.
            Err(StoreError::Conflict { key }) => debug!(key, "commit refused by a precondition"),
            Err(error) => warn!(error = %Report(error), "commit failed"),
        }
        outcome
    }
}
