//! From a pod to what its kubelet and the API server say of it, in our words.

mod pulled;
mod reasons;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};
use kecs_core::{ContainerObservation, ContainerState, NetworkBinding, TaskObservation, TaskPhase};
use kecs_model::Timestamp;

use crate::life::Judgement;
use crate::names::{STOPPED_IMAGE, WAITING_IMAGE};
use crate::plan::{BindingPlan, ContainerPlan, TaskPlan};
use crate::time::{after, stamp};

/// How long after the time that its end was granted a pod's node may be silent before the pod is lost.
const SILENCE: Duration = Duration::from_secs(30);

/// What is so of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// In the order of the plan.
    pub(crate) containers: Vec<ContainerFact>,
    pub(crate) created: Option<Timestamp>,
    /// It has a node.
    pub(crate) is_placed: bool,
    /// Why it has none, or cannot begin there.
    pub(crate) unplaced: Option<String>,
    /// Its kubelet knows of it.
    pub(crate) has_begun: bool,
    /// Its containers were told to end.
    pub(crate) is_finishing: bool,
    pub(crate) is_deleted: bool,
    /// Nothing of it runs or will.
    pub(crate) is_over: bool,
    /// When it is given up for lost.
    pub(crate) lost_at: Option<Timestamp>,
    /// Somebody or something takes it away.
    pub(crate) loss: Option<Loss>,
    /// What its kubelet says of its end.
    pub(crate) end: Option<String>,
    /// Its log router has all that it gets, as far as this process knows.
    pub(crate) is_routed: bool,
}

/// That a pod is taken away.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loss {
    pub(crate) at: Option<Timestamp>,
    pub(crate) reason: String,
}

/// What is so of a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContainerFact {
    pub(crate) gate: Gate,
    pub(crate) run: Run,
    /// How the run before the present one ended.
    pub(crate) run_before: Option<End>,
    pub(crate) is_ready: bool,
    pub(crate) restarts: u32,
    pub(crate) runtime_id: Option<String>,
}

/// Whether a kubelet may start a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Waiting,
    Open,
    Closed,
}

/// How far a container is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Run {
    Waiting,
    /// With ECS's text.
    Failed {
        reason: String,
    },
    Running {
        since: Timestamp,
    },
    Ended(End),
}

/// How a run of a container ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) reason: Option<String>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) finished: Option<Timestamp>,
}

impl End {
    pub(crate) fn state(&self) -> ContainerState {
        ContainerState::Exited { code: self.code, reason: self.reason.clone() }
    }
}

/// What is so of a pod, as far as it is of interest.
pub(crate) fn facts(pod: &Pod, plan: &TaskPlan, now: Timestamp) -> Facts {
    let none = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&none);
    let metadata = &pod.metadata;
    let deletion = stamp(metadata.deletion_timestamp.as_ref());
    let is_placed = pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref().is_some_and(|node| !node.is_empty()));
    let has_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let lost_at = deletion.filter(|_| is_placed && !has_ended).map(|deletion| after(deletion, SILENCE));
    let is_silent = lost_at.is_some_and(|lost_at| lost_at <= now);
    let grace = metadata.deletion_grace_period_seconds.unwrap_or(0).saturating_mul(1000);
    let requested = deletion.map(|deletion| Timestamp::from_millis(deletion.as_millis().saturating_sub(grace)));
    Facts {
        containers: plan.containers.iter().map(|container| container_fact(pod, status, container)).collect(),
        created: stamp(metadata.creation_timestamp.as_ref()),
        is_placed,
        unplaced: if is_placed { reasons::unready(status) } else { reasons::unplaced(status) },
        has_begun: is_placed && status.start_time.is_some(),
        is_finishing: pod.spec.as_ref().is_some_and(|spec| spec.active_deadline_seconds.is_some()),
        is_deleted: deletion.is_some(),
        is_over: has_ended || (deletion.is_some() && !is_placed) || is_silent,
        lost_at,
        loss: if is_silent {
            Some(Loss { at: requested, reason: "its node does not answer".to_owned() })
        } else {
            reasons::loss(status, requested)
        },
        end: reasons::end(status).filter(|_| has_ended),
        is_routed: false,
    }
}

fn container_fact(pod: &Pod, status: &PodStatus, plan: &ContainerPlan) -> ContainerFact {
    let spec = pod.spec.iter().flat_map(|spec| &spec.containers).find(|container| container.name == plan.part);
    let gate = match spec.and_then(|container| container.image.as_deref()) {
        Some(WAITING_IMAGE) => Gate::Waiting,
        Some(STOPPED_IMAGE) => Gate::Closed,
        _ => Gate::Open,
    };
    let Some(status) = status.container_statuses.iter().flatten().find(|status| status.name == plan.part) else {
        return ContainerFact { gate, run: Run::Waiting, run_before: None, is_ready: false, restarts: 0, runtime_id: None };
    };
    let run_before = status.last_state.as_ref().and_then(|state| state.terminated.as_ref()).map(end);
    ContainerFact {
        gate,
        run: run(status, gate, run_before.as_ref()),
        run_before,
        is_ready: status.ready,
        restarts: u32::try_from(status.restart_count).unwrap_or(0),
        runtime_id: status
            .container_id
            .as_deref()
            .filter(|id| !id.is_empty())
            .map(|id| id.rsplit('/').next().unwrap_or(id).to_owned()),
    }
}

fn run(status: &ContainerStatus, gate: Gate, before: Option<&End>) -> Run {
    let Some(state) = &status.state else { return Run::Waiting };
    if let Some(running) = &state.running {
        return Run::Running { since: stamp(running.started_at.as_ref()).unwrap_or(Timestamp::from_millis(0)) };
    }
    if let Some(terminated) = &state.terminated {
        return match (terminated.reason.as_deref(), before) {
            // The kubelet's word for one of which it knows nothing, with an exit code that it made up.
            (Some("ContainerStatusUnknown"), Some(before)) => Run::Ended(before.clone()),
            (Some("ContainerStatusUnknown"), None) if status.container_id.as_deref().is_none_or(str::is_empty) => Run::Waiting,
            (Some("StartError" | "ContainerCannotRun"), _) => {
                Run::Failed { reason: reasons::cannot_start(terminated.message.as_deref()) }
            }
            _ => Run::Ended(end(terminated)),
        };
    }
    match (before, &state.waiting) {
        (Some(before), _) => Run::Ended(before.clone()),
        (None, Some(waiting)) if gate == Gate::Open => match reasons::failed(waiting) {
            Some(reason) => Run::Failed { reason },
            None => Run::Waiting,
        },
        _ => Run::Waiting,
    }
}

fn end(terminated: &ContainerStateTerminated) -> End {
    let is_known = terminated.reason.as_deref() != Some("ContainerStatusUnknown");
    End {
        code: is_known.then_some(terminated.exit_code),
        reason: reasons::ended(terminated),
        started: stamp(terminated.started_at.as_ref()),
        finished: stamp(terminated.finished_at.as_ref()),
    }
}

/// The task as core is told of it.
pub(crate) fn observation(pod: &Pod, plan: &TaskPlan, facts: &Facts, judgement: &Judgement) -> TaskObservation {
    let runs = || facts.containers.iter().map(|fact| &fact.run);
    let begun_at = |run: &Run| match run {
        Run::Running { since } => Some(*since),
        Run::Ended(end) => end.started,
        Run::Waiting | Run::Failed { .. } => None,
    };
    let ended_at = |run: &Run| if let Run::Ended(end) = run { end.finished } else { None };
    let status = pod.status.as_ref();
    let all_begun = runs().all(|run| begun_at(run).is_some());
    let started_at = all_begun.then(|| runs().filter_map(begun_at).max()).flatten();
    TaskObservation {
        task: plan.task.clone(),
        phase: judgement.phase,
        cause: judgement.cause.clone(),
        containers: (0..plan.containers.len()).map(|index| container(index, status, plan, facts, judgement)).collect(),
        addresses: if plan.own_address { addresses(status) } else { Vec::new() },
        // The kubelet tells when it took the pod, which is before it pulls, and nothing of the end of pulling but the start that follows.
        pull_started_at: stamp(status.and_then(|status| status.start_time.as_ref())),
        pull_stopped_at: started_at,
        started_at,
        stopped_at: (judgement.phase == TaskPhase::Stopped).then(|| runs().filter_map(ended_at).max()).flatten(),
    }
}

fn container(
    index: usize,
    status: Option<&PodStatus>,
    plan: &TaskPlan,
    facts: &Facts,
    judgement: &Judgement,
) -> ContainerObservation {
    let (container, fact) = (&plan.containers[index], &facts.containers[index]);
    let status = status.and_then(|status| status.container_statuses.iter().flatten().find(|status| status.name == container.part));
    let has_run = matches!(fact.run, Run::Running { .. } | Run::Ended(_));
    ContainerObservation {
        name: container.name.clone(),
        state: judgement.containers[index].clone(),
        health: judgement.health[index],
        runtime_id: fact.runtime_id.clone(),
        image_digest: status.and_then(|status| pulled::digest(&status.image_id)),
        network_bindings: if has_run { container.bindings.iter().map(binding).collect() } else { Vec::new() },
        restarts: fact.restarts,
    }
}

fn binding(BindingPlan { container_port, host_port, protocol }: &BindingPlan) -> NetworkBinding {
    NetworkBinding {
        bind_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        container_port: *container_port,
        host_port: *host_port,
        protocol: *protocol,
    }
}

fn addresses(status: Option<&PodStatus>) -> Vec<IpAddr> {
    let Some(status) = status else { return Vec::new() };
    let all = status.pod_ips.iter().flatten().map(|address| address.ip.as_str());
    all.filter_map(|address| address.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
