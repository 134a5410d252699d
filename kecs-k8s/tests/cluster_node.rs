//! What becomes of tasks whose node falls silent, and a node that takes no tasks. A program of its own, as all others need the node.

#[path = "cluster/support.rs"]
#[allow(dead_code, reason = "every program uses its part")]
mod support;

use std::fs;
use std::process::Command;

use futures::StreamExt;
use kecs_core::testing::task_manager::Harness;
use kecs_core::testing::task_ref;
use kecs_core::{ErrorKind, HostEvent, HostInstance, HostStream, LogQuery, StopCause, TaskManager};
use kecs_k8s::NodeInstances;
use kube::api::DeleteParams;

use crate::support::{OnCluster, cluster_with, end_of, running, task};

/// The only node's kubelet, halted until this is dropped.
struct Halted(String);

impl Halted {
    fn kubelet() -> Self {
        let processes = fs::read_dir("/proc").expect("there are processes").flatten();
        let mut ids = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let is_kubelet = |id: &String| fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "kubelet");
        let halted = Self(ids.find(is_kubelet).expect("the run is where the kubelet is"));
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
    let of_default = NodeInstances::All(task_ref("default").cluster);
    let name = "an_instance_that_drains_is_a_cordoned_node_until_it_is_active_again";
    let Some(cluster) = cluster_with(name, |config| config.nodes = of_default).await else { return };
    let _node = NODE.lock().await;
    let mut told = cluster.tasks().watch_instances().expect("nodes are instances");
    // The test before may have halted the kubelet.
    let host = until(&cluster, &mut told, "ready", |host| host.available && !host.drained).await;
    assert!(host.cpu >= 1024 && host.memory > 0, "{host:?}");
    for drains in [true, false] {
        cluster.tasks().drain_instance(&host.id, drains).await.expect("the node is known");
        let now = until(&cluster, &mut told, "changed", |host| host.drained == drains).await;
        assert!(now.available, "{now:?}");
        let asked = Command::new("kubectl").args(["get", "node", &host.name, "-o", "jsonpath={.spec.unschedulable}"]).output();
        let cordoned = String::from_utf8(asked.expect("kubectl is there").stdout).expect("a boolean");
        assert_eq!(cordoned == "true", drains, "{cordoned}");
        cluster.tasks().drain_instance(&host.id, drains).await.expect("it is so already");
    }
    let unknown = cluster.tasks().drain_instance(&"0".repeat(32), true).await;
    assert_eq!(unknown.expect_err("there is no such node").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn tasks_of_a_silent_node_are_given_up() {
    let of_default = NodeInstances::All(task_ref("default").cluster);
    let name = "tasks_of_a_silent_node_are_given_up";
    let Some(cluster) = cluster_with(name, |config| config.nodes = of_default).await else { return };
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
