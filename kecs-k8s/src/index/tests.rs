use std::collections::HashSet;
use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use kecs_core::testing::{container, spec};
use kecs_core::{ContainerState, StopCause, TaskSpec};
use serde_json::{Value, json};

use super::*;
use crate::config::KubernetesConfig;
use crate::pod::{Abilities, manifest};

fn index() -> (Arc<Index>, mpsc::UnboundedReceiver<TaskId>) {
    let (index, dirty) = Index::new(Duration::from_mins(10));
    (Arc::new(index), dirty)
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_656_000_000)
}

/// The task's pod at that version, with this status and these metadata.
fn pod(task: &TaskSpec, version: u64, status: Value, metadata: &Value) -> Pod {
    let made =
        manifest(task, &KubernetesConfig::default(), Abilities::of(36), None, None, &mut |_| None).expect("the task can run");
    let mut pod = serde_json::to_value(&made.pod).expect("a pod has a JSON form");
    pod["status"] = status;
    pod["spec"]["nodeName"] = json!("node-1");
    pod["metadata"]["resourceVersion"] = json!(version.to_string());
    for (key, value) in metadata.as_object().into_iter().flatten() {
        pod["metadata"][key] = value.clone();
    }
    serde_json::from_value(pod).expect("a pod")
}

fn pending(task: &TaskSpec, version: u64) -> Pod {
    pod(task, version, json!({"phase": "Pending", "startTime": "2026-11-26T01:19:50Z"}), &json!({}))
}

fn with_state(task: &TaskSpec, version: u64, phase: &str, state: &Value) -> Pod {
    let app = json!({
        "name": "app", "state": state, "ready": false, "restartCount": 0, "image": "test", "imageID": "", "containerID": "containerd://1",
    });
    pod(task, version, json!({"phase": phase, "startTime": "2026-11-26T01:19:50Z", "containerStatuses": [app]}), &json!({}))
}

fn running(task: &TaskSpec, version: u64) -> Pod {
    with_state(task, version, "Running", &json!({"running": {"startedAt": "2026-11-26T01:19:51Z"}}))
}

fn ended(task: &TaskSpec, version: u64) -> Pod {
    let times = json!({"exitCode": 3, "startedAt": "2026-11-26T01:19:51Z", "finishedAt": "2026-11-26T01:19:52Z"});
    with_state(task, version, "Failed", &json!({"terminated": times}))
}

fn task() -> TaskSpec {
    spec([container("app")])
}

fn phase(index: &Index, task: &TaskSpec) -> Option<TaskPhase> {
    index.get(&task.task).map(|seen| seen.phase)
}

#[test]
fn a_task_is_what_its_newest_pod_says() {
    let ((index, _dirty), task) = (index(), task());
    index.apply(running(&task, 7), now());
    index.apply(pending(&task, 5), now());
    assert_eq!(phase(&index, &task), Some(TaskPhase::Running));
    index.apply(ended(&task, 10), now());
    let seen = index.get(&task.task).expect("it is known");
    assert_eq!((seen.phase, &seen.cause), (TaskPhase::Stopped, &Some(StopCause::EssentialContainerExited)));
    assert_eq!(seen.containers[0].state, ContainerState::Exited { code: Some(3), reason: None });
}

#[test]
fn what_is_final_stays_so() {
    let ((index, _dirty), task) = (index(), task());
    index.apply(ended(&task, 10), now());
    let before = index.get(&task.task);
    index.apply(running(&task, 11), now());
    assert_eq!(index.get(&task.task), before);
}

#[test]
fn a_task_of_another_cluster_is_not_known_by_its_id_alone() {
    let ((index, _dirty), task) = (index(), task());
    index.apply(running(&task, 1), now());
    let mut elsewhere = task.task.clone();
    elsewhere.cluster.name = "other".into();
    assert_eq!(index.get(&elsewhere), None);
}

#[test]
fn a_forgotten_task_does_not_come_back() {
    let ((index, _dirty), task) = (index(), task());
    index.apply(ended(&task, 10), now());
    index.forget(&task.task);
    index.apply(ended(&task, 11), now());
    assert_eq!(phase(&index, &task), None);
    // Unless it could not be removed.
    index.recall(ended(&task, 12), now());
    assert_eq!(phase(&index, &task), Some(TaskPhase::Stopped));
}

#[test]
fn a_pod_that_only_has_to_go_is_no_task() {
    let ((index, _dirty), task) = (index(), task());
    let leaving = json!({"deletionTimestamp": "2026-11-26T01:20:00Z", "finalizers": []});
    index.apply(pod(&task, 1, json!({"phase": "Failed"}), &leaving), now());
    assert_eq!(phase(&index, &task), None);
}

#[test]
fn a_new_list_takes_away_what_it_lacks_and_was_known_before() {
    let ((index, _dirty), old, new) = (index(), task(), task());
    index.apply(running(&old, 1), now());
    let known_before = index.ids();
    // Created while the list was read.
    index.apply(pending(&new, 9), now());
    index.listed(Vec::new(), &known_before, now());
    assert_eq!((phase(&index, &old), phase(&index, &new)), (None, Some(TaskPhase::Starting)));
}

#[test]
fn whoever_watches_gets_everything_and_then_every_change() {
    let ((index, _dirty), task) = (index(), task());
    let mut events = index.watch(&task.task.cluster);
    assert!(events.next().now_or_never().is_none(), "nothing is known before the first list");
    index.listed(vec![pending(&task, 1)], &HashSet::new(), now());
    let mut next = || events.next().now_or_never().flatten().and_then(Result::ok);
    assert!(matches!(next(), Some(TaskEvent::Resynced(all)) if all.len() == 1));
    index.apply(running(&task, 2), now());
    index.apply(running(&task, 3), now());
    assert!(matches!(next(), Some(TaskEvent::Observed(seen)) if seen.phase == TaskPhase::Running));
    index.gone(&running(&task, 4));
    assert_eq!(next(), Some(TaskEvent::Gone(task.task.clone())), "what changed nothing is not told");
    assert_eq!(next(), None);
}

#[test]
fn whoever_is_too_slow_gets_everything_anew() {
    let (index, _dirty) = index();
    let first = task();
    let mut events = index.watch(&first.task.cluster);
    index.listed(Vec::new(), &HashSet::new(), now());
    let mut next = || events.next().now_or_never().flatten().and_then(Result::ok);
    assert_eq!(next(), Some(TaskEvent::Resynced(Vec::new())));
    for _ in 0..=BACKLOG {
        index.apply(pending(&task(), 1), now());
    }
    assert!(matches!(next(), Some(TaskEvent::Resynced(all)) if all.len() == BACKLOG + 1));
}

#[test]
fn no_two_tasks_get_the_same_port() {
    let (index, _dirty) = index();
    let (one, two) = (TaskId::random(), TaskId::random());
    let ports: HashSet<u16> = (0..200)
        .map(|turn| index.choose_port(if turn % 2 == 0 { one } else { two }, Protocol::Tcp).expect("one is free"))
        .collect();
    assert_eq!(ports.len(), 200);
    let udp = index.choose_port(one, Protocol::Udp).expect("one is free");
    assert!(ports.contains(&udp), "the protocols have ports of their own");
}

#[test]
fn a_task_that_needs_something_is_named() {
    let ((index, mut dirty), task) = (index(), task());
    index.apply(pending(&task, 1), now());
    assert_eq!(dirty.try_recv().ok(), Some(task.task.id));
}

#[test]
fn a_pod_that_somebody_deletes_is_let_go_once_its_end_was_told() {
    let ((index, _dirty), task) = (index(), task());
    index.apply(ended(&task, 10), now());
    let due = || index.with(task.task.id, |entry| entry.due().1).flatten();
    assert_eq!(due(), None);
    let status = serde_json::to_value(ended(&task, 10).status).expect("it has a JSON form");
    index.apply(pod(&task, 11, status, &json!({"deletionTimestamp": "2026-11-26T01:20:00Z"})), now());
    let deletion: k8s_openapi::jiff::Timestamp = "2026-11-26T01:21:00Z".parse().expect("it is a time");
    assert_eq!(due(), Some(Timestamp::from_millis(deletion.as_millisecond())));
    let before = index.get(&task.task);
    index.gone(&ended(&task, 12));
    assert_eq!(index.get(&task.task), before, "what is known of it is kept until it is forgotten");
}
