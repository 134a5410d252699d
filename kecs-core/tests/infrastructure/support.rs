//! An engine to speak to.

use std::ops::Deref;
use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore, StateStore, TokioClock};
use kecs_model::ecs::{
    Cluster, ClusterField, ContainerDefinition, CreateClusterRequest, DescribeClustersRequest, EcsApi,
    RegisterTaskDefinitionRequest, RunTaskRequest, Task,
};
use kecs_model::{ApiError, ErrorCode, RequestContext, Timestamp};

/// An engine, and the caller.
pub(crate) struct Ecs {
    engine: Arc<Engine>,
    backend: MemoryTaskManager,
    store: Arc<MemoryStore>,
    pub(crate) ctx: RequestContext,
}

impl Deref for Ecs {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Ecs {
    /// An engine with no state.
    pub(crate) async fn empty() -> Self {
        let backend = MemoryTaskManager::builder().clock(clock()).build();
        let store = Arc::new(MemoryStore::new());
        Self { engine: engine(&backend, &store).await, backend, store, ctx: RequestContext::local() }
    }

    /// An engine with the cluster `default`.
    pub(crate) async fn start() -> Self {
        let ecs = Self::empty().await;
        ecs.create_cluster(&ecs.ctx, CreateClusterRequest::default()).await.unwrap();
        ecs
    }

    /// A new engine on the same state and backend, as after a restart.
    pub(crate) async fn restarted(self) -> Self {
        self.engine.shutdown().await;
        Self { engine: engine(&self.backend, &self.store).await, ..self }
    }

    /// Registers a task definition `app` of one container.
    pub(crate) async fn register(&self, container: ContainerDefinition) {
        let definition = RegisterTaskDefinitionRequest {
            family: Some("app".to_owned()),
            container_definitions: Some(vec![container]),
            ..RegisterTaskDefinitionRequest::default()
        };
        self.register_task_definition(&self.ctx, definition).await.unwrap();
    }

    /// Runs a task of `app`.
    pub(crate) async fn run(&self, request: RunTaskRequest) -> Result<Task, ApiError> {
        let request = RunTaskRequest { task_definition: Some("app".to_owned()), ..request };
        Ok(self.run_task(&self.ctx, request).await?.tasks.unwrap().remove(0))
    }

    /// Describes a cluster with everything that can be included.
    pub(crate) async fn cluster(&self, name: &str) -> Cluster {
        let request = DescribeClustersRequest {
            clusters: Some(vec![name.to_owned()]),
            include: Some(ClusterField::VALUES.iter().map(|value| ClusterField::from(*value)).collect()),
        };
        self.describe_clusters(&self.ctx, request).await.unwrap().clusters.unwrap().remove(0)
    }
}

fn clock() -> TokioClock {
    TokioClock::starting_at(Timestamp::from_millis(1_700_000_000_000))
}

async fn engine(backend: &MemoryTaskManager, store: &Arc<MemoryStore>) -> Arc<Engine> {
    let config = EngineConfig {
        tasks: Arc::new(backend.clone()),
        store: Arc::clone(store) as Arc<dyn StateStore>,
        secrets: Vec::new(),
        clock: Arc::new(clock()),
    };
    Engine::start(config).await.unwrap()
}

/// A container that needs 256 CPU units and 128 MiB.
pub(crate) fn container() -> ContainerDefinition {
    ContainerDefinition {
        name: Some("web".to_owned()),
        image: Some("app:1".to_owned()),
        cpu: Some(256),
        memory: Some(128),
        ..ContainerDefinition::default()
    }
}

pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(crate) fn texts<const N: usize>(all: [&str; N]) -> Option<Vec<String>> {
    Some(all.map(str::to_owned).to_vec())
}

/// Asserts what a client is told.
pub(crate) fn assert_refused<T: std::fmt::Debug>(result: Result<T, ApiError>, code: ErrorCode, message: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.message()), (code, message));
}
