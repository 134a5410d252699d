//! How a task's end is told, whatever ended it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kecs_core::testing::container;
use kecs_core::testing::task_manager::RestartHarness;
use kecs_core::{ErrorKind, StopCause, TaskManager, TaskPhase, TaskSpec};
use kecs_k8s::EndedPods;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::{OnCluster, busybox, cluster, cluster_with, end_of, running, task, with_password};

fn pod_name(spec: &TaskSpec) -> String {
    format!("task-{}", spec.task.id)
}

#[tokio::test]
async fn out_of_memory_is_told() {
    let Some(cluster) = cluster("out_of_memory_is_told").await else { return };
    let eats = running("app", "sleep 1; tail /dev/zero").with(|container| container.memory = Some(32));
    let spec = task([eats.essential(false), running("log", "sleep 600 & wait")]);
    cluster.ensure(&spec).await;
    let seen = cluster.until(&spec.task, "an end of app", |seen| crate::support::has_ended(seen, "app")).await;
    let (code, reason) = end_of(&seen, "app");
    // The shell may have lived to tell of its child's end, with the same code.
    assert_eq!(code, Some(137));
    assert_eq!(reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
    cluster.clean_up(&spec).await;
}

#[tokio::test]
async fn an_image_that_is_not_there_fails_the_start() {
    let Some(cluster) = cluster("an_image_that_is_not_there_fails_the_start").await else { return };
    let spec = task([container("app").with(|spec| "127.0.0.1:9/none:1".clone_into(&mut spec.image))]);
    cluster.ensure(&spec).await;
    let seen = cluster.until_stopped(&spec).await;
    let Some(StopCause::FailedToStart { reason }) = &seen.cause else { panic!("it cannot have started: {seen:#?}") };
    assert!(reason.starts_with("CannotPullContainerError: "), "{reason}");
    assert_eq!(end_of(&seen, "app").0, None);
}

#[tokio::test]
async fn a_task_without_room_waits_and_is_given_up() {
    let timeout = Duration::from_secs(5);
    let Some(cluster) =
        cluster_with("a_task_without_room_waits_and_is_given_up", |config| config.provisioning_timeout = timeout).await
    else {
        return;
    };
    let spec = TaskSpec { cpu: Some(1024 * 1000), ..task([running("app", "sleep 600 & wait")]) };
    cluster.ensure(&spec).await;
    let seen = cluster.tasks().observe_task(&spec.task).await.expect("it can be asked").expect("it is known");
    assert_eq!((seen.phase, seen.cause), (TaskPhase::Provisioning, None));
    let seen = cluster.until_stopped(&spec).await;
    let Some(StopCause::FailedToStart { reason }) = &seen.cause else { panic!("it cannot have started: {seen:#?}") };
    assert!(reason.starts_with("RESOURCE:CPU: 0/1 nodes are available"), "{reason}");
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
}

#[tokio::test]
async fn a_task_that_waits_for_room_can_be_stopped() {
    let Some(cluster) = cluster("a_task_that_waits_for_room_can_be_stopped").await else { return };
    let spec = TaskSpec { cpu: Some(1024 * 1000), ..task([running("app", "sleep 600 & wait")]) };
    cluster.ensure(&spec).await;
    cluster.stop(&spec).await;
    assert_eq!(cluster.until_stopped(&spec).await.cause, Some(StopCause::Requested));
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    assert_eq!(cluster.pods().await.get_opt(&pod_name(&spec)).await.expect("it can be asked"), None);
}

#[tokio::test]
async fn a_task_that_its_node_refuses_fails_to_start() {
    let Some(cluster) = cluster("a_task_that_its_node_refuses_fails_to_start").await else { return };
    let spec = TaskSpec { cpu: Some(1024 * 1000), ..task([running("app", "sleep 600 & wait")]) };
    cluster.ensure(&spec).await;
    let nodes = Api::<Node>::all(OnCluster::client().await).list(&ListParams::default()).await.expect("an operator may");
    // As a scheduler does that does not look.
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod_name(&spec)},
        "target": {"apiVersion": "v1", "kind": "Node", "name": nodes.items[0].metadata.name}});
    let pods = cluster.pods().await;
    let _: serde_json::Value =
        pods.create_subresource("binding", &pod_name(&spec), &PostParams::default(), &binding).await.expect("an operator may");
    let seen = cluster.until_stopped(&spec).await;
    let Some(StopCause::FailedToStart { reason }) = &seen.cause else { panic!("it cannot have started: {seen:#?}") };
    assert!(reason.starts_with("RESOURCE:CPU: ") && reason.contains("enough resource: cpu"), "{reason}");
    assert_eq!(end_of(&seen, "app"), (None, None));
}

#[tokio::test]
async fn a_pod_that_somebody_deletes_tells_its_exit_code() {
    let Some(cluster) = cluster("a_pod_that_somebody_deletes_tells_its_exit_code").await else { return };
    let spec = task([running("app", "trap 'exit 9' TERM; sleep 600 & wait")]);
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    cluster.pods().await.delete(&pod_name(&spec), &DeleteParams::default()).await.expect("an operator may");
    let seen = cluster.until_stopped(&spec).await;
    assert_eq!(seen.cause, Some(StopCause::Lost { reason: "its pod was deleted".to_owned() }));
    assert_eq!(end_of(&seen, "app"), (Some(9), None));
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    assert_eq!(cluster.pods().await.get_opt(&pod_name(&spec)).await.expect("it can be asked"), None);
}

#[tokio::test]
async fn an_evicted_pod_is_lost() {
    let Some(cluster) = cluster("an_evicted_pod_is_lost").await else { return };
    let spec = task([running("app", "sleep 600 & wait")]);
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    let eviction = Eviction { metadata: ObjectMeta { name: Some(pod_name(&spec)), ..ObjectMeta::default() }, delete_options: None };
    let pods = cluster.pods().await;
    let _: serde_json::Value =
        pods.create_subresource("eviction", &pod_name(&spec), &PostParams::default(), &eviction).await.expect("an operator may");
    let seen = cluster.until_stopped(&spec).await;
    let Some(StopCause::Lost { reason }) = &seen.cause else { panic!("it was evicted: {seen:#?}") };
    assert!(reason.contains("EvictionByEvictionAPI"), "{reason}");
    assert_eq!(end_of(&seen, "app").0, Some(143));
}

#[tokio::test]
async fn a_task_that_was_deleted_after_its_end_has_ended_by_itself() {
    let Some(cluster) = cluster("a_task_that_was_deleted_after_its_end_has_ended_by_itself").await else { return };
    let spec = task([container("app").program(crate::support::shell("exit 4"))]);
    cluster.ensure(&spec).await;
    let before = cluster.until_stopped(&spec).await;
    assert_eq!((before.cause.as_ref(), end_of(&before, "app").0), (Some(&StopCause::EssentialContainerExited), Some(4)));
    cluster.pods().await.delete(&pod_name(&spec), &DeleteParams::default()).await.expect("an operator may");
    // The kubelet takes its containers away, and the pod waits to be forgotten.
    assert_eq!(cluster.tasks().observe_task(&spec.task).await.expect("it can be asked"), Some(before));
}

#[tokio::test]
async fn a_first_process_that_ignores_signals_is_killed() {
    let Some(cluster) = cluster("a_first_process_that_ignores_signals_is_killed").await else { return };
    let ignores = busybox(container("app")).command(["sleep", "600"]).stop_timeout(Duration::from_secs(2));
    let spec = task([ignores]);
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    cluster.stop(&spec).await;
    assert_eq!(end_of(&cluster.until_stopped(&spec).await, "app").0, Some(137));
}

#[tokio::test]
async fn a_finalizer_of_somebody_else_stays_on_the_pod_of_a_task_that_is_forgotten() {
    let Some(cluster) = cluster("a_finalizer_of_somebody_else_stays_on_the_pod_of_a_task_that_is_forgotten").await else { return };
    let spec = task([running("app", "exit 0")]);
    cluster.ensure(&spec).await;
    cluster.until_stopped(&spec).await;
    let (pods, name) = (cluster.pods().await, pod_name(&spec));
    let theirs = Patch::Strategic(json!({"metadata": {"finalizers": ["example.com/theirs"]}}));
    let pod = pods.patch(&name, &PatchParams::default(), &theirs).await.expect("an operator may");
    assert_eq!(pod.metadata.finalizers.map(|finalizers| finalizers.len()), Some(2));
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    let pod = pods.get(&name).await.expect("it waits for somebody");
    assert!(pod.metadata.deletion_timestamp.is_some());
    assert_eq!(pod.metadata.finalizers.as_deref(), Some(&["example.com/theirs".to_owned()][..]));
    assert_eq!(cluster.tasks().observe_task(&spec.task).await.expect("it can be asked"), None);
    cluster.tasks().forget_task(&spec.task).await.expect("it is forgotten");
    let done = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    pods.patch(&name, &PatchParams::default(), &done).await.expect("an operator may");
    assert_eq!(pods.get_opt(&name).await.expect("it can be asked"), None);
}

#[tokio::test]
async fn pods_of_tasks_that_are_all_stopped_stay_for_the_next_control_plane_and_hold_nothing_up() {
    let Some(cluster) = cluster("pods_of_tasks_that_are_all_stopped_stay_for_the_next_control_plane_and_hold_nothing_up").await
    else {
        return;
    };
    let ended = task([running("app", "exit 3")]);
    let spec = task([running("app", "trap 'exit 4' TERM; sleep 600 & wait")]);
    cluster.ensure(&ended).await;
    cluster.until_stopped(&ended).await;
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    cluster.tasks().stop_all(EndedPods::Stay).await.expect("all can be stopped");
    let pods = cluster.pods().await.list(&ListParams::default()).await.expect("pods can be listed").items;
    let held: Vec<_> = pods.iter().map(|pod| pod.metadata.finalizers.clone().unwrap_or_default()).collect();
    assert_eq!(held, [[""; 0], [""; 0]]);
    let cluster = cluster.restart(Duration::ZERO).await;
    for (spec, code) in [(&ended, 3), (&spec, 4)] {
        assert_eq!(end_of(&cluster.until_stopped(spec).await, "app").0, Some(code));
    }
    cluster.clean_up(&ended).await;
    cluster.clean_up(&spec).await;
}

#[tokio::test]
async fn nothing_is_left_of_tasks_that_are_all_stopped_for_good() {
    let Some(cluster) = cluster("nothing_is_left_of_tasks_that_are_all_stopped_for_good").await else { return };
    let (ended, spec) = (task([running("app", "exit 0")]), task([with_password("app", "sleep 600 & wait", "hush")]));
    cluster.ensure(&ended).await;
    cluster.until_stopped(&ended).await;
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    let (refused, _) = cluster.refuse_pods(|| task([with_password("app", "exit 0", "hush")])).await;
    assert_eq!(cluster.secrets(refused.task.id).await.len(), 1);
    cluster.tasks().stop_all(EndedPods::Go).await.expect("all can be stopped");
    assert_eq!(cluster.pods().await.list(&ListParams::default()).await.expect("pods can be listed").items, []);
    for task in [spec.task.id, refused.task.id] {
        assert_eq!(cluster.secrets(task).await, []);
    }
}

#[tokio::test]
async fn a_namespace_can_be_deleted_with_its_tasks_and_comes_again_with_the_next() {
    let Some(cluster) = cluster("a_namespace_can_be_deleted_with_its_tasks_and_comes_again_with_the_next").await else { return };
    // With all that is made in a namespace before a pod.
    let with_all = |line: &str| TaskSpec {
        role: Some("arn:aws:iam::000000000000:role/Reader".into()),
        ..task([with_password("app", line, "hush")])
    };
    let spec = with_all("sleep 600 & wait");
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    let (name, namespaces) = (cluster.namespace().await, Api::<Namespace>::all(OnCluster::client().await));
    let uid = namespaces.get(&name).await.expect("it is there").metadata.uid.expect("it has one");
    namespaces.delete(&name, &DeleteParams::default()).await.expect("an operator may");
    let next = with_all("exit 0");
    let refusal = cluster.tasks().ensure_task(&next).await.expect_err("nothing is made in what goes");
    assert_eq!(refusal.kind(), ErrorKind::Unavailable, "{refusal:?}");
    let seen = cluster.until_stopped(&spec).await;
    assert_eq!(seen.cause, Some(StopCause::Lost { reason: "its pod was deleted".to_owned() }));
    // Nobody forgets the task, and yet the namespace goes.
    let gone = kube::runtime::wait::await_condition(namespaces, &name, kube::runtime::wait::conditions::is_deleted(&uid));
    tokio::time::timeout(Duration::from_mins(3), gone).await.expect("it goes").expect("it can be watched");
    assert_eq!(cluster.tasks().observe_task(&spec.task).await.expect("it can be asked"), Some(seen));
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");

    cluster.ensure(&next).await;
    assert_eq!(cluster.until_stopped(&next).await.cause, Some(StopCause::EssentialContainerExited));
    assert_eq!(cluster.secrets(next.task.id).await.len(), 1);
    cluster.clean_up(&next).await;
}
