//! A control plane may end at any moment, and two may be there at once.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kecs_core::task_spec::Condition;
use kecs_core::testing::task_manager::RestartHarness;
use kecs_core::{StopCause, TaskEvent, TaskManager, TaskPhase};
use kecs_k8s::KubernetesTaskManager;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;

use crate::support::{BUSYBOX, cluster, end_of, running, task};

#[tokio::test]
async fn what_waits_is_started_by_the_next_control_plane() {
    let Some(cluster) = cluster("what_waits_is_started_by_the_next_control_plane").await else { return };
    let first = running("first", "sleep 2 & wait $!; exit 0").essential(false);
    let spec = task([running("app", "sleep 600 & wait").depends_on("first", Condition::Success), first]);
    cluster.ensure(&spec).await;
    let cluster = cluster.restart(Duration::from_secs(4)).await;
    cluster.until_running(&spec).await;
    cluster.clean_up(&spec).await;
}

#[tokio::test]
async fn a_stop_in_order_is_carried_on_by_the_next_control_plane() {
    let Some(cluster) = cluster("a_stop_in_order_is_carried_on_by_the_next_control_plane").await else { return };
    let app = running("app", "trap 'sleep 3; exit 1' TERM; sleep 600 & wait").depends_on("db", Condition::Start);
    let spec = task([app, running("db", "trap 'exit 2' TERM; sleep 600 & wait")]);
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    cluster.stop(&spec).await;
    let cluster = cluster.restart(Duration::from_millis(500)).await;
    let seen = cluster.until_stopped(&spec).await;
    assert_eq!(seen.cause, Some(StopCause::Requested));
    assert_eq!((end_of(&seen, "app").0, end_of(&seen, "db").0), (Some(1), Some(2)));
}

#[tokio::test]
async fn two_control_planes_run_a_task_once() {
    let Some(cluster) = cluster("two_control_planes_run_a_task_once").await else { return };
    let other = KubernetesTaskManager::connect(cluster.config().clone()).await.expect("the cluster is there");
    let first = running("first", "exit 0").essential(false);
    let spec = task([running("app", "sleep 600 & wait").depends_on("first", Condition::Success), first]);
    let (one, two) = tokio::join!(cluster.tasks().ensure_task(&spec), other.ensure_task(&spec));
    one.and(two).expect("a well-formed task is taken by both");
    cluster.until_running(&spec).await;
    assert_eq!(cluster.pods().await.list(&ListParams::default()).await.expect("pods can be listed").items.len(), 1);
    other.stop_task(&spec.task).await.expect("a stop is taken");
    assert_eq!(cluster.until_stopped(&spec).await.cause, Some(StopCause::Requested));
}

#[tokio::test]
async fn a_pod_that_is_no_task_is_left_alone() {
    let Some(cluster) = cluster("a_pod_that_is_no_task_is_left_alone").await else { return };
    let spec = task([running("app", "sleep 600 & wait")]);
    cluster.ensure(&spec).await;
    let stranger: Pod = serde_json::from_value(json!({
        "metadata": {"name": "stranger", "labels": {"kecs.io/owner": cluster.config().prefix}},
        "spec": {"containers": [{"name": "app", "image": BUSYBOX, "command": ["sleep", "600"]}]},
    }))
    .expect("a pod");
    let pods = cluster.pods().await;
    pods.create(&PostParams::default(), &stranger).await.expect("an operator may");
    let cluster = cluster.restart(Duration::ZERO).await;
    let listed = cluster.tasks().list_tasks(&spec.task.cluster).await.expect("tasks can be listed");
    assert_eq!(listed.iter().map(|seen| &seen.task).collect::<Vec<_>>(), [&spec.task]);
    cluster.clean_up(&spec).await;
    let stranger = pods.get("stranger").await.expect("it is still there");
    assert_eq!(stranger.metadata.deletion_timestamp, None);
    pods.delete("stranger", &DeleteParams::default().grace_period(0)).await.expect("an operator may");
}

#[tokio::test]
async fn a_pod_that_went_without_us_is_gone() {
    let Some(cluster) = cluster("a_pod_that_went_without_us_is_gone").await else { return };
    let spec = task([running("app", "sleep 600 & wait")]);
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    let pods = cluster.pods().await;
    let name = format!("task-{}", spec.task.id);
    let mut events = cluster.tasks().watch_tasks(&spec.task.cluster);
    assert!(matches!(events.next().await, Some(Ok(TaskEvent::Resynced(_)))));
    // Whoever takes the finalizer off takes the end off, too.
    let release = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
    pods.patch(&name, &kube::api::PatchParams::default(), &release).await.expect("an operator may");
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await.expect("an operator may");
    let gone = async {
        while let Some(event) = events.next().await {
            match event.expect("a watch does not break by itself") {
                TaskEvent::Gone(task) => return assert_eq!(task, spec.task),
                TaskEvent::Observed(seen) if seen.phase == TaskPhase::Stopped => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.expect("it is told");
}
