//! An engine whose tasks are pretended, and short forms of its operations.

use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{
    ClusterRef, Engine, EngineConfig, LogDriver, MemoryStore, RoleCredentialSource, Scope, SecretSource, StateStore,
    TaskAgentConfig, TaskManager, TaskRef, TaskServices, TokioClock,
};
use kecs_model::ecs::{
    DescribeTasksRequest, EcsApi, ListTasksRequest, RegisterTaskDefinitionRequest, RunTaskRequest, StopTaskRequest, Task,
};
use kecs_model::{ApiError, ErrorCode, RequestContext, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What an [`Ecs`] is made of.
pub(crate) struct Parts {
    pub(crate) tasks: Arc<dyn TaskManager>,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) secrets: Vec<Arc<dyn SecretSource>>,
    pub(crate) logs: Vec<Arc<dyn LogDriver>>,
    pub(crate) roles: Option<Arc<dyn RoleCredentialSource>>,
    pub(crate) agent: TaskAgentConfig,
}

impl Default for Parts {
    fn default() -> Self {
        let tasks = MemoryTaskManager::builder().clock(clock()).build();
        Self {
            tasks: Arc::new(tasks),
            store: Arc::new(MemoryStore::new()),
            secrets: Vec::new(),
            logs: Vec::new(),
            roles: None,
            agent: TaskAgentConfig::default(),
        }
    }
}

/// An engine with a cluster `default` and a task definition `app` of one container `web`.
pub(crate) struct Ecs {
    pub(crate) engine: Arc<Engine>,
    pub(crate) ctx: RequestContext,
}

impl Ecs {
    pub(crate) async fn start() -> Self {
        Self::with(Parts::default()).await
    }

    pub(crate) async fn on(tasks: impl TaskManager) -> Self {
        Self::with(Parts { tasks: Arc::new(tasks), ..Parts::default() }).await
    }

    pub(crate) async fn with(parts: Parts) -> Self {
        let ecs = Self::bare(parts).await;
        ecs.cluster("default").await;
        ecs.register(json!({ "family": "app", "containerDefinitions": [{ "name": "web", "image": "app:1", "memory": 128 }] }))
            .await;
        ecs
    }

    /// Without a cluster and a task definition.
    pub(crate) async fn bare(parts: Parts) -> Self {
        let Parts { tasks, store, secrets, logs, roles, agent } = parts;
        let engine = Engine::start(EngineConfig {
            services: TaskServices { secrets, logs, roles, agent, ..TaskServices::default() },
            clock: Arc::new(clock()),
            ..EngineConfig::new(tasks, store)
        })
        .await
        .unwrap();
        Self { engine, ctx: RequestContext::local() }
    }

    /// The same engine for another account or region.
    pub(crate) fn as_seen_by(&self, account: &str, region: &str) -> Self {
        let ctx = RequestContext { account: account.into(), region: region.into(), ..RequestContext::local() };
        Self { engine: Arc::clone(&self.engine), ctx }
    }

    pub(crate) async fn cluster(&self, name: &str) {
        self.engine.create_cluster(&self.ctx, request(json!({ "clusterName": name }))).await.unwrap();
    }

    pub(crate) async fn register(&self, definition: Value) {
        let definition: RegisterTaskDefinitionRequest = request(definition);
        self.engine.register_task_definition(&self.ctx, definition).await.unwrap();
    }

    /// RunTask; the definition is `app` where none is named.
    pub(crate) async fn try_run(&self, input: Value) -> Result<Vec<Task>, ApiError> {
        let mut input: RunTaskRequest = request(input);
        input.task_definition.get_or_insert_with(|| "app".to_owned());
        let response = self.engine.run_task(&self.ctx, input).await?;
        assert_eq!(response.failures.unwrap(), []);
        Ok(response.tasks.unwrap())
    }

    pub(crate) async fn run(&self, input: Value) -> Vec<Task> {
        self.try_run(input).await.unwrap()
    }

    /// Runs a task of `app`.
    pub(crate) async fn run_one(&self) -> Task {
        self.run(json!({})).await.remove(0)
    }

    /// Runs a task and waits until it is RUNNING.
    pub(crate) async fn running(&self, input: Value) -> Task {
        let running = self.when("RUNNING");
        self.run(input).await;
        running.await
    }

    pub(crate) fn when(&self, status: &'static str) -> impl Future<Output = Task> + use<> {
        let found = self.engine.task_when(move |task| task.last_status.as_deref() == Some(status));
        async move { found.await.expect("the engine lives") }
    }

    pub(crate) async fn try_stop(&self, input: Value) -> Result<Task, ApiError> {
        let input: StopTaskRequest = request(input);
        Ok(self.engine.stop_task(&self.ctx, input).await?.task.unwrap())
    }

    pub(crate) async fn stop(&self, task: &Task) -> Task {
        self.try_stop(json!({ "task": arn(task) })).await.unwrap()
    }

    /// Stops a task and waits until it is STOPPED.
    pub(crate) async fn stopped(&self, task: &Task) -> Task {
        let wanted = arn(task);
        let stopped = self
            .engine
            .task_when(move |task| task.task_arn.as_ref() == Some(&wanted) && task.last_status.as_deref() == Some("STOPPED"));
        self.stop(task).await;
        stopped.await.expect("the engine lives")
    }

    pub(crate) async fn describe(&self, task: &Task) -> Task {
        let request: DescribeTasksRequest = request(json!({ "tasks": [arn(task)] }));
        self.engine.describe_tasks(&self.ctx, request).await.unwrap().tasks.unwrap().remove(0)
    }

    pub(crate) async fn try_list(&self, input: Value) -> Result<Vec<String>, ApiError> {
        let input: ListTasksRequest = request(input);
        let response = self.engine.list_tasks(&self.ctx, input).await?;
        Ok(response.task_arns.unwrap())
    }

    pub(crate) async fn list(&self, input: Value) -> Vec<String> {
        self.try_list(input).await.unwrap()
    }

    /// A service of `app`, with its tasks RUNNING.
    pub(crate) async fn service(&self, name: &str, count: i32) -> Vec<String> {
        let input = json!({ "serviceName": name, "taskDefinition": "app", "desiredCount": count });
        self.engine.create_service(&self.ctx, request(input)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        let tasks = self.list(json!({ "serviceName": name })).await;
        assert_eq!(tasks.len(), usize::try_from(count).unwrap());
        tasks
    }

    pub(crate) fn task_ref(&self, task: &Task) -> TaskRef {
        let scope = Scope::new(self.ctx.account.clone(), self.ctx.region.clone());
        TaskRef { cluster: ClusterRef { scope, name: "default".into() }, id: id(task).parse().unwrap() }
    }
}

pub(crate) fn clock() -> TokioClock {
    TokioClock::starting_at(Timestamp::from_millis(1_700_000_000_000))
}

#[allow(clippy::needless_pass_by_value, reason = "literals of JSON read better by value")]
pub(crate) fn request<R: DeserializeOwned>(input: Value) -> R {
    kecs_model::aws_json::decode(input.to_string().as_bytes()).unwrap()
}

pub(crate) fn arn(task: &Task) -> String {
    task.task_arn.clone().unwrap()
}

pub(crate) fn id(task: &Task) -> String {
    arn(task).rsplit('/').next().unwrap().to_owned()
}

pub(crate) fn assert_refused<T: std::fmt::Debug>(result: Result<T, ApiError>, code: ErrorCode, message: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.message()), (code, message));
}

/// [`assert_refused`] with InvalidParameterException.
pub(crate) fn assert_invalid<T: std::fmt::Debug>(result: Result<T, ApiError>, message: &str) {
    assert_refused(result, ErrorCode::InvalidParameterException, message);
}
