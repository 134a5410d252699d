//! An engine whose tasks are pretended, and short forms of its operations.

use std::sync::Arc;
use std::time::Duration;

use kecs_core::memory::{ContainerScript, MemoryTaskManager, TaskScript};
use kecs_core::{ClusterRef, Engine, EngineConfig, MemoryStore, Scope, StateStore, TaskRef, TokioClock};
use kecs_model::ecs::{
    ContainerDefinition, CreateClusterRequest, CreateServiceRequest, Deployment, DeploymentCircuitBreaker, DeploymentConfiguration,
    DescribeServicesRequest, DescribeTasksRequest, DesiredStatus, EcsApi, ListTasksRequest, RegisterTaskDefinitionRequest, Service,
    Task, TaskField, UpdateServiceRequest,
};
use kecs_model::{ApiError, RequestContext, Timestamp};

/// An engine with a cluster `default` and task definitions `good`, `crash` (ends after a second), `stillborn` (cannot be started).
pub(crate) struct Ecs {
    pub(crate) engine: Arc<Engine>,
    pub(crate) backend: MemoryTaskManager,
    store: Arc<MemoryStore>,
    clock: TokioClock,
    pub(crate) ctx: RequestContext,
}

impl Ecs {
    pub(crate) async fn start() -> Self {
        let clock = TokioClock::starting_at(Timestamp::from_millis(1_700_000_000_000));
        let script = |spec: &kecs_core::TaskSpec| {
            let script = match spec.containers.first()?.image.as_str() {
                "crash" => ContainerScript::new().exit(Duration::from_secs(1), 1),
                "stillborn" => ContainerScript::new().start_failure("CannotPullContainerError: no such image"),
                "slow" => ContainerScript::new().start_delay(Duration::from_secs(30)),
                _ => return None,
            };
            Some(TaskScript::all(script))
        };
        let backend = MemoryTaskManager::builder().script(script).clock(clock).build();
        let store = Arc::new(MemoryStore::new());
        let ecs = Self { engine: engine(&backend, &store, clock).await, backend, store, clock, ctx: RequestContext::local() };
        ecs.engine.create_cluster(&ecs.ctx, CreateClusterRequest::default()).await.unwrap();
        for family in ["good", "crash", "stillborn", "slow"] {
            ecs.register(family, container(family)).await;
        }
        ecs
    }

    /// A new engine on the same state and backend, as after a restart.
    pub(crate) async fn restarted(self) -> Self {
        self.engine.shutdown().await;
        Self { engine: engine(&self.backend, &self.store, self.clock).await, ..self }
    }

    /// Registers one more revision of a family.
    pub(crate) async fn register(&self, family: &str, container: ContainerDefinition) {
        let definition = RegisterTaskDefinitionRequest {
            family: Some(family.to_owned()),
            container_definitions: Some(vec![container]),
            ..RegisterTaskDefinitionRequest::default()
        };
        self.engine.register_task_definition(&self.ctx, definition).await.unwrap();
    }

    pub(crate) async fn create(&self, request: CreateServiceRequest) -> Result<Service, ApiError> {
        Ok(self.engine.create_service(&self.ctx, request).await?.service.unwrap())
    }

    pub(crate) async fn update(&self, request: UpdateServiceRequest) -> Result<Service, ApiError> {
        let request = UpdateServiceRequest { service: request.service.or(Some("web".to_owned())), ..request };
        Ok(self.engine.update_service(&self.ctx, request).await?.service.unwrap())
    }

    /// Deploys another task definition.
    pub(crate) async fn deploy(&self, task_definition: &str) -> Service {
        self.update(UpdateServiceRequest { task_definition: Some(task_definition.to_owned()), ..UpdateServiceRequest::default() })
            .await
            .unwrap()
    }

    /// A service `web` that is steady.
    pub(crate) async fn steady(&self, request: CreateServiceRequest) -> Service {
        self.create(request).await.unwrap();
        self.pass(10).await;
        let service = self.web().await;
        assert_eq!(service.running_count, service.desired_count);
        service
    }

    pub(crate) async fn describe(&self, name: &str) -> Option<Service> {
        let request = DescribeServicesRequest { services: Some(vec![name.to_owned()]), ..DescribeServicesRequest::default() };
        self.engine.describe_services(&self.ctx, request).await.unwrap().services.unwrap().pop()
    }

    /// The service `web`.
    pub(crate) async fn web(&self) -> Service {
        self.describe("web").await.unwrap()
    }

    /// The tasks of `web` with this desired status.
    pub(crate) async fn tasks(&self, desired_status: DesiredStatus) -> Vec<Task> {
        let request = ListTasksRequest {
            service_name: Some("web".to_owned()),
            desired_status: Some(desired_status),
            ..ListTasksRequest::default()
        };
        let tasks = self.engine.list_tasks(&self.ctx, request).await.unwrap().task_arns.unwrap();
        if tasks.is_empty() {
            return Vec::new();
        }
        let request =
            DescribeTasksRequest { tasks: Some(tasks), include: Some(vec![TaskField::Tags]), ..DescribeTasksRequest::default() };
        self.engine.describe_tasks(&self.ctx, request).await.unwrap().tasks.unwrap()
    }

    pub(crate) async fn running(&self) -> Vec<Task> {
        self.tasks(DesiredStatus::Running).await
    }

    /// Lets so many seconds pass, and all that happens in them.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    pub(crate) fn task_ref(&self, task: &Task) -> TaskRef {
        let id = task.task_arn.as_ref().unwrap().rsplit('/').next().unwrap().parse().unwrap();
        let scope = Scope::new(self.ctx.account.clone(), self.ctx.region.clone());
        TaskRef { cluster: ClusterRef { scope, name: "default".into() }, id }
    }
}

async fn engine(backend: &MemoryTaskManager, store: &Arc<MemoryStore>, clock: TokioClock) -> Arc<Engine> {
    let config = EngineConfig {
        clock: Arc::new(clock),
        ..EngineConfig::new(Arc::new(backend.clone()), Arc::clone(store) as Arc<dyn StateStore>)
    };
    Engine::start(config).await.unwrap()
}

pub(crate) fn container(image: &str) -> ContainerDefinition {
    ContainerDefinition {
        name: Some("web".to_owned()),
        image: Some(image.to_owned()),
        memory: Some(128),
        ..ContainerDefinition::default()
    }
}

/// A service `web` of `good` tasks.
pub(crate) fn web(desired_count: i32) -> CreateServiceRequest {
    CreateServiceRequest {
        service_name: Some("web".to_owned()),
        task_definition: Some("good".to_owned()),
        desired_count: Some(desired_count),
        ..CreateServiceRequest::default()
    }
}

pub(crate) fn percentages(minimum: i32, maximum: i32) -> DeploymentConfiguration {
    DeploymentConfiguration {
        minimum_healthy_percent: Some(minimum),
        maximum_percent: Some(maximum),
        ..DeploymentConfiguration::default()
    }
}

pub(crate) fn breaker(rollback: bool) -> DeploymentConfiguration {
    DeploymentConfiguration {
        deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
            enable: Some(true),
            rollback: Some(rollback),
            ..DeploymentCircuitBreaker::default()
        }),
        ..DeploymentConfiguration::default()
    }
}

/// The messages of a service's events, newest first.
pub(crate) fn messages(service: &Service) -> Vec<String> {
    service.events.iter().flatten().filter_map(|event| event.message.clone()).collect()
}

pub(crate) fn deployments(service: &Service) -> &[Deployment] {
    service.deployments.as_deref().unwrap()
}

/// The status, rolloutState and rolloutStateReason of each deployment.
pub(crate) fn rollouts(service: &Service) -> Vec<(String, String, String)> {
    deployments(service)
        .iter()
        .map(|deployment| {
            let Deployment { status, rollout_state, rollout_state_reason, .. } = deployment.clone();
            (status.unwrap(), rollout_state.unwrap().to_string(), rollout_state_reason.unwrap())
        })
        .collect()
}

/// The id in a task's ARN.
pub(crate) fn task_id(task: &Task) -> &str {
    task.task_arn.as_ref().unwrap().rsplit('/').next().unwrap()
}
