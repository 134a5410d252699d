//! A backend that fails, hangs, or has tasks of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::testing::{FailEvery, container, spec_for};
use kecs_core::{
    BackendError, ClusterRef, ErrorKind, LogQuery, LogStream, MemoryStore, Scope, StateStore, TaskCapabilities, TaskEvent, TaskId,
    TaskManager, TaskObservation, TaskRef, TaskSpec,
};
use kecs_model::ecs::TaskStopCode;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::ecs::{Ecs, Parts, clock};
use crate::secrets::Written;

/// A memory backend whose starts can be held up, or fail.
#[derive(Clone, Debug)]
struct Backend {
    inner: MemoryTaskManager,
    /// A start takes one of these before it is done.
    gate: Arc<Semaphore>,
    /// How many starts fail, and how.
    failures: Arc<AtomicUsize>,
    kind: ErrorKind,
    starts: Arc<AtomicUsize>,
    exclusive: bool,
    /// How many tasks are not forgotten when that is asked for, but later.
    unforgotten: Arc<AtomicUsize>,
    /// How often that was asked for.
    forgets: Arc<AtomicUsize>,
}

impl Backend {
    fn failing(times: usize, kind: ErrorKind) -> Self {
        Self {
            inner: MemoryTaskManager::builder().clock(clock()).build(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            failures: Arc::new(AtomicUsize::new(times)),
            kind,
            starts: Arc::new(AtomicUsize::new(0)),
            exclusive: true,
            unforgotten: Arc::new(AtomicUsize::new(0)),
            forgets: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// One that cannot forget tasks until it is let.
    fn that_remembers() -> Self {
        Self { unforgotten: Arc::new(AtomicUsize::new(usize::MAX)), ..Self::failing(0, ErrorKind::Unavailable) }
    }

    fn held_up() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), ..Self::failing(0, ErrorKind::Unavailable) }
    }
}

#[async_trait]
impl TaskManager for Backend {
    fn capabilities(&self) -> TaskCapabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.exclusive = self.exclusive;
        capabilities
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.gate.acquire().await.unwrap().forget();
        let failed = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if failed.is_ok() {
            return Err(BackendError::new(self.kind, "not today"));
        }
        self.inner.ensure_task(spec).await
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.inner.stop_task(task).await
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.forgets.fetch_add(1, Ordering::Relaxed);
        let failed = self.unforgotten.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if failed.is_ok() {
            return Err(BackendError::new(self.kind, "not today"));
        }
        self.inner.forget_task(task).await
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        self.inner.observe_task(task).await
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        self.inner.list_tasks(cluster).await
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        self.inner.watch_tasks(cluster)
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        self.inner.logs(task, container, query).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_failed_for_the_moment_is_tried_again() {
    let backend = Backend::failing(5, ErrorKind::Unavailable);
    let ecs = Ecs::on(backend.clone()).await;
    ecs.running(json!({})).await;
    assert_eq!((backend.starts.load(Ordering::Relaxed), backend.inner.task_count()), (6, 1));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_can_never_succeed_stops_the_task_with_the_backends_words() {
    for kind in [ErrorKind::Unsupported, ErrorKind::Invalid] {
        let backend = Backend::failing(usize::MAX, kind);
        let ecs = Ecs::on(backend.clone()).await;
        let stopped = ecs.when("STOPPED");
        ecs.run_one().await;
        let task = stopped.await;
        assert_eq!(task.stop_code, Some(TaskStopCode::TaskFailedToStart));
        assert!(task.stopped_reason.as_ref().is_some_and(|reason| reason.contains("not today")), "{:?}", task.stopped_reason);
        assert_eq!(task.containers.unwrap()[0].last_status.as_deref(), Some("STOPPED"));
        assert_eq!(backend.starts.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_stopped_while_its_backend_takes_it_ends() {
    let backend = Backend::held_up();
    let ecs = Ecs::on(backend.clone()).await;
    let pending = ecs.when("PENDING");
    ecs.run_one().await;
    let task = pending.await;
    let stopped = ecs.when("STOPPED");
    assert_eq!(ecs.stop(&task).await.last_status.as_deref(), Some("DEACTIVATING"));
    // The backend was told to stop what it did not know yet; now it gets it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    backend.gate.add_permits(1);
    assert_eq!(stopped.await.stop_code, Some(TaskStopCode::UserInitiated));
    assert!(backend.inner.observe_task(&ecs.task_ref(&task)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_stopped_while_its_backend_is_away_ends() {
    let backend = Backend::failing(usize::MAX, ErrorKind::Unavailable);
    let ecs = Ecs::on(backend.clone()).await;
    let pending = ecs.when("PENDING");
    ecs.run_one().await;
    let task = ecs.stopped(&pending.await).await;
    assert_eq!((task.stop_code, task.stopped_reason.as_deref()), (Some(TaskStopCode::UserInitiated), Some("Task stopped by user")));
    assert_eq!(backend.inner.task_count(), 0);
    assert_eq!(backend.forgets.load(Ordering::Relaxed), 1, "a part of it may be there");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_on_record_until_its_backend_has_forgotten_it() {
    let backend = Backend::that_remembers();
    let ecs = Ecs::on(backend.clone()).await;
    let task = ecs.running(json!({})).await;
    ecs.stopped(&task).await;
    // An hour that stopped tasks are kept for, and half a one in which the backend cannot be reached.
    tokio::time::sleep(Duration::from_mins(90)).await;
    let asked = backend.forgets.load(Ordering::Relaxed);
    assert!((50..100).contains(&asked), "{asked} calls");
    assert_eq!(ecs.describe(&task).await.last_status.as_deref(), Some("STOPPED"));
    backend.unforgotten.store(0, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(backend.inner.task_count(), 0);
    assert_eq!(ecs.list(json!({ "desiredStatus": "STOPPED" })).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_next_control_plane_forgets_what_its_backend_did_not() {
    let (backend, store) = (Backend::that_remembers(), Arc::new(MemoryStore::new()));
    let parts = || Parts { tasks: Arc::new(backend.clone()), store: Arc::clone(&store) as Arc<dyn StateStore>, ..Parts::default() };
    let ecs = Ecs::with(parts()).await;
    let task = ecs.running(json!({})).await;
    ecs.stopped(&task).await;
    tokio::time::sleep(Duration::from_mins(61)).await;
    assert!(backend.forgets.load(Ordering::Relaxed) > 1);
    ecs.engine.shutdown().await;
    drop(ecs);
    backend.unforgotten.store(0, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(backend.inner.task_count(), 1, "who has ended asks for nothing");

    // Whose clock begins anew, and with it the hour.
    let next = Ecs::bare(parts()).await;
    tokio::time::sleep(Duration::from_mins(61)).await;
    assert_eq!(backend.inner.task_count(), 0);
    assert_eq!(next.list(json!({ "desiredStatus": "STOPPED" })).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_a_backend_runs_although_it_said_otherwise_is_stopped() {
    let backend = Backend::failing(1, ErrorKind::Invalid);
    let ecs = Ecs::on(backend.clone()).await;
    let stopped = ecs.when("STOPPED");
    ecs.run_one().await;
    let of_ecs = ecs.task_ref(&stopped.await);
    let spec = spec_for(of_ecs.clone(), [container("web")]);
    backend.inner.ensure_task(&spec).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let observed = backend.inner.observe_task(&of_ecs).await.unwrap().unwrap();
    assert_eq!(observed.phase, kecs_core::TaskPhase::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_knows_is_stopped_and_forgotten() {
    let backend = MemoryTaskManager::builder().clock(clock()).build();
    let ecs = Ecs::on(backend.clone()).await;
    let scope = Scope::new(ecs.ctx.account.clone(), ecs.ctx.region.clone());
    let stray = TaskRef { cluster: ClusterRef { scope, name: "default".into() }, id: TaskId::random() };
    backend.ensure_task(&spec_for(stray, [container("web")])).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(backend.task_count(), 0);
    assert_eq!(ecs.list(json!({ "desiredStatus": "STOPPED" })).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_knows_is_reported_and_left_alone_where_it_may_be_somebody_elses() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // The engine's own tasks are spawned: they log to the default of this thread, on which all of them run.
    let _guard = tracing::subscriber::set_default(subscriber);
    let backend = Backend { exclusive: false, ..Backend::failing(0, ErrorKind::Unavailable) };
    let ecs = Ecs::bare(Parts { tasks: Arc::new(backend.clone()), ..Parts::default() }).await;
    let scope = Scope::new(ecs.ctx.account.clone(), ecs.ctx.region.clone());
    let stray = TaskRef { cluster: ClusterRef { scope, name: "default".into() }, id: TaskId::random() };
    backend.ensure_task(&spec_for(stray.clone(), [container("web")])).await.unwrap();
    let before = backend.observe_task(&stray).await.unwrap();
    ecs.cluster("default").await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(backend.observe_task(&stray).await.unwrap(), before);
    assert_eq!(ecs.list(json!({})).await, Vec::<String>::new());
    let log = written.text();
    let line = |line: &&str| line.contains("left alone: a task that is not on record") && line.contains(&stray.id.to_string());
    assert_eq!(log.lines().filter(line).count(), 1, "{log}");
}

#[tokio::test(start_paused = true)]
async fn tasks_run_and_stop_on_a_backend_of_which_every_third_call_fails() {
    let inner = || MemoryTaskManager::builder().clock(clock()).build();
    for backend in [FailEvery::before(inner(), 3), FailEvery::after(inner(), 3)] {
        let backend = Arc::new(backend);
        let ecs = Ecs::on(Arc::clone(&backend)).await;
        for _ in 0..20 {
            let task = ecs.running(json!({})).await;
            ecs.stopped(&task).await;
        }
        assert!(backend.calls() > 40, "{} calls", backend.calls());
    }
}
