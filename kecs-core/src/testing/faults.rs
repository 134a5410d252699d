//! Faults on purpose, always the same ones.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use crate::{
    BackendError, BackendHealth, ClusterRef, ContainerStats, Entry, ErrorKind, ExecCommand, ExecSession, HostStream, LogQuery,
    LogRouterConnection, LogStream, Revision, RoleRef, StateStore, StoreError, TaskCapabilities, TaskEvent, TaskManager,
    TaskObservation, TaskRef, TaskSpec, Versioned, Write,
};

const MESSAGE: &str = "a fault on purpose";

/// Wraps a [`TaskManager`] or a [`StateStore`] of which every n-th call fails, counted over all its methods.
#[derive(Debug)]
pub struct FailEvery<T> {
    inner: T,
    every: u64,
    moment: Moment,
    calls: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

impl<T> FailEvery<T> {
    /// Every n-th call fails and has no effect: with `Unavailable`, as if `inner` could not be reached. A watch that fails gives the error
    /// and ends. `every` 1 is each call, 0 is none.
    pub fn before(inner: T, every: u64) -> Self {
        Self { inner, every, moment: Moment::Before, calls: AtomicU64::new(0) }
    }

    /// Every n-th call takes effect, and fails nevertheless: with `Timeout` of a [`TaskManager`], with [`StoreError::Unknown`] of a commit,
    /// as if the answer had been lost. A watch that fails gives its first item, then the error, and ends.
    pub fn after(inner: T, every: u64) -> Self {
        Self { moment: Moment::After, ..Self::before(inner, every) }
    }

    /// What is wrapped, to look at it without faults.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Counts a call, and says when it fails if it does.
    fn next_fault(&self) -> Option<Moment> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        (self.every > 0 && call.is_multiple_of(self.every)).then_some(self.moment)
    }

    async fn pass<R>(&self, call: impl Future<Output = Result<R, BackendError>>) -> Result<R, BackendError> {
        match self.next_fault() {
            None => call.await,
            Some(Moment::Before) => Err(unavailable()),
            Some(Moment::After) => {
                call.await?;
                Err(BackendError::new(ErrorKind::Timeout, MESSAGE))
            }
        }
    }

    async fn read<R>(&self, call: impl Future<Output = Result<R, StoreError>>) -> Result<R, StoreError> {
        // A read has no effect, so a fault after it is one before it.
        if self.next_fault().is_some() {
            return Err(store_unavailable());
        }
        call.await
    }
}

fn unavailable() -> BackendError {
    BackendError::new(ErrorKind::Unavailable, MESSAGE)
}

fn store_unavailable() -> StoreError {
    StoreError::Unavailable { message: MESSAGE.to_owned(), source: None }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: TaskManager> TaskManager for FailEvery<T> {
    fn capabilities(&self) -> TaskCapabilities {
        self.inner.capabilities()
    }

    fn health(&self) -> BackendHealth {
        self.inner.health()
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        self.pass(self.inner.ensure_task(spec)).await
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.pass(self.inner.stop_task(task)).await
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.pass(self.inner.forget_task(task)).await
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        self.pass(self.inner.observe_task(task)).await
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        self.pass(self.inner.list_tasks(cluster)).await
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        let items = match self.next_fault() {
            None => return self.inner.watch_tasks(cluster),
            Some(Moment::Before) => 0,
            Some(Moment::After) => 1,
        };
        let broken = stream::iter([Err(unavailable())]);
        self.inner.watch_tasks(cluster).take(items).chain(broken).boxed()
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        self.pass(self.inner.logs(task, container, query)).await
    }

    async fn stats(&self, task: &TaskRef) -> Result<Vec<ContainerStats>, BackendError> {
        self.pass(self.inner.stats(task)).await
    }

    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        self.pass(self.inner.exec(task, container, command)).await
    }

    async fn connect_log_router(&self, task: &TaskRef) -> Result<LogRouterConnection, BackendError> {
        self.pass(self.inner.connect_log_router(task)).await
    }

    async fn release_log_router(&self, task: &TaskRef) {
        self.inner.release_log_router(task).await;
    }

    fn watch_instances(&self) -> Option<HostStream> {
        let items = match self.next_fault() {
            None => return self.inner.watch_instances(),
            Some(Moment::Before) => 0,
            Some(Moment::After) => 1,
        };
        let broken = stream::iter([Err(unavailable())]);
        self.inner.watch_instances().map(|hosts| hosts.take(items).chain(broken).boxed())
    }

    async fn drain_instance(&self, instance: &str, drains: bool) -> Result<(), BackendError> {
        self.pass(self.inner.drain_instance(instance, drains)).await
    }

    async fn held_roles(&self) -> Result<Vec<RoleRef>, BackendError> {
        self.pass(self.inner.held_roles()).await
    }

    async fn release_role(&self, role: &RoleRef) -> Result<(), BackendError> {
        self.pass(self.inner.release_role(role)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: StateStore> StateStore for FailEvery<T> {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.read(self.inner.get(key)).await
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(self.inner.scan(prefix, after, limit)).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, StoreError> {
        match self.next_fault() {
            None => self.inner.commit(writes).await,
            Some(Moment::Before) => Err(store_unavailable()),
            Some(Moment::After) => {
                self.inner.commit(writes).await?;
                Err(StoreError::Unknown { source: MESSAGE.into() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use crate::memory::MemoryTaskManager;
    use crate::testing::{container, spec};

    #[tokio::test]
    async fn a_fault_before_a_call_keeps_it_from_taking_effect() {
        let tasks = FailEvery::before(MemoryTaskManager::new(), 2);
        let (first, second) = (spec([container("app")]), spec([container("app")]));
        tasks.ensure_task(&first).await.unwrap();
        assert_eq!(tasks.ensure_task(&second).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(tasks.inner().task_count(), 1);
    }

    #[tokio::test]
    async fn a_fault_after_a_call_hides_its_effect() {
        let tasks = FailEvery::after(MemoryTaskManager::new(), 1);
        let spec = spec([container("app")]);
        assert_eq!(tasks.ensure_task(&spec).await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(tasks.inner().task_count(), 1);
    }

    #[tokio::test]
    async fn a_watch_that_fails_breaks_off() {
        let tasks = FailEvery::after(MemoryTaskManager::new(), 1);
        let items: Vec<_> = tasks.watch_tasks(&spec([container("app")]).task.cluster).collect().await;
        assert!(matches!(items[..], [Ok(TaskEvent::Resynced(_)), Err(_)]), "{items:?}");
    }

    #[tokio::test]
    async fn a_commit_whose_outcome_is_unknown_is_written() {
        let store = FailEvery::after(MemoryStore::new(), 1);
        let outcome = store.commit(vec![Write::put("key", "value")]).await;
        assert!(matches!(outcome, Err(StoreError::Unknown { .. })), "{outcome:?}");
        assert_eq!(store.inner().get("key").await.unwrap().unwrap().value, "value");
    }

    #[tokio::test]
    async fn nothing_fails_where_no_call_is_to_fail() {
        let store = FailEvery::before(MemoryStore::new(), 0);
        for _ in 0..3 {
            assert_eq!(store.get("key").await.unwrap(), None);
        }
        assert_eq!(store.calls(), 3);
    }
}
