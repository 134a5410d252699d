//! ECS on pods, from RunTask to STOPPED.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kecs_core::testing::task_manager::Harness;
use kecs_core::testing::task_ref;
use kecs_core::{
    Engine, EngineConfig, LogQuery, MemoryStore, MockSecretSource, SecretValue, StateStore, TaskChange, TaskManager, TaskPhase,
    TaskRef, TaskServices, TaskSpec,
};
use kecs_k8s::KubernetesTaskManager;
use kecs_model::RequestContext;
use kecs_model::ecs::{EcsApi, Task, TaskStopCode};
use kube::api::{Api, ListParams};
use kube::runtime::wait::await_condition;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{BUSYBOX, OnCluster, cluster, cluster_with, running, task};

fn request<T: DeserializeOwned>(input: Value) -> T {
    serde_json::from_value(input).expect("a request")
}

struct Ecs {
    engine: Arc<Engine>,
    ctx: RequestContext,
}

impl Ecs {
    /// With a cluster `Default_1` and a task definition `app`.
    async fn on(cluster: &OnCluster, definition: Value) -> Self {
        let ecs = Self::with(cluster, Arc::new(MemoryStore::new())).await;
        ecs.prepare(definition).await;
        ecs
    }

    async fn prepare(&self, definition: Value) {
        self.engine.create_cluster(&self.ctx, request(json!({"clusterName": "Default_1"}))).await.expect("a cluster");
        self.engine.register_task_definition(&self.ctx, request(definition)).await.expect("a task definition");
    }

    /// With what is on record, and secrets whose value is `hush`.
    async fn with(cluster: &OnCluster, store: Arc<dyn StateStore>) -> Self {
        let tasks = KubernetesTaskManager::connect(cluster.config().clone()).await.expect("the cluster is there");
        let tasks: Arc<dyn TaskManager> = Arc::new(tasks);
        let mut secrets = MockSecretSource::new();
        secrets.expect_handles().return_const(true);
        secrets
            .expect_resolve_all()
            .returning(|_, references| references.iter().map(|_| Ok(SecretValue::new("hush".to_owned()))).collect());
        let services = TaskServices { secrets: vec![Arc::new(secrets)], ..TaskServices::default() };
        let engine = Engine::start(EngineConfig { services, ..EngineConfig::new(tasks, store) }).await.expect("it starts");
        Self { engine, ctx: RequestContext::local() }
    }

    async fn when(&self, status: &'static str, patience: Duration) -> Task {
        let found = self.engine.task_when(move |task| task.last_status.as_deref() == Some(status));
        tokio::time::timeout(patience, found).await.unwrap_or_else(|_| panic!("no task is {status}")).expect("the engine lives")
    }

    async fn run(&self) -> Task {
        let input = json!({"cluster": "Default_1", "taskDefinition": "app", "launchType": "FARGATE", "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-1"]},
        }});
        let answer = self.engine.run_task(&self.ctx, request(input)).await.expect("it is taken");
        answer.tasks.unwrap_or_default().remove(0)
    }
}

/// The task as backends know it.
fn known(task: &Task) -> TaskRef {
    let id = task.task_arn.as_deref().and_then(|arn| arn.rsplit('/').next()?.parse().ok()).expect("an ARN ends with the id");
    TaskRef { id, ..task_ref("Default_1") }
}

fn definition(line: &str) -> Value {
    json!({
        "family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "App", "image": BUSYBOX, "command": ["sh", "-c", line]}],
    })
}

#[tokio::test]
async fn a_task_runs_and_tells_its_exit_code() {
    let Some(cluster) = cluster("a_task_runs_and_tells_its_exit_code").await else { return };
    let ecs = Ecs::on(&cluster, definition("sleep 2; exit 3")).await;
    let (running, stopped) = (ecs.when("RUNNING", cluster.patience()), ecs.when("STOPPED", cluster.patience()));
    ecs.run().await;
    let running = running.await;
    let details = running.attachments.iter().flatten().flat_map(|attachment| attachment.details.iter().flatten());
    let addresses = details.filter(|detail| detail.name.as_deref() == Some("privateIPv4Address")).count();
    assert_eq!(addresses, 1, "{running:?}");
    let stopped = stopped.await;
    assert_eq!(stopped.stop_code, Some(TaskStopCode::EssentialContainerExited));
    assert_eq!(stopped.stopped_reason.as_deref(), Some("Essential container in task exited"));
    let container = &stopped.containers.as_ref().expect("it has one")[0];
    assert_eq!((container.name.as_deref(), container.exit_code), (Some("App"), Some(3)));
    ecs.engine.shutdown().await;
}

#[tokio::test]
async fn a_task_is_stopped_by_request() {
    let Some(cluster) = cluster("a_task_is_stopped_by_request").await else { return };
    let ecs = Ecs::on(&cluster, definition("trap 'exit 0' TERM; echo up; sleep 600 & wait")).await;
    let (running, stopped) = (ecs.when("RUNNING", cluster.patience()), ecs.when("STOPPED", cluster.patience()));
    ecs.run().await;
    let task = running.await;
    // It runs before it heeds SIGTERM.
    let known = known(&task);
    let written = async { cluster.tasks().logs(&known, "App", LogQuery::follow()).await.expect("it is known").next().await };
    tokio::time::timeout(cluster.patience(), written)
        .await
        .expect("it writes in time")
        .expect("it writes")
        .expect("it can be read");
    let stop = json!({"cluster": "Default_1", "task": task.task_arn, "reason": "enough"});
    ecs.engine.stop_task(&ecs.ctx, request(stop)).await.expect("it is taken");
    let stopped = stopped.await;
    assert_eq!(stopped.stopped_reason.as_deref(), Some("enough"));
    assert_eq!(stopped.containers.as_ref().expect("it has one")[0].exit_code, Some(0));
    ecs.engine.shutdown().await;
}

/// All states that a task has been in, and the task as it was last.
async fn life_of_the_task(
    ecs: &Ecs,
    patience: Duration,
    mut changes: impl Stream<Item = TaskChange> + Unpin,
) -> (Vec<String>, Task) {
    let life = async {
        let mut states: Vec<String> = Vec::new();
        while let Some(TaskChange::Changed(task)) = changes.next().await {
            states.push(task.last_status.clone().expect("it has one"));
            states.dedup();
            if task.last_status.as_deref() == Some("STOPPED") {
                return (states, Task::clone(&task));
            }
        }
        panic!("the engine ended: {states:?}")
    };
    let life = tokio::time::timeout(patience, life).await.expect("it ends in time");
    ecs.engine.shutdown().await;
    life
}

/// More than any node has.
fn too_large() -> Value {
    json!({"family": "app", "cpu": "131072", "containerDefinitions": [{"name": "App", "image": BUSYBOX, "memory": 32}]})
}

#[tokio::test]
async fn a_task_without_room_is_provisioning_until_it_is_given_up() {
    let name = "a_task_without_room_is_provisioning_until_it_is_given_up";
    let timeout = Duration::from_secs(5);
    let Some(cluster) = cluster_with(name, |config| config.provisioning_timeout = timeout).await else { return };
    let ecs = Ecs::on(&cluster, too_large()).await;
    let changes = ecs.engine.task_changes();
    let input = request(json!({"cluster": "Default_1", "taskDefinition": "app"}));
    ecs.engine.run_task(&ecs.ctx, input).await.expect("it is taken");
    let (states, task) = life_of_the_task(&ecs, cluster.patience(), changes).await;
    assert_eq!(states, ["PROVISIONING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]);
    assert_eq!(task.stop_code, Some(TaskStopCode::TaskFailedToStart));
    let reason = task.stopped_reason.expect("it has one");
    assert!(reason.starts_with("RESOURCE:CPU: 0/1 nodes are available"), "{reason}");
}

#[tokio::test]
async fn a_task_that_is_provisioning_is_stopped_by_request_and_its_pod_goes() {
    let name = "a_task_that_is_provisioning_is_stopped_by_request_and_its_pod_goes";
    let Some(cluster) = cluster(name).await else { return };
    let ecs = Ecs::on(&cluster, too_large()).await;
    let changes = ecs.engine.task_changes();
    let input = request(json!({"cluster": "Default_1", "taskDefinition": "app"}));
    let task = ecs.engine.run_task(&ecs.ctx, input).await.expect("it is taken").tasks.unwrap_or_default().remove(0);
    let mut known = task_ref("Default_1");
    known.id = task.task_arn.as_deref().and_then(|arn| arn.rsplit('/').next()?.parse().ok()).expect("an ARN ends with the id");
    cluster.until(&known, "provisioning", |seen| seen.phase == TaskPhase::Provisioning).await;
    let stop = json!({"cluster": "Default_1", "task": task.task_arn});
    ecs.engine.stop_task(&ecs.ctx, request(stop)).await.expect("it is taken");
    let (states, task) = life_of_the_task(&ecs, cluster.patience(), changes).await;
    assert_eq!(states, ["PROVISIONING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]);
    assert_eq!(task.stop_code, Some(TaskStopCode::UserInitiated));
    cluster.until(&known, "stopped", |seen| seen.phase == TaskPhase::Stopped).await;
}

#[tokio::test]
async fn a_control_plane_that_ends_between_a_secret_and_its_pod_leaves_the_rest_to_the_next() {
    let Some(cluster) = cluster("a_control_plane_that_ends_between_a_secret_and_its_pod_leaves_the_rest_to_the_next").await else {
        return;
    };
    let here = |line: &str| TaskSpec { task: task_ref("Default_1"), ..task([running("app", line)]) };
    let first = here("exit 0");
    cluster.ensure(&first).await;
    cluster.until_stopped(&first).await;
    cluster.refuse_pods(|| here("exit 0")).await;

    let store = Arc::new(MemoryStore::new());
    let mut with_secret = definition("test $PASSWORD = hush && sleep 600 & wait");
    with_secret["executionRoleArn"] = json!("arn:aws:iam::000000000000:role/start");
    with_secret["containerDefinitions"][0]["secrets"] = json!([{"name": "PASSWORD", "valueFrom": "/app/password"}]);
    let ecs = Ecs::with(&cluster, Arc::clone(&store) as Arc<dyn StateStore>).await;
    ecs.prepare(with_secret).await;
    let known = known(&ecs.run().await);
    let name = format!("task-{}", known.id);
    let secrets: Api<Secret> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    let made = await_condition(secrets, &name, |secret: Option<&Secret>| secret.is_some());
    tokio::time::timeout(cluster.patience(), made).await.expect("it is made").expect("it can be watched");
    ecs.engine.shutdown().await;
    drop(ecs);
    assert_eq!(cluster.pods().await.get_opt(&name).await.expect("it can be asked"), None);

    let ecs = Ecs::with(&cluster, store).await;
    let running = ecs.when("RUNNING", cluster.patience());
    cluster.take_pods().await;
    running.await;
    let of_task = ListParams::default().labels(&format!("kecs.io/task-id={}", known.id));
    let pods = cluster.pods().await.list(&of_task).await.expect("pods can be listed").items;
    let uids: Vec<_> = pods.iter().filter_map(|pod| pod.metadata.uid.clone()).collect();
    assert_eq!(uids.len(), 1, "{pods:?}");
    let secrets = cluster.secrets(known.id).await;
    let owners =
        secrets.iter().map(|secret| secret.metadata.owner_references.iter().flatten().map(|owner| owner.uid.clone()).collect());
    assert_eq!(owners.collect::<Vec<Vec<_>>>(), [uids]);
    cluster.tasks().stop_task(&known).await.expect("a stop is taken");
    ecs.when("STOPPED", cluster.patience()).await;
    ecs.engine.shutdown().await;
}
