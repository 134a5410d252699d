//! From a Deployment and its pods to how far they have come.

use std::collections::HashMap;

use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};

use super::manifest::selector;
use crate::names::SETTINGS_LABEL;

/// How far a rollout has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rollout {
    /// This pod is all there is, and ready.
    Done(Life),
    /// Not yet, for this reason if there is one.
    Waiting(Option<String>),
    /// It does not come by itself.
    Failed(String),
}

/// One run of the program: a container of a pod, which a kubelet may start again in the same pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) pod: String,
    pub(super) uid: String,
    pub(super) restarts: i32,
}

/// What is known of one LocalStack.
#[derive(Debug, Default)]
pub(super) struct Seen {
    deployment: Option<Deployment>,
    pods: HashMap<String, Pod>,
    listed: Vec<Pod>,
    /// All pods were listed once.
    pub(super) is_whole: bool,
}

/// Something that a watch tells.
pub(super) enum Told {
    Deployment(Event<Deployment>),
    Pod(Event<Pod>),
    /// The API server does not answer, and is asked again.
    Broken(String),
}

/// Follows the Deployment of this name, and the pods.
pub(super) fn watch(client: &Client, namespace: &str, name: &str) -> BoxStream<'static, Told> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let of_deployment = watcher(deployments, watcher::Config::default().fields(&format!("metadata.name={name}"))).default_backoff();
    let of_deployment = of_deployment.map(|event| event.map_or_else(|error| broken(&error), Told::Deployment));
    futures::stream::select(of_deployment, watch_pods(client, namespace, name)).boxed()
}

/// Follows the pods alone.
pub(super) fn watch_pods(client: &Client, namespace: &str, name: &str) -> BoxStream<'static, Told> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let selection: Vec<String> = selector(name).into_iter().map(|(label, value)| format!("{label}={value}")).collect();
    let events = watcher(pods, watcher::Config::default().labels(&selection.join(","))).default_backoff();
    events.map(|event| event.map_or_else(|error| broken(&error), Told::Pod)).boxed()
}

fn broken(error: &watcher::Error) -> Told {
    tracing::debug!(error = crate::error::words(error), "watch of a LocalStack broke");
    Told::Broken("the Kubernetes API does not answer".to_owned())
}

impl Seen {
    pub(super) fn take(&mut self, told: Told) {
        match told {
            Told::Deployment(Event::Apply(deployment) | Event::InitApply(deployment)) => self.deployment = Some(deployment),
            Told::Deployment(Event::Delete(_)) => self.deployment = None,
            Told::Pod(Event::Init) => self.listed.clear(),
            Told::Pod(Event::InitApply(pod)) => self.listed.push(pod),
            Told::Pod(Event::InitDone) => {
                self.pods = self.listed.drain(..).map(|pod| (uid(&pod), pod)).collect();
                self.is_whole = true;
            }
            Told::Pod(Event::Apply(pod)) => {
                self.pods.insert(uid(&pod), pod);
            }
            Told::Pod(Event::Delete(pod)) => {
                self.pods.remove(&uid(&pod));
            }
            Told::Deployment(Event::Init | Event::InitDone) | Told::Broken(_) => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// The newest pod that is not on its way out.
    pub(super) fn newest(&self) -> Option<&Pod> {
        let living = self.pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        living.max_by_key(|pod| pod.metadata.creation_timestamp.clone())
    }

    /// How far what was applied as this Deployment has come.
    pub(super) fn rollout(&self, applied: &Deployment) -> Rollout {
        let Some(deployment) = &self.deployment else { return Rollout::Waiting(None) };
        let generation = applied.metadata.generation;
        let status = deployment.status.clone().unwrap_or_default();
        if deployment.metadata.generation < generation || status.observed_generation < generation {
            return Rollout::Waiting(None);
        }
        let settings = settings_of(applied);
        let own = self.pods.values().filter(|pod| {
            let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(SETTINGS_LABEL));
            pod.metadata.deletion_timestamp.is_none() && label.map(String::as_str) == settings
        });
        let own: Vec<&Pod> = own.collect();
        let is_complete = status.replicas == Some(1) && status.updated_replicas == Some(1) && status.available_replicas == Some(1);
        if let Some(life) = own.iter().find_map(|pod| is_ready(pod).then(|| life(pod))).filter(|_| is_complete) {
            return Rollout::Done(life);
        }
        let reasons: Vec<Rollout> = own.iter().filter_map(|pod| trouble(pod)).collect();
        if let Some(failed) = reasons.iter().find(|reason| matches!(reason, Rollout::Failed(_))) {
            return failed.clone();
        }
        let reason = match reasons.into_iter().next() {
            Some(Rollout::Waiting(reason)) => reason,
            _ => None,
        };
        let conditions = status.conditions.unwrap_or_default();
        let condition = |of: &str, is: &str| conditions.iter().find(|condition| condition.type_ == of && condition.status == is);
        if let Some(late) =
            condition("Progressing", "False").filter(|late| late.reason.as_deref() == Some("ProgressDeadlineExceeded"))
        {
            return Rollout::Failed(reason.unwrap_or_else(|| text(late)));
        }
        // A quota, or a policy that refuses the pod.
        Rollout::Waiting(reason.or_else(|| condition("ReplicaFailure", "True").map(text)))
    }

    /// How a life ended, if it has.
    pub(super) fn end(&self, life: &Life) -> Option<String> {
        let Some(pod) = self.pods.get(&life.uid) else { return Some("its pod is gone".to_owned()) };
        if pod.metadata.deletion_timestamp.is_some() {
            return Some("its pod was deleted".to_owned());
        }
        let status = container(pod);
        if let Some(ended) = status.and_then(|status| status.state.as_ref()?.terminated.as_ref()) {
            return Some(how(ended));
        }
        let again = status.filter(|status| status.restart_count != life.restarts)?;
        let before = again.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        Some(before.map_or_else(|| "it was started again".to_owned(), how))
    }
}

fn settings_of(deployment: &Deployment) -> Option<&str> {
    let labels = deployment.spec.as_ref()?.template.metadata.as_ref()?.labels.as_ref()?;
    labels.get(SETTINGS_LABEL).map(String::as_str)
}

/// The run that a pod is at.
pub(super) fn life(pod: &Pod) -> Life {
    let restarts = container(pod).map_or(0, |status| status.restart_count);
    Life { pod: pod.metadata.name.clone().unwrap_or_default(), uid: uid(pod), restarts }
}

/// Whether its program runs, or ran.
pub(super) fn has_begun(pod: &Pod) -> bool {
    let state = container(pod).and_then(|status| status.state.as_ref());
    state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

fn uid(pod: &Pod) -> String {
    pod.metadata.uid.clone().unwrap_or_default()
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"))
}

fn text(condition: &DeploymentCondition) -> String {
    condition.message.clone().or_else(|| condition.reason.clone()).unwrap_or_default()
}

/// Why a pod is not ready, where its kubelet or the scheduler says so.
fn trouble(pod: &Pod) -> Option<Rollout> {
    let status = pod.status.as_ref()?;
    if status.phase.as_deref() == Some("Failed") {
        let reason = status.message.clone().or_else(|| status.reason.clone());
        return Some(Rollout::Waiting(Some(
            reason.map_or_else(|| "its pod failed".to_owned(), |reason| format!("its pod failed: {reason}")),
        )));
    }
    if let Some(container) = container(pod) {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        let because = |what: &str| format!("{what}: {}", message.lines().next().unwrap_or_default());
        let image = format!("its image {} cannot be pulled", image(pod).unwrap_or_default());
        return Some(match waiting.reason.as_deref()? {
            // The first failure may be the registry's bad moment; the kubelet tries again by itself.
            "ErrImagePull" => Rollout::Waiting(Some(because(&image))),
            "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "ImageInspectError" => Rollout::Failed(because(&image)),
            "CreateContainerConfigError" | "CreateContainerError" => Rollout::Failed(because("its container cannot be created")),
            "RunContainerError" => Rollout::Failed(because("its container cannot be started")),
            "CrashLoopBackOff" => {
                let ended = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
                Rollout::Failed(format!(
                    "it ends again and again; last, {}",
                    ended.map_or_else(|| "nobody knows how".to_owned(), how)
                ))
            }
            _ => return None,
        });
    }
    let conditions = status.conditions.as_ref()?;
    let unplaced = conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    let message = unplaced.message.as_deref().or(unplaced.reason.as_deref()).unwrap_or_default();
    Some(Rollout::Waiting(Some(format!("no node takes it: {message}"))))
}

fn image(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.containers.first()?.image.as_deref()
}

fn how(ended: &ContainerStateTerminated) -> String {
    match ended.reason.as_deref() {
        Some("OOMKilled") => "it was killed for its memory".to_owned(),
        _ => match ended.signal {
            Some(signal) if signal != 0 => format!("it was ended by signal {signal}"),
            _ => format!("it exited with code {}", ended.exit_code),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment(generation: i64, observed: i64, status: Value) -> Deployment {
        let mut whole = json!({
            "metadata": {"name": "localstack", "generation": generation},
            "spec": {"selector": {}, "template": {"metadata": {"labels": {"kecs.io/settings": "new"}}}},
        });
        whole["status"] = status;
        whole["status"]["observedGeneration"] = json!(observed);
        serde_json::from_value(whole).unwrap()
    }

    fn pod(settings: &str, status: Value) -> Pod {
        let metadata = json!({"name": "localstack-1", "uid": "u1", "labels": {"kecs.io/settings": settings}});
        let spec = json!({"containers": [{"name": "localstack", "image": "localstack/localstack:4.14.0"}]});
        let mut whole = json!({"metadata": metadata, "spec": spec});
        whole["status"] = status;
        serde_json::from_value(whole).unwrap()
    }

    fn seen(deployment: Deployment, pods: impl IntoIterator<Item = Pod>) -> Seen {
        let mut seen = Seen::default();
        seen.take(Told::Deployment(Event::Apply(deployment)));
        for pod in pods {
            seen.take(Told::Pod(Event::Apply(pod)));
        }
        seen
    }

    fn complete() -> Value {
        json!({"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1})
    }

    fn ready(restarts: i32) -> Value {
        json!({
            "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": "localstack", "image": "", "imageID": "", "ready": true, "restartCount": restarts,
                "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 3}},
            }],
        })
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"phase": "Pending", "containerStatuses": [{
            "name": "localstack", "image": "", "imageID": "", "ready": false, "restartCount": 2,
            "state": {"waiting": {"reason": reason, "message": message}}, "lastState": {"terminated": {"exitCode": 3}},
        }]})
    }

    #[test]
    fn it_is_done_when_the_pod_of_these_settings_is_all_there_is_and_ready() {
        let applied = deployment(2, 2, complete());
        let life = Life { pod: "localstack-1".to_owned(), uid: "u1".to_owned(), restarts: 0 };
        assert_eq!(seen(applied.clone(), [pod("new", ready(0))]).rollout(&applied), Rollout::Done(life));
        let unavailable = json!({"replicas": 1, "updatedReplicas": 1});
        for (generation, observed, status, settings) in
            [(1, 1, complete(), "new"), (2, 1, complete(), "new"), (2, 2, unavailable, "new"), (2, 2, complete(), "old")]
        {
            let seen = seen(deployment(generation, observed, status), [pod(settings, ready(0))]);
            assert_eq!(seen.rollout(&applied), Rollout::Waiting(None));
        }
    }

    #[test]
    fn what_does_not_come_by_itself_has_failed_with_its_reason() {
        let applied = deployment(1, 1, json!({"replicas": 1}));
        let of = |reason, message| seen(applied.clone(), [pod("new", waiting(reason, message))]).rollout(&applied);
        let image = "its image localstack/localstack:4.14.0 cannot be pulled";
        assert_eq!(of("ImagePullBackOff", "Back-off: not found"), Rollout::Failed(format!("{image}: Back-off: not found")));
        assert_eq!(of("ErrImagePull", "timeout"), Rollout::Waiting(Some(format!("{image}: timeout"))));
        let crash = "it ends again and again; last, it exited with code 3";
        assert_eq!(of("CrashLoopBackOff", "back-off 10s"), Rollout::Failed(crash.to_owned()));
        assert_eq!(of("ContainerCreating", ""), Rollout::Waiting(None));
    }

    #[test]
    fn a_node_may_come_until_the_deadline_is_over() {
        let unplaced = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}
        ]});
        let reason = "no node takes it: 0/1 nodes are available".to_owned();
        let early = deployment(1, 1, json!({"replicas": 1}));
        assert_eq!(seen(early.clone(), [pod("new", unplaced.clone())]).rollout(&early), Rollout::Waiting(Some(reason.clone())));
        let condition = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"});
        let late = deployment(1, 1, json!({"replicas": 1, "conditions": [condition]}));
        assert_eq!(seen(late.clone(), [pod("new", unplaced)]).rollout(&late), Rollout::Failed(reason));
    }

    #[test]
    fn what_refuses_the_pod_is_told() {
        let condition = json!({"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: few"});
        let refused = deployment(1, 1, json!({"conditions": [condition]}));
        assert_eq!(seen(refused.clone(), []).rollout(&refused), Rollout::Waiting(Some("exceeded quota: few".to_owned())));
    }

    #[test]
    fn a_life_ends_with_its_program_also_where_the_kubelet_starts_it_again() {
        let life = Life { pod: "localstack-1".to_owned(), uid: "u1".to_owned(), restarts: 0 };
        let of = |restarts| seen(deployment(1, 1, complete()), [pod("new", ready(restarts))]).end(&life);
        assert_eq!(of(0), None);
        assert_eq!(of(1).as_deref(), Some("it exited with code 3"));
        assert_eq!(seen(deployment(1, 1, complete()), []).end(&life).as_deref(), Some("its pod is gone"));
    }
}
