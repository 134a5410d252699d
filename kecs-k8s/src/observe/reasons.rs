//! Kubelets' reasons in ECS's words ("Amazon ECS stopped task error messages").

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStateWaiting, PodCondition, PodStatus};
use kecs_model::Timestamp;

use super::Loss;
use crate::names::{STOPPED_IMAGE, WAITING_IMAGE};
use crate::time::stamp;

/// ECS's own text.
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

/// The reason of a container that ended; `None` where its exit code says it all.
pub(super) fn ended(terminated: &ContainerStateTerminated) -> Option<String> {
    match terminated.reason.as_deref() {
        Some("OOMKilled") => Some(OUT_OF_MEMORY.to_owned()),
        Some("ContainerStatusUnknown") => terminated.message.clone(),
        _ => None,
    }
}

/// Why a container cannot be started by its runtime.
pub(super) fn cannot_start(message: Option<&str>) -> String {
    format!("CannotStartContainerError: {}", message.unwrap_or("the container runtime gives no reason"))
}

/// Why a container that waits will not start; `None` while it may.
pub(super) fn failed(waiting: &ContainerStateWaiting) -> Option<String> {
    let message = waiting.message.as_deref().unwrap_or_default();
    let reason = waiting.reason.as_deref()?;
    let error = match reason {
        // What was said of the image that stood here before the real one.
        "InvalidImageName" if [WAITING_IMAGE, STOPPED_IMAGE].iter().any(|image| message.contains(image)) => return None,
        // The first failure may be the registry's bad moment. The kubelet tries again, and backs off when that has failed, too.
        "ErrImagePull" if !is_hopeless(message) => return None,
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "ImageInspectError" => {
            "CannotPullContainerError"
        }
        "CreateContainerError" if is_passing(message) => return None,
        "CreateContainerConfigError" | "CreateContainerError" => "CannotCreateContainerError",
        "RunContainerError" | "PostStartHookError" => "CannotStartContainerError",
        _ => return None,
    };
    Some(format!("{error}: {}", if message.is_empty() { reason } else { message }))
}

/// A registry that has answered, and will not answer otherwise.
fn is_hopeless(message: &str) -> bool {
    ["not found", "denied", "unauthorized", "authorization failed", "forbidden", "manifest unknown"]
        .iter()
        .any(|word| message.to_ascii_lowercase().contains(word))
}

/// A runtime that was slow, and was asked again meanwhile.
fn is_passing(message: &str) -> bool {
    message.contains("deadline exceeded") || message.contains("is reserved for")
}

/// Why a pod has no node, with the resource that is short in ECS's form.
pub(super) fn unplaced(status: &PodStatus) -> Option<String> {
    let condition = condition(status, "PodScheduled").filter(|condition| condition.status == "False")?;
    let message = condition.message.as_deref().unwrap_or_default();
    Some(with_resource(message, message))
}

/// Why a pod that has a node cannot begin there: its volumes or its network are not to be had.
pub(super) fn unready(status: &PodStatus) -> Option<String> {
    let condition = condition(status, "PodReadyToStartContainers").filter(|condition| condition.status == "False")?;
    let has_states = status
        .container_statuses
        .iter()
        .flatten()
        .any(|status| status.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some()));
    let message = condition.message.as_deref().unwrap_or("the node did not make its volumes and its network ready in time");
    (!has_states).then(|| format!("ResourceInitializationError: {message}"))
}

/// ECS names the resource that no instance has enough of ("API failure reasons": `RESOURCE:MEMORY`, `RESOURCE:CPU`, …), and tells of one that cannot be
/// made for the task ("Stopped tasks error codes": `ResourceInitializationError`).
fn with_resource(found: &str, message: &str) -> String {
    // A claim may be called anything.
    let lower = found.split('"').step_by(2).collect::<String>().to_ascii_lowercase();
    let resource = match () {
        () if lower.contains("memory") => "RESOURCE:MEMORY",
        () if lower.contains("cpu") => "RESOURCE:CPU",
        () if lower.contains("free ports") => "RESOURCE:PORTS",
        () if lower.contains("gpu") => "RESOURCE:GPU",
        () if lower.contains("volume") || lower.contains("pvc") => "ResourceInitializationError",
        () if lower.contains("node selector") || lower.contains("affinity") => "ATTRIBUTE",
        () => "RESOURCE",
    };
    if message.is_empty() { resource.to_owned() } else { format!("{resource}: {message}") }
}

/// What a kubelet says of the end of a whole pod.
pub(super) fn end(status: &PodStatus) -> Option<String> {
    let reason = status.reason.as_deref()?;
    let message = status.message.as_deref().unwrap_or_default();
    if reason.starts_with("OutOf") {
        return Some(with_resource(reason, message));
    }
    Some(with_message(reason, message))
}

/// Kubelets' messages may end with a space.
fn with_message(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason}: {}", message.trim_end()) }
}

/// That a pod is taken away: by a person, for its node's sake, or with its node.
pub(super) fn loss(status: &PodStatus, deleted: Option<Timestamp>) -> Option<Loss> {
    if let Some(disruption) = condition(status, "DisruptionTarget").filter(|condition| condition.status == "True") {
        let (reason, message) =
            (disruption.reason.as_deref().unwrap_or("evicted"), disruption.message.as_deref().unwrap_or_default());
        // A kubelet says so only after it has ended the containers.
        let at = if reason == "TerminationByKubelet" { None } else { stamp(disruption.last_transition_time.as_ref()) };
        return Some(Loss { at, reason: with_message(reason, message) });
    }
    if matches!(status.reason.as_deref(), Some("Evicted" | "Preempting" | "NodeShutdown" | "Shutdown" | "Terminated" | "NodeLost"))
    {
        return end(status).map(|reason| Loss { at: None, reason });
    }
    deleted.map(|at| Loss { at: Some(at), reason: "its pod was deleted".to_owned() })
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<&'a PodCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == kind)
}
