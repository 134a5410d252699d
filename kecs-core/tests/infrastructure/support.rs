//! An engine to speak to.

use std::ops::Deref;
use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore, StateStore, TokioClock};
use kecs_model::ecs::{
    Attribute, Cluster, ClusterField, ContainerDefinition, ContainerInstance, ContainerInstanceStatus, CreateClusterRequest,
    DeregisterContainerInstanceRequest, DescribeClustersRequest, DescribeContainerInstancesRequest, EcsApi,
    RegisterContainerInstanceRequest, RegisterTaskDefinitionRequest, Resource, RunTaskRequest, StartTaskRequest, StartTaskResponse,
    Task, UpdateContainerInstancesStateRequest, VersionInfo,
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

    /// What runs its tasks.
    pub(crate) fn backend(&self) -> &MemoryTaskManager {
        &self.backend
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

    /// Registers a container instance with 1024 CPU units and 1024 MiB, in this zone.
    pub(crate) async fn instance(&self, zone: &str) -> ContainerInstance {
        self.register_container_instance(&self.ctx, instance(zone)).await.unwrap().container_instance.unwrap()
    }

    /// The instance as it is now.
    pub(crate) async fn again(&self, instance: &ContainerInstance) -> ContainerInstance {
        let request = DescribeContainerInstancesRequest {
            container_instances: Some(vec![arn(instance)]),
            ..DescribeContainerInstancesRequest::default()
        };
        self.describe_container_instances(&self.ctx, request).await.unwrap().container_instances.unwrap().remove(0)
    }

    /// Sets an instance to ACTIVE or DRAINING.
    pub(crate) async fn set(&self, instance: &ContainerInstance, status: ContainerInstanceStatus) {
        let request = UpdateContainerInstancesStateRequest {
            container_instances: Some(vec![arn(instance)]),
            status: Some(status),
            ..UpdateContainerInstancesStateRequest::default()
        };
        let answer = self.update_container_instances_state(&self.ctx, request).await.unwrap();
        assert_eq!(answer.failures, Some(vec![]));
    }

    /// Deregisters an instance, tasks or not.
    pub(crate) async fn deregister(&self, instance: &ContainerInstance) -> ContainerInstance {
        let request = DeregisterContainerInstanceRequest {
            container_instance: Some(arn(instance)),
            force: Some(true),
            ..DeregisterContainerInstanceRequest::default()
        };
        self.deregister_container_instance(&self.ctx, request).await.unwrap().container_instance.unwrap()
    }

    /// Starts a task of `app` on each of these instances.
    pub(crate) async fn start_on(&self, instances: &[String]) -> Result<StartTaskResponse, ApiError> {
        let request = StartTaskRequest {
            task_definition: text("app"),
            container_instances: Some(instances.to_vec()),
            ..StartTaskRequest::default()
        };
        self.start_task(&self.ctx, request).await
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
        clock: Arc::new(clock()),
        ..EngineConfig::new(Arc::new(backend.clone()), Arc::clone(store) as Arc<dyn StateStore>)
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

/// A registration of an instance with 1024 CPU units and 1024 MiB, in this zone.
pub(crate) fn instance(zone: &str) -> RegisterContainerInstanceRequest {
    let number = |name: &str, value: i32| Resource {
        name: text(name),
        r#type: text("INTEGER"),
        integer_value: Some(value),
        ..Resource::default()
    };
    let ports = |name: &str, ports: Option<Vec<String>>| Resource {
        name: text(name),
        r#type: text("STRINGSET"),
        string_set_value: ports,
        ..Resource::default()
    };
    let attribute = Attribute { name: text("ecs.availability-zone"), value: text(zone), ..Attribute::default() };
    RegisterContainerInstanceRequest {
        attributes: Some(vec![attribute]),
        total_resources: Some(vec![
            number("CPU", 1024),
            number("MEMORY", 1024),
            ports("PORTS", texts(["22"])),
            ports("PORTS_UDP", Some(Vec::new())),
        ]),
        version_info: Some(VersionInfo { agent_version: text("1.90.0"), ..VersionInfo::default() }),
        ..RegisterContainerInstanceRequest::default()
    }
}

/// The ARN, which every instance has.
pub(crate) fn arn(instance: &ContainerInstance) -> String {
    instance.container_instance_arn.clone().unwrap()
}

/// How much of a resource there is.
pub(crate) fn number(resources: Option<&Vec<Resource>>, name: &str) -> Option<i32> {
    resources?.iter().find(|resource| resource.name.as_deref() == Some(name))?.integer_value
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
