//! What becomes of tasks whose node falls silent, evicts or has no network, a node that takes no tasks, and an API server that is started again. A program of
//! its own, as all others need them.

#[path = "cluster/api_restart.rs"]
mod api_restart;
#[path = "cluster/machine.rs"]
mod machine;
#[path = "cluster/pod_network.rs"]
mod pod_network;
#[path = "cluster/pressure.rs"]
mod pressure;
#[path = "cluster/support.rs"]
#[allow(dead_code, reason = "every program uses its part")]
mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt;
use kecs_core::testing::task_manager::Harness;
use kecs_core::testing::task_ref;
use kecs_core::{ErrorKind, HostEvent, HostInstance, HostStream, LogQuery, StopCause, TaskEvent, TaskManager, TaskPhase, TaskSpec};
use kecs_k8s::NodeInstances;
use kube::api::DeleteParams;
use serde_json::Value;

use crate::support::{OnCluster, cluster_with, end_of, running, task};

/// The only node's kubelet, halted until this is dropped.
struct Halted(String);

impl Halted {
    fn kubelet() -> Self {
        let halted = Self(machine::id("kubelet").expect("the run is where the kubelet is"));
        halted.signal("-STOP");
        halted
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0]).status();
        assert!(status.is_ok_and(|status| status.success()), "the kubelet is ours to signal");
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

fn kubectl(words: &[&str]) -> String {
    let output = Command::new("kubectl").args(words).output().expect("kubectl is there");
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// The only node with a taint that no pod tolerates, until this is dropped.
struct Tainted;

impl Tainted {
    fn node() -> Self {
        kubectl(&["taint", "nodes", "--all", "kecs.io/test=away:NoExecute"]);
        Self
    }
}

impl Drop for Tainted {
    fn drop(&mut self) {
        kubectl(&["taint", "nodes", "--all", "kecs.io/test-"]);
    }
}

/// The only node without its object, which is made anew when this is dropped: kubelets make theirs only when they start.
struct Removed(Value);

impl Removed {
    fn node() -> Self {
        let mut node: Value = serde_json::from_str(&kubectl(&["get", "nodes", "-o", "json"])).expect("it is JSON");
        let mut node = node["items"][0].take();
        let metadata = node["metadata"].as_object_mut().expect("it has metadata");
        metadata.retain(|name, _| matches!(name.as_str(), "name" | "labels" | "annotations"));
        let name = node["metadata"]["name"].as_str().expect("it has a name").to_owned();
        kubectl(&["delete", "node", &name]);
        Self(node)
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        let mut create =
            Command::new("kubectl").args(["create", "-f", "-"]).stdin(Stdio::piped()).spawn().expect("kubectl is there");
        let stdin = create.stdin.take().expect("it is a pipe");
        serde_json::to_writer(stdin, &self.0).expect("it reads");
        assert!(create.wait().is_ok_and(|status| status.success()), "the node is made anew");
    }
}

/// The node, for one test at a time.
static NODE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Waits until the only node is told of in such a state.
async fn until(cluster: &OnCluster, told: &mut HostStream, what: &str, is_so: impl Fn(&HostInstance) -> bool) -> HostInstance {
    let mut last = None;
    let search = async {
        while let Some(event) = told.next().await {
            let hosts = match event.expect("a watch does not break by itself") {
                HostEvent::Resynced(hosts) => hosts,
                HostEvent::Observed(host) => vec![host],
                other => panic!("the node went: {other:?}"),
            };
            let [host] = <[HostInstance; 1]>::try_from(hosts).expect("there is one node");
            if is_so(&host) {
                return Some(host);
            }
            last = Some(host);
        }
        None
    };
    let found = tokio::time::timeout(cluster.patience(), search).await.ok().flatten();
    found.unwrap_or_else(|| panic!("the node was not {what}; last told: {last:?}"))
}

/// "Draining Amazon ECS container instances": no new tasks are placed there; of Kubernetes' own pods the same is true of a node that is cordoned.
#[tokio::test]
async fn an_instance_that_drains_is_a_cordoned_node_until_it_is_active_again() {
    let Some(cluster) = cluster_with_its_node("an_instance_that_drains_is_a_cordoned_node_until_it_is_active_again").await else {
        return;
    };
    let _node = NODE.lock().await;
    let mut told = cluster.tasks().watch_instances().expect("nodes are instances");
    // The test before may have halted the kubelet.
    let host = until(&cluster, &mut told, "ready", |host| host.available && !host.drained).await;
    assert!(host.cpu >= 1024 && host.memory > 0, "{host:?}");
    for drains in [true, false] {
        cluster.tasks().drain_instance(&host.id, drains).await.expect("the node is known");
        let now = until(&cluster, &mut told, "changed", |host| host.drained == drains).await;
        assert!(now.available, "{now:?}");
        let cordoned = kubectl(&["get", "node", &host.name, "-o", "jsonpath={.spec.unschedulable}"]);
        assert_eq!(cordoned == "true", drains, "{cordoned}");
        cluster.tasks().drain_instance(&host.id, drains).await.expect("it is so already");
    }
    let unknown = cluster.tasks().drain_instance(&"0".repeat(32), true).await;
    assert_eq!(unknown.expect_err("there is no such node").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn tasks_of_a_silent_node_are_given_up() {
    let Some(cluster) = cluster_with_its_node("tasks_of_a_silent_node_are_given_up").await else { return };
    let _node = NODE.lock().await;
    let sleeper = || running("app", "sleep 600 & wait").stop_timeout(std::time::Duration::from_secs(2));
    let (deleted, stopped) = (task([sleeper()]), task([sleeper()]));
    for spec in [&deleted, &stopped] {
        cluster.ensure(spec).await;
        cluster.until_running(spec).await;
    }
    let logs = cluster.tasks().logs(&stopped.task, "app", LogQuery::follow()).await.expect("the container is known");
    let halted = Halted::kubelet();
    let name = format!("task-{}", deleted.task.id);
    cluster.pods().await.delete(&name, &DeleteParams::default()).await.expect("an operator may");
    cluster.stop(&stopped).await;
    let seen = cluster.until_stopped(&deleted).await;
    assert_eq!(seen.cause, Some(StopCause::Lost { reason: "its pod was deleted".to_owned() }));
    assert_eq!(end_of(&seen, "app"), (None, None), "nobody saw it end");
    let seen = cluster.until_stopped(&stopped).await;
    assert_eq!((&seen.cause, end_of(&seen, "app").0), (&Some(StopCause::Requested), None));
    let rest = tokio::time::timeout(cluster.patience(), logs.collect::<Vec<_>>()).await;
    assert!(rest.is_ok_and(|lines| lines.is_empty()), "the log of a node that is gone ends, too");
    drop(halted);
    // Whoever comes next needs the node.
    let mut told = cluster.tasks().watch_instances().expect("nodes are instances");
    until(&cluster, &mut told, "ready", |host| host.available).await;
    for spec in [&deleted, &stopped] {
        cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    }
}

/// A task that runs on the only node.
async fn on_the_node(cluster: &OnCluster) -> TaskSpec {
    let mut told = cluster.tasks().watch_instances().expect("nodes are instances");
    // The test before may have done something to it.
    until(cluster, &mut told, "ready", |host| host.available).await;
    let spec = task([running("app", "sleep 600 & wait").stop_timeout(Duration::from_secs(2))]);
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    spec
}

/// Waits until the task is known to be lost, and says why and with what exit code.
async fn until_lost(cluster: &OnCluster, spec: &TaskSpec) -> (String, Option<i32>) {
    let mut events = cluster.tasks().watch_tasks(&spec.task.cluster);
    let search = async {
        while let Some(event) = events.next().await {
            let all = match event.expect("a watch does not break by itself") {
                TaskEvent::Resynced(all) => all,
                TaskEvent::Observed(one) => vec![one],
                _ => Vec::new(),
            };
            if let Some(seen) = all.into_iter().find(|seen| seen.task == spec.task && seen.phase == TaskPhase::Stopped) {
                return Some(seen);
            }
        }
        None
    };
    // Kubernetes looks for pods without a node three times a minute, and believes it 40 s later.
    let seen = tokio::time::timeout(Duration::from_mins(4), search).await.ok().flatten().expect("it is given up");
    let Some(StopCause::Lost { reason }) = &seen.cause else { panic!("it was not lost: {seen:#?}") };
    (reason.clone(), end_of(&seen, "app").0)
}

/// A cluster whose nodes are the instances of `default`.
async fn cluster_with_its_node(name: &str) -> Option<OnCluster> {
    let of_default = NodeInstances::All(task_ref("default").cluster);
    cluster_with(name, |config| config.nodes = of_default).await
}

#[tokio::test]
async fn tasks_that_a_taint_drives_away_are_lost_with_their_exit_codes() {
    let Some(cluster) = cluster_with_its_node("tasks_that_a_taint_drives_away_are_lost_with_their_exit_codes").await else {
        return;
    };
    let _node = NODE.lock().await;
    let spec = on_the_node(&cluster).await;
    let tainted = Tainted::node();
    let (reason, code) = until_lost(&cluster, &spec).await;
    drop(tainted);
    assert_eq!((reason.as_str(), code), ("DeletionByTaintManager: Taint manager: deleting due to NoExecute taint", Some(143)));
}

// What happens to all pods of a node that is silent for five minutes, which is when Kubernetes gives it such a taint and they tolerate it no longer.
#[tokio::test]
async fn tasks_that_a_taint_drives_away_from_a_silent_node_are_lost_without_exit_codes() {
    let Some(cluster) =
        cluster_with_its_node("tasks_that_a_taint_drives_away_from_a_silent_node_are_lost_without_exit_codes").await
    else {
        return;
    };
    let _node = NODE.lock().await;
    let spec = on_the_node(&cluster).await;
    let (halted, tainted) = (Halted::kubelet(), Tainted::node());
    let (reason, code) = until_lost(&cluster, &spec).await;
    drop((tainted, halted));
    assert_eq!((reason.as_str(), code), ("DeletionByTaintManager: Taint manager: deleting due to NoExecute taint", None));
}

#[tokio::test]
async fn tasks_of_a_node_that_is_removed_are_lost() {
    let Some(cluster) = cluster_with_its_node("tasks_of_a_node_that_is_removed_are_lost").await else { return };
    let _node = NODE.lock().await;
    let spec = on_the_node(&cluster).await;
    let removed = Removed::node();
    let (reason, _) = until_lost(&cluster, &spec).await;
    drop(removed);
    assert_eq!(reason, "DeletionByPodGC: PodGC: node no longer exists");
}
