//! A state store that fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::testing::FailEvery;
use kecs_core::{Entry, MemoryStore, Revision, StateStore, StoreError, Versioned, Write};
use kecs_model::ErrorCode;
use kecs_model::ecs::EcsApi;
use serde_json::json;

use crate::ecs::{Ecs, Parts, arn, clock, id, request};

/// A store that can be switched off, and takes its time.
#[derive(Debug, Default)]
struct Store {
    inner: MemoryStore,
    down: AtomicBool,
    pause: Duration,
}

#[async_trait]
impl StateStore for Store {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.inner.get(key).await
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(prefix, after, limit).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, StoreError> {
        tokio::time::sleep(self.pause).await;
        if self.down.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable { message: "the disk is full".to_owned(), source: None });
        }
        self.inner.commit(writes).await
    }
}

/// A new engine on the same backend and state, as after a restart.
async fn restarted(ecs: Ecs, backend: &MemoryTaskManager, store: Arc<dyn StateStore>) -> Ecs {
    ecs.engine.shutdown().await;
    Ecs::bare(Parts { tasks: Arc::new(backend.clone()), store, ..Parts::default() }).await
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_writes_are_refused_and_reads_go_on() {
    let store = Arc::new(Store::default());
    let ecs = Ecs::with(Parts { store: Arc::clone(&store) as Arc<dyn StateStore>, ..Parts::default() }).await;
    let task = ecs.running(json!({})).await;
    store.down.store(true, Ordering::Relaxed);
    // The first one finds out; the second is not even tried.
    for _ in 0..2 {
        let error = ecs.try_run(json!({})).await.unwrap_err();
        assert_eq!((error.code(), error.status()), (ErrorCode::ServerException, 500));
    }
    assert_eq!(ecs.describe(&task).await, task);
    assert!(ecs.list(json!({})).await.contains(&arn(&task)));
    store.down.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    ecs.running(json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_store_failed_is_not_lost() {
    let store = Arc::new(Store::default());
    let backend = MemoryTaskManager::builder().clock(clock()).build();
    let parts = Parts { tasks: Arc::new(backend.clone()), store: Arc::clone(&store) as Arc<dyn StateStore>, ..Parts::default() };
    let ecs = Ecs::with(parts).await;
    let task = ecs.running(json!({})).await;
    store.down.store(true, Ordering::Relaxed);
    ecs.try_run(json!({})).await.unwrap_err();
    backend.exit(&ecs.task_ref(&task), "web", 7).unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(backend.task_count(), 1, "nothing starts that is not on record");
    store.down.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_mins(1)).await;
    // Its caller was told that it may have been stored.
    assert_eq!(backend.task_count(), 2);
    let ecs = restarted(ecs, &backend, store).await;
    let task = ecs.describe(&task).await;
    assert_eq!(task.last_status.as_deref(), Some("STOPPED"));
    assert_eq!(task.containers.unwrap()[0].exit_code, Some(7));
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_is_there_after_a_restart_although_every_third_commit_failed() {
    for store in [FailEvery::before(MemoryStore::new(), 3), FailEvery::after(MemoryStore::new(), 3)] {
        let store = Arc::new(store);
        let backend = MemoryTaskManager::builder().clock(clock()).build();
        let parts = Parts { tasks: Arc::new(backend), store: Arc::clone(&store) as Arc<dyn StateStore>, ..Parts::default() };
        let ecs = Ecs::bare(parts).await;
        until_ok(async || ecs.engine.create_cluster(&ecs.ctx, request(json!({}))).await.map(drop)).await;
        until_ok(async || {
            let definition =
                json!({ "family": "app", "containerDefinitions": [{ "name": "web", "image": "app:1", "memory": 128 }] });
            ecs.engine.register_task_definition(&ecs.ctx, request(definition)).await.map(drop)
        })
        .await;
        let mut acknowledged = BTreeSet::new();
        for _ in 0..60 {
            match ecs.try_run(json!({})).await {
                Ok(tasks) => acknowledged.extend(tasks.iter().map(arn)),
                Err(error) => assert_eq!(error.code(), ErrorCode::ServerException),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(acknowledged.len() > 10, "{} acknowledged", acknowledged.len());
        ecs.engine.shutdown().await;
        let kept: Vec<String> = store.inner().scan("", None, 10_000).await.unwrap().into_iter().map(|entry| entry.key).collect();
        for task in acknowledged {
            let id = task.rsplit('/').next().unwrap();
            assert!(kept.iter().any(|key| key.ends_with(id)), "{id}");
        }
    }
}

async fn until_ok(call: impl AsyncFn() -> Result<(), kecs_model::ApiError>) {
    for _ in 0..10 {
        if call().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    panic!("the store never worked");
}

#[tokio::test(start_paused = true)]
async fn shutdown_writes_what_was_handed_over() {
    let store = Arc::new(Store { pause: Duration::from_secs(1), ..Store::default() });
    let ecs = Ecs::with(Parts { store: Arc::clone(&store) as Arc<dyn StateStore>, ..Parts::default() }).await;
    let runs = join_all((0..5).map(|_| ecs.try_run(json!({}))));
    let shutdown = async {
        // The runs are under way: the first commit has begun, and takes a second.
        tokio::time::sleep(Duration::from_millis(500)).await;
        ecs.engine.shutdown().await;
    };
    let (runs, ()) = futures::future::join(runs, shutdown).await;
    let ids: Vec<String> = runs.into_iter().map(|tasks| id(&tasks.unwrap()[0])).collect();
    let kept = store.scan("ecs/", None, 1000).await.unwrap();
    assert!(ids.iter().all(|id| kept.iter().any(|entry| entry.key.ends_with(id))));
    // What comes later is refused.
    assert!(ecs.try_run(json!({})).await.is_err());
}
