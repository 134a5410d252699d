//! A backend that finds a host for each task, which may take a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use kecs_core::memory::MemoryTaskManager;
use kecs_core::testing::{container, spec_for};
use kecs_core::{
    BackendError, ClusterRef, LogQuery, LogStream, MemoryStore, StopCause, TaskCapabilities, TaskChange, TaskEvent, TaskId,
    TaskManager, TaskObservation, TaskPhase, TaskRef, TaskSpec,
};
use kecs_model::ecs::{Task, TaskStopCode};
use tokio::sync::broadcast;

use crate::ecs::{Ecs, Parts, clock};

/// A memory backend that runs a task once [`place`](Self::place) has found a host for it.
#[derive(Clone, Debug)]
struct Placing {
    inner: MemoryTaskManager,
    waiting: Arc<Mutex<BTreeMap<TaskId, TaskSpec>>>,
    told: broadcast::Sender<TaskObservation>,
}

impl Placing {
    fn new() -> Self {
        let inner = MemoryTaskManager::builder().clock(clock()).build();
        Self { inner, waiting: Arc::default(), told: broadcast::Sender::new(16) }
    }

    fn waiting(&self) -> Vec<TaskObservation> {
        self.waiting.lock().unwrap().values().map(|spec| seen(&spec.task, TaskPhase::Provisioning, None)).collect()
    }

    async fn place(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        for spec in waiting.into_values() {
            self.inner.ensure_task(&spec).await.unwrap();
        }
    }

    /// Gives up all that wait.
    fn end(&self, cause: &StopCause) {
        for spec in std::mem::take(&mut *self.waiting.lock().unwrap()).into_values() {
            self.told.send(seen(&spec.task, TaskPhase::Stopped, Some(cause.clone()))).unwrap();
        }
    }
}

fn seen(task: &TaskRef, phase: TaskPhase, cause: Option<StopCause>) -> TaskObservation {
    TaskObservation { cause, ..TaskObservation::new(task.clone(), phase) }
}

#[async_trait]
impl TaskManager for Placing {
    fn capabilities(&self) -> TaskCapabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.places = true;
        capabilities
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        if self.inner.observe_task(&spec.task).await?.is_none() {
            self.waiting.lock().unwrap().insert(spec.task.id, spec.clone());
            self.told.send(seen(&spec.task, TaskPhase::Provisioning, None)).unwrap();
        }
        Ok(())
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.end(&StopCause::Requested);
        self.inner.stop_task(task).await
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.inner.forget_task(task).await
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        self.inner.observe_task(task).await
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        self.inner.list_tasks(cluster).await
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        let told = stream::unfold(self.told.subscribe(), async |mut told| Some((told.recv().await.ok()?, told)));
        let backend = self.clone();
        let ran = self.inner.watch_tasks(cluster).map(move |event| match event {
            Ok(TaskEvent::Resynced(all)) => Ok(TaskEvent::Resynced([all, backend.waiting()].concat())),
            other => other,
        });
        stream::select(ran, told.map(|seen| Ok(TaskEvent::Observed(seen)))).boxed()
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        self.inner.logs(task, container, query).await
    }
}

/// The states of the only task, up to one of them.
async fn states(changes: &mut (impl futures::Stream<Item = TaskChange> + Unpin), last: &str) -> Vec<String> {
    let mut states: Vec<String> = Vec::new();
    while let Some(TaskChange::Changed(task)) = changes.next().await {
        states.push(task.last_status.clone().unwrap());
        states.dedup();
        if states.last().is_some_and(|state| state == last) {
            break;
        }
    }
    states
}

async fn provisioning(ecs: &Ecs) -> Task {
    let task = ecs.run_one().await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    let task = ecs.describe(&task).await;
    assert_eq!((task.last_status.as_deref(), task.desired_status.as_deref()), (Some("PROVISIONING"), Some("RUNNING")));
    assert_eq!(task.connectivity, None, "nobody has it yet");
    task
}

// "Amazon ECS task lifecycle", developer guide: the states and their order.
#[tokio::test(start_paused = true)]
async fn a_task_without_a_host_is_provisioning_until_one_is_found() {
    let backend = Placing::new();
    let ecs = Ecs::on(backend.clone()).await;
    let mut changes = ecs.engine.task_changes();
    provisioning(&ecs).await;
    backend.place().await;
    assert_eq!(states(&mut changes, "RUNNING").await, ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_for_which_no_host_is_found_fails_to_start_and_was_never_pending() {
    let backend = Placing::new();
    let ecs = Ecs::on(backend.clone()).await;
    let mut changes = ecs.engine.task_changes();
    let task = provisioning(&ecs).await;
    backend.end(&StopCause::FailedToStart { reason: "RESOURCE:CPU: none".to_owned() });
    let expected = ["PROVISIONING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"];
    assert_eq!(states(&mut changes, "STOPPED").await, expected);
    let task = ecs.describe(&task).await;
    assert_eq!(
        (task.stop_code, task.stopped_reason.as_deref()),
        (Some(TaskStopCode::TaskFailedToStart), Some("RESOURCE:CPU: none"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_host_is_stopped_by_its_backend_also_after_a_restart() {
    let (backend, store) = (Placing::new(), Arc::new(MemoryStore::new()));
    let parts = || Parts { tasks: Arc::new(backend.clone()), store: Arc::clone(&store) as _, ..Parts::default() };
    let ecs = Ecs::with(parts()).await;
    let task = provisioning(&ecs).await;
    ecs.engine.shutdown().await;
    let ecs = Ecs::bare(parts()).await;
    let again = ecs.describe(&task).await;
    assert_eq!(again.last_status.as_deref(), Some("PROVISIONING"));
    let stopped = ecs.when("STOPPED");
    assert_eq!(ecs.stop(&task).await.last_status.as_deref(), Some("DEACTIVATING"), "its backend has it");
    assert_eq!(stopped.await.stop_code, Some(TaskStopCode::UserInitiated));
    assert!(backend.waiting().is_empty(), "its backend was told");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_a_host_although_it_has_ended_here_is_stopped() {
    let backend = Placing::new();
    let ecs = Ecs::on(backend.clone()).await;
    let task = provisioning(&ecs).await;
    let stopped = ecs.when("STOPPED");
    backend.end(&StopCause::FailedToStart { reason: "RESOURCE:CPU: none".to_owned() });
    stopped.await;
    backend.ensure_task(&spec_for(ecs.task_ref(&task), [container("web")])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(backend.waiting().is_empty(), "its backend was told");
}
