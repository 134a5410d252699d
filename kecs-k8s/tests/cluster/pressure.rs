//! A node that is short of something, and evicts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kecs_core::testing::task_manager::Harness;
use kecs_core::{Engine, EngineConfig, MemoryStore, TaskChange, TaskManager, TaskPhase};
use kecs_k8s::KubernetesTaskManager;
use kecs_model::RequestContext;
use kecs_model::ecs::{EcsApi, Task, TaskStopCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::machine::Program;
use crate::support::{BUSYBOX, OnCluster, cluster, end_of, running, task};
use crate::{NODE, kubectl};

/// The only node's kubelet with a threshold that every machine has crossed, until this is dropped. Of memory, as for the sake of disks a kubelet takes away
/// images, too, and when it starts it has no pod but for those that are promised some memory.
struct Pressure {
    kubelet: Program,
    settings: PathBuf,
}

impl Pressure {
    fn on_the_node() -> Self {
        let kubelet = Program::of("kubelet");
        let before = std::fs::read_to_string(kubelet.setting("config")).expect("it was started with that");
        // What is always kept free could not be more than there is.
        let thresholds = "\nevictionSoft: {memory.available: 1000Gi}\nevictionSoftGracePeriod: {memory.available: 1s}\nevictionMaxPodGracePeriod: 30\n";
        let file = std::env::temp_dir().join(format!("kubelet-{}.yaml", std::process::id()));
        std::fs::write(&file, before + thresholds).expect("the file is ours");
        kubelet.end();
        kubelet.start(&[("config", &file)]);
        Self { kubelet, settings: file }
    }
}

impl Drop for Pressure {
    fn drop(&mut self) {
        self.kubelet.end();
        self.kubelet.start(&[]);
        std::fs::remove_file(&self.settings).expect("the file is ours");
    }
}

fn request<T: DeserializeOwned>(input: Value) -> T {
    serde_json::from_value(input).expect("a request")
}

/// The next task that is told of in this state.
async fn next(cluster: &OnCluster, changes: &mut (impl StreamExt<Item = TaskChange> + Unpin), status: &str) -> Task {
    let search = async {
        while let Some(change) = changes.next().await {
            if let TaskChange::Changed(task) = change
                && task.last_status.as_deref() == Some(status)
            {
                return *task;
            }
        }
        panic!("the engine ended")
    };
    tokio::time::timeout(cluster.patience(), search).await.unwrap_or_else(|_| panic!("no task is {status}"))
}

/// Waits until something is so that nobody tells of.
async fn until(cluster: &OnCluster, what: &str, is_so: impl AsyncFn() -> bool) {
    let mut again = tokio::time::interval(Duration::from_millis(200));
    let search = async {
        while !is_so().await {
            again.tick().await;
        }
    };
    tokio::time::timeout(cluster.patience(), search).await.unwrap_or_else(|_| panic!("not so: {what}"));
}

#[tokio::test]
async fn a_task_that_its_node_evicts_is_lost_and_its_service_has_another_when_that_is_over() {
    let name = "a_task_that_its_node_evicts_is_lost_and_its_service_has_another_when_that_is_over";
    let Some(cluster) = cluster(name).await else { return };
    let _node = NODE.lock().await;
    let tasks = KubernetesTaskManager::connect(cluster.config().clone()).await.expect("the cluster is there");
    let engine = Engine::start(EngineConfig::new(Arc::new(tasks), Arc::new(MemoryStore::new()))).await.expect("it starts");
    let ctx = RequestContext::local();
    engine.create_cluster(&ctx, request(json!({}))).await.expect("a cluster");
    let container =
        json!({"name": "app", "image": BUSYBOX, "memory": 32, "command": ["sh", "-c", "trap 'exit 9' TERM; sleep 600 & wait"]});
    let definition = json!({"family": "app", "containerDefinitions": [container]});
    engine.register_task_definition(&ctx, request(definition)).await.expect("a task definition");
    let mut changes = engine.task_changes();
    let service = json!({"serviceName": "app", "taskDefinition": "app", "desiredCount": 1});
    engine.create_service(&ctx, request(service)).await.expect("a service");
    let first = next(&cluster, &mut changes, "RUNNING").await;

    let pressure = Pressure::on_the_node();
    let lost = next(&cluster, &mut changes, "STOPPED").await;
    assert_eq!(lost.task_arn, first.task_arn);
    assert_eq!(lost.stop_code, Some(TaskStopCode::TerminationNotice));
    let reason = lost.stopped_reason.expect("it has one");
    let text = "Task lost: TerminationByKubelet: The node was low on resource: memory. Threshold quantity: 1000Gi, available: ";
    assert!(reason.starts_with(text) && !reason.ends_with(' '), "{reason:?}");
    let container = &lost.containers.as_ref().expect("it has one")[0];
    assert_eq!((container.exit_code, &container.reason), (Some(9), &None));

    // What is promised no memory waits for its end.
    let taint = ["get", "nodes", "-o", "jsonpath={.items[*].spec.taints[*].key}"];
    until(&cluster, "a taint", async || kubectl(&taint).contains("node.kubernetes.io/memory-pressure")).await;
    let without = task([running("app", "exit 3")]);
    cluster.ensure(&without).await;
    let unplaced = [
        "get",
        "pods",
        "-A",
        "-l",
        &format!("kecs.io/task-id={}", without.task.id),
        "-o",
        "jsonpath={.items[*].status.conditions[*].message}",
    ];
    until(&cluster, "the scheduler's word", async || kubectl(&unplaced).contains("untolerated taint")).await;
    let seen = cluster.tasks().observe_task(&without.task).await.expect("it can be asked").expect("it is known");
    assert_eq!((seen.phase, seen.cause), (TaskPhase::Provisioning, None));

    drop(pressure);
    assert_eq!(end_of(&cluster.until_stopped(&without).await, "app").0, Some(3));
    until(&cluster, "one task that runs, and no other", async || {
        let described = engine.describe_services(&ctx, request(json!({"services": ["app"]}))).await.expect("it can be described");
        let tasks = engine.list_tasks(&ctx, request(json!({}))).await.expect("they can be listed").task_arns.unwrap_or_default();
        let running = described.services.unwrap_or_default()[0].running_count;
        running == Some(1) && tasks.len() == 1 && Some(&tasks[0]) != first.task_arn.as_ref()
    })
    .await;
    engine.shutdown().await;
}
