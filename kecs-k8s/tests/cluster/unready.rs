//! Tasks whose volumes are not to be had.

use std::collections::BTreeMap;
use std::time::Duration;

use kecs_core::task_spec::{Mount, Volume, VolumeSource};
use kecs_core::{StopCause, TaskManager, TaskPhase, TaskSpec};
use kecs_k8s::{EfsBacking, KubernetesConfig};

use crate::support::{OnCluster, cluster, cluster_with, end_of, running, task};

/// A task that reads what is at `/data`, where it has this volume.
fn with_volume(name: &str, source: VolumeSource) -> TaskSpec {
    let mount = Mount { volume: name.to_owned(), path: "/data".to_owned(), read_only: false };
    let app = running("app", "cat /data").with(|container| container.mounts.push(mount));
    TaskSpec { volumes: vec![Volume { name: name.to_owned(), source }], ..task([app]) }
}

/// A task that a kubelet has, and whose volume of Amazon EFS is on an NFS server that is not there.
async fn waiting(name: &str, timeout: Duration) -> Option<(OnCluster, TaskSpec)> {
    let change = |config: &mut KubernetesConfig| {
        config.efs = EfsBacking::Nfs { server: "127.0.0.1".to_owned(), path: "/".to_owned() };
        config.provisioning_timeout = timeout;
    };
    let cluster = cluster_with(name, change).await?;
    let efs = VolumeSource::Efs { file_system: "fs-1".to_owned(), root_directory: None, access_point: None };
    let spec = with_volume("shared", efs);
    cluster.ensure(&spec).await;
    let seen = cluster.until(&spec.task, "its node's", |seen| seen.pull_started_at.is_some()).await;
    assert_eq!((seen.phase, seen.cause), (TaskPhase::Starting, None));
    Some((cluster, spec))
}

/// Why the task did not start; it is forgotten.
async fn failure(cluster: &OnCluster, spec: &TaskSpec) -> String {
    let seen = cluster.until_stopped(spec).await;
    assert_eq!(end_of(&seen, "app"), (None, None));
    let Some(StopCause::FailedToStart { reason }) = seen.cause else { panic!("it cannot have started: {seen:#?}") };
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    reason
}

// A kubelet waits two minutes for volumes before it heeds anything but a deletion.
#[tokio::test]
async fn a_task_whose_volume_cannot_be_mounted_waits_and_is_given_up() {
    let name = "a_task_whose_volume_cannot_be_mounted_waits_and_is_given_up";
    let Some((cluster, spec)) = waiting(name, Duration::from_secs(8)).await else { return };
    let reason = failure(&cluster, &spec).await;
    assert!(reason.starts_with("ResourceInitializationError: "), "{reason}");
}

#[tokio::test]
async fn a_task_that_waits_for_its_volume_can_be_stopped() {
    let name = "a_task_that_waits_for_its_volume_can_be_stopped";
    let Some((cluster, spec)) = waiting(name, Duration::from_mins(10)).await else { return };
    cluster.stop(&spec).await;
    let seen = cluster.until_stopped(&spec).await;
    assert_eq!((&seen.cause, end_of(&seen, "app")), (&Some(StopCause::Requested), (None, None)));
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
}

#[tokio::test]
async fn a_task_whose_claim_cannot_be_had_waits_and_is_given_up() {
    let change = |config: &mut KubernetesConfig| {
        config.provisioning_timeout = Duration::from_secs(5);
        config.ebs_volumes.storage_class = Some("there-is-no-such-class".to_owned());
    };
    let Some(cluster) = cluster_with("a_task_whose_claim_cannot_be_had_waits_and_is_given_up", change).await else { return };
    let made_by_hand = VolumeSource::Docker {
        shared: true,
        autoprovision: false,
        driver: None,
        driver_options: BTreeMap::default(),
        labels: BTreeMap::default(),
    };
    let ebs =
        VolumeSource::Ebs { id: "vol-1".to_owned(), size: None, volume_type: None, filesystem: None, snapshot: None, kept: false };
    // Not a resource that is short.
    let tasks = [
        (with_volume("cpu", made_by_hand), "persistentvolumeclaim \"volume-cpu-"),
        (with_volume("memory", ebs), "pod has unbound immediate PersistentVolumeClaims"),
    ];
    for (spec, _) in &tasks {
        cluster.ensure(spec).await;
        let seen = cluster.tasks().observe_task(&spec.task).await.expect("it can be asked").expect("it is known");
        assert_eq!((seen.phase, seen.cause), (TaskPhase::Provisioning, None));
    }
    for (spec, why) in &tasks {
        let reason = failure(&cluster, spec).await;
        assert!(reason.starts_with("ResourceInitializationError: 0/1 nodes are available: "), "{reason}");
        assert!(reason.contains(why), "{reason}");
    }
}

// Docker binds whatever is there, and makes a folder of what is not ("docker volume" reference, `-v`).
#[tokio::test]
async fn a_file_of_the_host_is_mounted_and_what_is_not_there_is_made_a_folder() {
    let name = "a_file_of_the_host_is_mounted_and_what_is_not_there_is_made_a_folder";
    let Some(cluster) = cluster(name).await else { return };
    let new = std::env::temp_dir().join(&cluster.config().prefix);
    let host = |path: &str| VolumeSource::Host { path: path.to_owned() };
    let file = with_volume("file", host("/etc/hostname"));
    let folder = with_volume("folder", host(new.to_str().expect("it is text")));
    for (spec, code) in [(&file, 0), (&folder, 1)] {
        cluster.ensure(spec).await;
        let seen = cluster.until_stopped(spec).await;
        assert_eq!((&seen.cause, end_of(&seen, "app").0), (&Some(StopCause::EssentialContainerExited), Some(code)));
    }
    std::fs::remove_dir(new).expect("it was made");
}
