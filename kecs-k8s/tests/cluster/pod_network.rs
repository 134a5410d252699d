//! A node that cannot make networks for pods.

use std::path::PathBuf;
use std::time::Duration;

use kecs_core::{StopCause, TaskManager, TaskPhase};
use serde_json::Value;

use crate::NODE;
use crate::machine::Program;
use crate::support::{cluster_with, end_of, running, task};

/// The node with no address for a pod, until this is dropped.
struct WithoutAddresses {
    file: PathBuf,
    before: String,
}

impl WithoutAddresses {
    fn node() -> Self {
        let folder = Program::of("kubelet").setting("config").parent().expect("it is in a folder").join("cni");
        let file = folder.join("10-bridge.conflist");
        let before = std::fs::read_to_string(&file).expect("it is there");
        let mut plugins: Value = serde_json::from_str(&before).expect("it is JSON");
        let range = &mut plugins["plugins"][0]["ipam"]["ranges"][0][0];
        // The gateway's own.
        for end in ["rangeStart", "rangeEnd"] {
            range[end] = "10.244.0.1".into();
        }
        std::fs::write(&file, plugins.to_string()).expect("it is ours");
        Self { file, before }
    }
}

impl Drop for WithoutAddresses {
    fn drop(&mut self) {
        std::fs::write(&self.file, &self.before).expect("it is ours");
    }
}

#[tokio::test]
async fn a_task_whose_network_cannot_be_made_waits_and_is_given_up() {
    let name = "a_task_whose_network_cannot_be_made_waits_and_is_given_up";
    let Some(cluster) = cluster_with(name, |config| config.provisioning_timeout = Duration::from_secs(8)).await else { return };
    let _node = NODE.lock().await;
    let without = WithoutAddresses::node();
    let spec = task([running("app", "exit 0")]);
    cluster.ensure(&spec).await;
    let seen = cluster.until(&spec.task, "its node's", |seen| seen.pull_started_at.is_some()).await;
    assert_eq!((seen.phase, seen.cause), (TaskPhase::Starting, None));
    let seen = cluster.until_stopped(&spec).await;
    drop(without);
    let Some(StopCause::FailedToStart { reason }) = &seen.cause else { panic!("it cannot have started: {seen:#?}") };
    assert!(reason.starts_with("ResourceInitializationError: "), "{reason}");
    assert_eq!(end_of(&seen, "app"), (None, None));
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    let next = task([running("app", "exit 3")]);
    cluster.ensure(&next).await;
    assert_eq!(end_of(&cluster.until_stopped(&next).await, "app").0, Some(3));
}
