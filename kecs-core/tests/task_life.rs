//! The life of tasks, through the API, on the memory backend and tokio's paused time.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kecs_core::memory::{ContainerScript, MemoryTaskManager, TaskScript};
use kecs_core::{Engine, EngineConfig, Health, MemoryStore, StateStore, TaskChange, TokioClock};
use kecs_model::ecs::{
    ContainerDefinition, CreateClusterRequest, DescribeTasksRequest, EcsApi, HealthCheck, HealthStatus, ListTasksRequest,
    RegisterTaskDefinitionRequest, RunTaskRequest, StopTaskRequest, Task, TaskStopCode,
};
use kecs_model::{ErrorCode, RequestContext, Timestamp};

/// An engine with a cluster `default` and a task definition `app` of one container `web`.
struct Ecs {
    engine: Arc<Engine>,
    backend: MemoryTaskManager,
    store: Arc<MemoryStore>,
    ctx: RequestContext,
}

impl Ecs {
    async fn start(script: ContainerScript) -> Self {
        Self::with(script, container("web")).await
    }

    async fn with(script: ContainerScript, container: ContainerDefinition) -> Self {
        let backend = MemoryTaskManager::builder().default_script(TaskScript::all(script)).clock(clock()).build();
        let store = Arc::new(MemoryStore::new());
        let ecs = Self { engine: engine(&backend, &store).await, backend, store, ctx: RequestContext::local() };
        ecs.engine.create_cluster(&ecs.ctx, CreateClusterRequest::default()).await.unwrap();
        let definition = RegisterTaskDefinitionRequest {
            family: Some("app".to_owned()),
            container_definitions: Some(vec![container]),
            ..RegisterTaskDefinitionRequest::default()
        };
        ecs.engine.register_task_definition(&ecs.ctx, definition).await.unwrap();
        ecs
    }

    /// A new engine on the same state and backend, as after a restart.
    async fn restarted(self) -> Self {
        self.engine.shutdown().await;
        Self { engine: engine(&self.backend, &self.store).await, ..self }
    }

    async fn run(&self) -> Task {
        let request = RunTaskRequest { task_definition: Some("app".to_owned()), ..RunTaskRequest::default() };
        self.engine.run_task(&self.ctx, request).await.unwrap().tasks.unwrap().remove(0)
    }

    /// Runs a task and waits until it is RUNNING.
    async fn running(&self) -> Task {
        let running = self.when("RUNNING");
        self.run().await;
        running.await
    }

    fn when(&self, status: &'static str) -> impl Future<Output = Task> + use<> {
        let found = self.engine.task_when(move |task| task.last_status.as_deref() == Some(status));
        async move { found.await.expect("the engine lives") }
    }

    async fn describe(&self, task: &Task) -> Task {
        let request = DescribeTasksRequest { tasks: Some(vec![arn(task)]), ..DescribeTasksRequest::default() };
        self.engine.describe_tasks(&self.ctx, request).await.unwrap().tasks.unwrap().remove(0)
    }

    async fn stop(&self, task: &Task, reason: Option<&str>) -> Task {
        let request = StopTaskRequest { task: Some(arn(task)), reason: reason.map(str::to_owned), ..StopTaskRequest::default() };
        self.engine.stop_task(&self.ctx, request).await.unwrap().task.unwrap()
    }

    fn task_ref(&self, task: &Task) -> kecs_core::TaskRef {
        let id = arn(task).rsplit('/').next().unwrap().parse().unwrap();
        let scope = kecs_core::Scope::new(self.ctx.account.clone(), self.ctx.region.clone());
        kecs_core::TaskRef { cluster: kecs_core::ClusterRef { scope, name: "default".into() }, id }
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

fn container(name: &str) -> ContainerDefinition {
    ContainerDefinition {
        name: Some(name.to_owned()),
        image: Some("app:1".to_owned()),
        memory: Some(128),
        ..ContainerDefinition::default()
    }
}

fn arn(task: &Task) -> String {
    task.task_arn.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_through_every_state_of_the_life_cycle_in_order() {
    // "Amazon ECS task lifecycle", developer guide: the states and their order.
    let ecs = Ecs::start(ContainerScript::new()).await;
    let mut changes = ecs.engine.task_changes();
    let task = ecs.run().await;
    let mut states = Vec::new();
    while let Some(TaskChange::Changed(task)) = changes.next().await {
        let state = task.last_status.clone().unwrap();
        if states.last() != Some(&state) {
            states.push(state.clone());
        }
        match state.as_str() {
            "RUNNING" if task.desired_status.as_deref() == Some("RUNNING") => drop(ecs.stop(&task, None).await),
            "STOPPED" => break,
            _ => {}
        }
    }
    let expected = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"];
    assert_eq!(states, expected);
    let task = ecs.describe(&task).await;
    assert_eq!(task.stop_code, Some(TaskStopCode::UserInitiated));
    let stamps = [task.created_at, task.started_at, task.stopping_at, task.execution_stopped_at, task.stopped_at];
    assert!(stamps.iter().all(Option::is_some) && stamps.is_sorted(), "{stamps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_essential_container_that_exits_stops_the_task_with_its_exit_code() {
    let ecs = Ecs::start(ContainerScript::new().exit(Duration::from_secs(5), 3)).await;
    let stopped = ecs.when("STOPPED");
    ecs.run().await;
    let task = stopped.await;
    // "Essential container in task exited": "Amazon ECS stopped task error messages", developer guide.
    assert_eq!(task.stopped_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(task.stop_code, Some(TaskStopCode::EssentialContainerExited));
    let container = &task.containers.as_ref().unwrap()[0];
    assert_eq!((container.exit_code, container.last_status.as_deref()), (Some(3), Some("STOPPED")));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_start_fails_the_task_with_its_reason() {
    let ecs = Ecs::start(ContainerScript::new().start_failure("CannotStartContainerError: no such program")).await;
    let stopped = ecs.when("STOPPED");
    ecs.run().await;
    let task = stopped.await;
    assert_eq!(task.stop_code, Some(TaskStopCode::TaskFailedToStart));
    assert_eq!(task.stopped_reason.as_deref(), Some("CannotStartContainerError: no such program"));
    assert_eq!(task.started_at, None);
}

#[tokio::test(start_paused = true)]
async fn the_first_reason_to_stop_stands() {
    let ecs = Ecs::start(ContainerScript::new()).await;
    let task = ecs.running().await;
    let stopped = ecs.when("STOPPED");
    ecs.stop(&task, Some("first")).await;
    ecs.stop(&task, Some("second")).await;
    assert_eq!(stopped.await.stopped_reason.as_deref(), Some("first"));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_stays_describable_for_an_hour_and_then_goes() {
    // "Stopped tasks appear in the returned results for at least one hour" (DescribeTasks).
    let ecs = Ecs::start(ContainerScript::new().exit(Duration::ZERO, 0)).await;
    let stopped = ecs.when("STOPPED");
    ecs.run().await;
    let task = stopped.await;
    tokio::time::sleep(Duration::from_secs(3599)).await;
    assert_eq!(ecs.describe(&task).await.last_status.as_deref(), Some("STOPPED"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let request = DescribeTasksRequest { tasks: Some(vec![arn(&task)]), ..DescribeTasksRequest::default() };
    let failures = ecs.engine.describe_tasks(&ecs.ctx, request).await.unwrap().failures.unwrap();
    assert_eq!(failures[0].reason.as_deref(), Some("MISSING"));
    assert_eq!(ecs.backend.task_count(), 0, "the backend may forget it too");
}

#[tokio::test(start_paused = true)]
async fn the_health_of_essential_containers_is_the_health_of_the_task() {
    let check = HealthCheck { command: Some(vec!["CMD-SHELL".to_owned(), "true".to_owned()]), ..HealthCheck::default() };
    let ecs = Ecs::with(ContainerScript::new(), ContainerDefinition { health_check: Some(check), ..container("web") }).await;
    let healthy = ecs.engine.task_when(|task| task.health_status == Some(HealthStatus::Healthy));
    let task = ecs.run().await;
    healthy.await.unwrap();
    let unhealthy = ecs.engine.task_when(|task| task.health_status == Some(HealthStatus::Unhealthy));
    ecs.backend.set_health(&ecs.task_ref(&task), "web", Health::Unhealthy).unwrap();
    // A task of no service goes on: only the service scheduler replaces unhealthy tasks.
    assert_eq!(unhealthy.await.unwrap().last_status.as_deref(), Some("RUNNING"));
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_on_over_a_restart_of_the_control_plane() {
    let ecs = Ecs::start(ContainerScript::new()).await;
    let task = ecs.running().await;
    let ecs = ecs.restarted().await;
    assert_eq!(ecs.describe(&task).await.last_status.as_deref(), Some("RUNNING"));
    let stopped = ecs.when("STOPPED");
    ecs.backend.exit(&ecs.task_ref(&task), "web", 9).unwrap();
    assert_eq!(stopped.await.containers.unwrap()[0].exit_code, Some(9));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_came_while_no_control_plane_ran_is_found_with_its_exit_code() {
    let ecs = Ecs::start(ContainerScript::new()).await;
    let task = ecs.running().await;
    ecs.engine.shutdown().await;
    ecs.backend.exit(&ecs.task_ref(&task), "web", 9).unwrap();
    let ecs = Ecs { engine: engine(&ecs.backend, &ecs.store).await, ..ecs };
    let task = match ecs.describe(&task).await {
        task if task.last_status.as_deref() == Some("STOPPED") => task,
        _ => ecs.when("STOPPED").await,
    };
    assert_eq!(task.containers.unwrap()[0].exit_code, Some(9));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_its_backend_lost_is_stopped_without_an_exit_code() {
    let ecs = Ecs::start(ContainerScript::new()).await;
    let task = ecs.running().await;
    let stopped = ecs.when("STOPPED");
    ecs.backend.remove(&ecs.task_ref(&task)).unwrap();
    let task = stopped.await;
    assert_eq!(task.containers.unwrap()[0].exit_code, None);
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_is_opened_again() {
    let ecs = Ecs::start(ContainerScript::new()).await;
    let task = ecs.running().await;
    let stopped = ecs.when("STOPPED");
    ecs.backend.disconnect_watches();
    ecs.backend.exit(&ecs.task_ref(&task), "web", 0).unwrap();
    stopped.await;
}

#[tokio::test(start_paused = true)]
async fn a_client_token_starts_its_tasks_once() {
    let ecs = Ecs::start(ContainerScript::new()).await;
    let request = |count| RunTaskRequest {
        task_definition: Some("app".to_owned()),
        client_token: Some("token-1".to_owned()),
        count: Some(count),
        ..RunTaskRequest::default()
    };
    let first = ecs.engine.run_task(&ecs.ctx, request(2)).await.unwrap().tasks.unwrap();
    let ecs = ecs.restarted().await;
    let again = ecs.engine.run_task(&ecs.ctx, request(2)).await.unwrap().tasks.unwrap();
    let arns = |tasks: &[Task]| tasks.iter().map(arn).collect::<Vec<_>>();
    assert_eq!(arns(&first), arns(&again));
    // "ConflictException: The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a
    // different RunTask request. The resourceIds are the existing task ARNs which are already associated with the clientToken." (RunTask)
    let error = ecs.engine.run_task(&ecs.ctx, request(1)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConflictException);
    let mut ids = error.resource_ids().to_vec();
    ids.sort();
    let mut expected = arns(&first);
    expected.sort();
    assert_eq!(ids, expected);
    let listed = ecs.engine.list_tasks(&ecs.ctx, ListTasksRequest::default()).await.unwrap().task_arns.unwrap();
    assert_eq!(listed.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_stopped_before_its_backend_has_it_never_starts() {
    let ecs = Ecs::start(ContainerScript::new()).await;
    let task = ecs.run().await;
    // Nothing else ran since: on a paused current-thread runtime the driver has not had its turn.
    ecs.stop(&task, None).await;
    let stopped = match ecs.describe(&task).await {
        task if task.last_status.as_deref() == Some("STOPPED") => task,
        _ => ecs.when("STOPPED").await,
    };
    assert_eq!(stopped.stop_code, Some(TaskStopCode::UserInitiated));
}
