//! One task.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kecs_core::task_spec::Protocol;
use kecs_core::{TaskObservation, TaskPhase, TaskRef};
use kecs_model::Timestamp;
use tokio::sync::watch;

use crate::life::{self, Act, Case, Judgement, Memory};
use crate::names::{FINALIZER, PLAN_ANNOTATION, STOP_ANNOTATION};
use crate::observe::{self, Facts};
use crate::plan::{StopOrder, TaskPlan};
use crate::time::{after, stamp};

/// A task and its pod.
#[derive(Debug)]
pub(crate) struct Entry {
    pod: Pod,
    plan: TaskPlan,
    judgement: Judgement,
    memory: Memory,
    /// The log router has all that it gets.
    is_routed: bool,
    seen: watch::Sender<Arc<TaskObservation>>,
}

/// Which task a pod is of; `None` where it is not one of ours.
pub(super) fn task_of(pod: &Pod) -> Option<TaskRef> {
    plan_of(pod).map(|plan| plan.task)
}

fn plan_of(pod: &Pod) -> Option<TaskPlan> {
    serde_json::from_str(annotation(pod, PLAN_ANNOTATION)?).ok()
}

fn annotation<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// That a task ends, as its pod says.
pub(crate) fn stop_of(pod: &Pod) -> Option<StopOrder> {
    serde_json::from_str(annotation(pod, STOP_ANNOTATION)?).ok()
}

pub(super) fn has_finalizer(pod: &Pod, name: &str) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == name)
}

/// Versions are numbers that grow, in every server that there is (and by contract since Kubernetes 1.35).
fn version(pod: &Pod) -> u64 {
    pod.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(u64::MAX)
}

/// Without what nobody here reads, which is a good part of a pod.
fn trimmed(mut pod: Pod) -> Pod {
    pod.metadata.managed_fields = None;
    pod
}

/// How long after its end was told a pod that somebody deletes is kept for the next control plane.
const KEPT: Duration = Duration::from_mins(1);

impl Entry {
    /// `None` where the pod does not say how it is to run.
    pub(super) fn new(_: TaskRef, pod: Pod, timeout: Duration, now: Timestamp) -> Option<Self> {
        let plan = plan_of(&pod)?;
        let facts = observe::facts(&pod, &plan, now);
        let stop = stop_of(&pod);
        let judgement = life::judge(&Case {
            plan: &plan,
            facts: &facts,
            stop: stop.as_ref(),
            before: None,
            provisioning_timeout: timeout,
            now,
        });
        let observation = observe::observation(&pod, &plan, &facts, &judgement);
        let memory = Memory::new(&facts, &judgement);
        let pod = trimmed(pod);
        Some(Self { pod, plan, judgement, memory, is_routed: false, seen: watch::Sender::new(Arc::new(observation)) })
    }

    /// Takes in a newer pod; what is to be told, if anything is.
    pub(super) fn update(&mut self, pod: Pod, timeout: Duration, now: Timestamp) -> Option<Arc<TaskObservation>> {
        if version(&pod) < version(&self.pod) {
            return None;
        }
        self.pod = trimmed(pod);
        self.look(timeout, now)
    }

    /// Looks at the same pod anew.
    pub(super) fn look(&mut self, timeout: Duration, now: Timestamp) -> Option<Arc<TaskObservation>> {
        // What is final stays so.
        if self.observation().phase == TaskPhase::Stopped {
            return None;
        }
        let facts = self.facts(now);
        let stop = stop_of(&self.pod);
        let mut judgement = life::judge(&Case {
            plan: &self.plan,
            facts: &facts,
            stop: stop.as_ref(),
            before: Some(&self.memory),
            provisioning_timeout: timeout,
            now,
        });
        let before = self.observation();
        judgement.phase = judgement.phase.max(before.phase);
        // The first cause is the one that counts.
        judgement.cause = before.cause.clone().or(judgement.cause);
        let mut observation = observe::observation(&self.pod, &self.plan, &facts, &judgement);
        observation.started_at = before.started_at.or(observation.started_at);
        observation.pull_stopped_at = before.pull_stopped_at.or(observation.pull_stopped_at);
        self.memory = Memory::new(&facts, &judgement);
        self.judgement = judgement;
        if observation == *before {
            return None;
        }
        let observation = Arc::new(observation);
        self.seen.send_replace(observation.clone());
        Some(observation)
    }

    /// Looks anew, now that the log router has all that it gets.
    pub(super) fn routed(&mut self, timeout: Duration, now: Timestamp) -> Option<Arc<TaskObservation>> {
        self.is_routed = true;
        self.look(timeout, now)
    }

    fn facts(&self, now: Timestamp) -> Facts {
        Facts { is_routed: self.is_routed, ..observe::facts(&self.pod, &self.plan, now) }
    }

    /// What would be done if the task were to end by this order.
    pub(crate) fn acts_upon(&self, order: &StopOrder, now: Timestamp) -> Vec<Act> {
        let facts = self.facts(now);
        let case = Case {
            plan: &self.plan,
            facts: &facts,
            stop: Some(order),
            before: Some(&self.memory),
            provisioning_timeout: Duration::MAX,
            now,
        };
        life::judge(&case).acts
    }

    pub(crate) fn task(&self) -> &TaskRef {
        &self.plan.task
    }

    pub(crate) fn pod(&self) -> &Pod {
        &self.pod
    }

    pub(crate) fn plan(&self) -> &TaskPlan {
        &self.plan
    }

    pub(crate) fn observation(&self) -> Arc<TaskObservation> {
        self.seen.borrow().clone()
    }

    pub(crate) fn follow(&self) -> watch::Receiver<Arc<TaskObservation>> {
        self.seen.subscribe()
    }

    /// What is to be done, and when to look again.
    pub(crate) fn due(&self) -> (&[Act], Option<Timestamp>) {
        (&self.judgement.acts, self.judgement.look_at.or_else(|| self.release_at()))
    }

    /// When a pod that has ended and is deleted may go. Its end has been told, and whoever deletes it waits for it, or for its namespace.
    pub(crate) fn release_at(&self) -> Option<Timestamp> {
        let deletion = stamp(self.pod.metadata.deletion_timestamp.as_ref())?;
        let is_held = has_finalizer(&self.pod, FINALIZER) && self.is_final();
        is_held.then(|| after(deletion, KEPT))
    }

    pub(super) fn is_final(&self) -> bool {
        self.seen.borrow().phase == TaskPhase::Stopped
    }

    pub(super) fn ports(&self, protocol: Protocol) -> impl Iterator<Item = u16> {
        let bindings = self.plan.containers.iter().flat_map(|container| &container.bindings);
        bindings.filter(move |binding| binding.protocol == protocol).map(|binding| binding.host_port)
    }
}
