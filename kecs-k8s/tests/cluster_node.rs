//! What becomes of tasks whose node falls silent. A program of its own, as all others need the node.

#[path = "cluster/support.rs"]
#[allow(dead_code, reason = "every program uses its part")]
mod support;

use std::fs;
use std::process::Command;

use futures::StreamExt;
use kecs_core::testing::task_manager::Harness;
use kecs_core::{LogQuery, StopCause, TaskManager};
use kube::api::DeleteParams;

use crate::support::{cluster, end_of, running, task};

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

#[tokio::test]
async fn tasks_of_a_silent_node_are_given_up() {
    let Some(cluster) = cluster("tasks_of_a_silent_node_are_given_up").await else { return };
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
    for spec in [&deleted, &stopped] {
        cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    }
}
