//! Statuses as kubelets of Kubernetes 1.36 write them.

use kecs_core::task_spec::Condition;
use kecs_core::testing::{container, spec};
use serde_json::{Value, json};

use super::*;
use crate::config::KubernetesConfig;
use crate::pod::{Abilities, manifest};

fn at(text: &str) -> Timestamp {
    let time: k8s_openapi::jiff::Timestamp = text.parse().expect("it is a time");
    Timestamp::from_millis(time.as_millisecond())
}

/// A pod of two containers, `app` and `db`, the first of which depends on the second, with this status and these metadata.
fn pod(status: Value, metadata: &Value) -> (Pod, TaskPlan) {
    let task = spec([container("app").depends_on("db", Condition::Start), container("db")]);
    let made =
        manifest(&task, &KubernetesConfig::default(), Abilities::of(36), None, None, &mut |_| None).expect("the task can run");
    let mut pod = serde_json::to_value(&made.pod).expect("a pod has a JSON form");
    pod["status"] = status;
    pod["spec"]["nodeName"] = json!("node-1");
    pod["metadata"]["creationTimestamp"] = json!("2026-11-26T01:19:50Z");
    for (key, value) in metadata.as_object().into_iter().flatten() {
        pod["metadata"][key] = value.clone();
    }
    let pod: Pod = serde_json::from_value(pod).expect("a pod");
    let plan = pod.metadata.annotations.as_ref().map(|annotations| &annotations[crate::names::PLAN_ANNOTATION]);
    let plan = serde_json::from_str(plan.expect("it has a plan")).expect("it can be read");
    (pod, plan)
}

fn facts_of(status: Value, metadata: &Value) -> Facts {
    let (pod, plan) = pod(status, metadata);
    facts(&pod, &plan, at("2026-11-26T01:20:30Z"))
}

/// What is made of the state of `db`.
fn run_of(state: &Value) -> Run {
    let id = "containerd://064db8e80bd3fd28";
    let status = json!({"containerStatuses": [
        {"name": "db", "state": state, "lastState": {}, "ready": false, "restartCount": 0, "image": "", "imageID": "", "containerID": id},
    ]});
    facts_of(status, &json!({})).containers[1].run.clone()
}

fn ended(code: Option<i32>, reason: Option<&str>) -> Run {
    let (started, finished) = (Some(at("2026-11-26T01:19:51Z")), Some(at("2026-11-26T01:19:56Z")));
    Run::Ended(End { code, reason: reason.map(str::to_owned), started, finished })
}

fn terminated(code: i32, reason: &str, message: &str) -> Value {
    json!({"terminated": {
        "exitCode": code, "reason": reason, "message": message, "startedAt": "2026-11-26T01:19:51Z", "finishedAt": "2026-11-26T01:19:56Z",
        "containerID": "containerd://064db8e80bd3fd28",
    }})
}

#[test]
fn a_container_runs_since_its_start() {
    let since = at("2026-11-26T01:19:51Z");
    assert_eq!(run_of(&json!({"running": {"startedAt": "2026-11-26T01:19:51Z"}})), Run::Running { since });
}

#[test]
fn an_exit_code_is_the_kubelets() {
    assert_eq!(run_of(&terminated(0, "Completed", "")), ended(Some(0), None));
    assert_eq!(run_of(&terminated(5, "Error", "")), ended(Some(5), None));
}

#[test]
fn out_of_memory_has_ecs_words() {
    assert_eq!(
        run_of(&terminated(137, "OOMKilled", "")),
        ended(Some(137), Some("OutOfMemoryError: Container killed due to memory usage"))
    );
}

#[test]
fn an_exit_code_that_the_kubelet_made_up_is_none() {
    let message = "The container could not be located when the pod was terminated";
    assert_eq!(run_of(&terminated(137, "ContainerStatusUnknown", message)), ended(None, Some(message)));
}

#[test]
fn a_program_that_is_not_there_did_not_start() {
    let message = "failed to create containerd task: exec: \"/no\": stat /no: no such file or directory";
    let state =
        json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": message, "startedAt": "1970-01-01T00:00:00Z"}});
    assert_eq!(run_of(&state), Run::Failed { reason: format!("CannotStartContainerError: {message}") });
}

#[test]
fn an_image_is_tried_again_unless_its_registry_has_answered() {
    let waiting = |reason: &str, message: &str| run_of(&json!({"waiting": {"reason": reason, "message": message}}));
    assert_eq!(waiting("ContainerCreating", ""), Run::Waiting);
    assert_eq!(waiting("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout"), Run::Waiting);
    for (reason, message) in [
        ("ErrImagePull", "failed to resolve reference \"registry.example/none:1\": not found"),
        ("ImagePullBackOff", "Back-off pulling image \"registry.example/none:1\""),
        ("ErrImageNeverPull", "Container image \"none\" is not present with pull policy of Never"),
    ] {
        assert_eq!(waiting(reason, message), Run::Failed { reason: format!("CannotPullContainerError: {message}") });
    }
}

#[test]
fn what_was_said_of_the_image_of_waiting_is_not_the_containers() {
    let message = "Failed to apply default image tag \"KECS:waiting-for-its-dependencies\": couldn't parse image name";
    assert_eq!(run_of(&json!({"waiting": {"reason": "InvalidImageName", "message": message}})), Run::Waiting);
}

#[test]
fn a_container_that_is_to_be_restarted_has_ended_before() {
    let status = json!({"containerStatuses": [{
        "name": "db", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": terminated(5, "Error", ""),
        "ready": false, "restartCount": 1, "image": "", "imageID": "",
    }]});
    let fact = facts_of(status, &json!({})).containers[1].clone();
    assert_eq!((fact.run, fact.restarts), (ended(Some(5), None), 1));
}

#[test]
fn what_a_container_waits_for_is_its_image() {
    let facts = facts_of(json!({}), &json!({}));
    let gates: Vec<Gate> = facts.containers.iter().map(|fact| fact.gate).collect();
    assert_eq!(gates, [Gate::Waiting, Gate::Open]);
}

#[test]
fn a_pod_without_a_node_says_which_resource_it_cannot_have() {
    let unplaced = |message: &str| {
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
        let status = serde_json::from_value(json!({"phase": "Pending", "conditions": [condition]})).expect("a status");
        reasons::unplaced(&status).unwrap_or_default()
    };
    assert_eq!(
        unplaced("0/1 nodes are available: 1 Insufficient cpu."),
        "RESOURCE:CPU: 0/1 nodes are available: 1 Insufficient cpu."
    );
    assert!(unplaced("0/1 nodes are available: 1 Insufficient memory.").starts_with("RESOURCE:MEMORY: "));
    assert!(unplaced("0/1 nodes are available: 1 node(s) didn't have free ports").starts_with("RESOURCE:PORTS: "));
    assert!(unplaced("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.").starts_with("RESOURCE:GPU: "));
    assert!(unplaced("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.").starts_with("ATTRIBUTE: "));
    for volume in [
        "persistentvolumeclaim \"volume-cpu-1\" not found",
        "pod has unbound immediate PersistentVolumeClaims",
        "1 node(s) had volume node affinity conflict",
        "1 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
    ] {
        let told = unplaced(&format!("0/1 nodes are available: {volume}"));
        assert!(told.starts_with("ResourceInitializationError: 0/1 nodes"), "{told}");
    }
}

#[test]
fn an_evicted_pod_is_a_loss_with_its_reason() {
    let status = json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."});
    let facts = facts_of(status, &json!({}));
    assert!(facts.is_over);
    assert_eq!(facts.loss, Some(Loss { at: None, reason: "Evicted: The node was low on resource: memory.".to_owned() }));
}

#[test]
fn when_a_kubelet_tells_of_its_eviction_says_nothing_of_when_that_was() {
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "lastTransitionTime": "2026-11-26T01:19:57Z",
        "message": "The node was low on resource: pids. Threshold quantity: 1G, available: 192393. ",
    });
    let facts = facts_of(json!({"phase": "Failed", "reason": "Evicted", "conditions": [condition]}), &json!({}));
    let text = "TerminationByKubelet: The node was low on resource: pids. Threshold quantity: 1G, available: 192393.";
    assert_eq!(facts.loss, Some(Loss { at: None, reason: text.to_owned() }));
}

#[test]
fn a_pod_that_is_deleted_was_asked_to_go_before_its_grace() {
    let deletion = json!({"deletionTimestamp": "2026-11-26T01:20:30Z", "deletionGracePeriodSeconds": 30});
    let facts = facts_of(json!({"phase": "Running"}), &deletion);
    assert_eq!(facts.loss, Some(Loss { at: Some(at("2026-11-26T01:20:00Z")), reason: "its pod was deleted".to_owned() }));
    assert_eq!((facts.is_deleted, facts.is_over), (true, false));
    assert_eq!(facts.lost_at, Some(at("2026-11-26T01:21:00Z")));
}

#[test]
fn a_pod_whose_node_is_silent_is_given_up() {
    let deletion = json!({"deletionTimestamp": "2026-11-26T01:20:00Z", "deletionGracePeriodSeconds": 30});
    let facts = facts_of(json!({"phase": "Running"}), &deletion);
    assert!(facts.is_over);
    assert_eq!(facts.loss.map(|loss| loss.reason), Some("its node does not answer".to_owned()));
}

#[test]
fn an_image_digest_is_what_follows_the_repository() {
    assert_eq!(pulled::digest("docker.io/library/busybox@sha256:3d5f"), Some("sha256:3d5f".to_owned()));
    assert_eq!(pulled::digest("sha256:3d5f"), Some("sha256:3d5f".to_owned()));
    assert_eq!(pulled::digest(""), None);
}

#[test]
fn a_pod_whose_volumes_are_not_to_be_had_says_so() {
    let condition = json!({"type": "PodReadyToStartContainers", "status": "False"});
    let facts = facts_of(json!({"phase": "Pending", "conditions": [condition]}), &json!({}));
    let text = "ResourceInitializationError: the node did not make its volumes and its network ready in time";
    assert_eq!(facts.unplaced.as_deref(), Some(text));
}
