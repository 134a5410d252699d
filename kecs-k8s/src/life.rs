//! What ECS's rules make of a pod as it is, and what is to be done about it: a pure function, called anew upon every change.
//!
//! A kubelet starts the containers of a pod all at once and ends them all at once. By what it does with images we order both:
//!
//! - A container that waits for others is created with an [image that cannot be](crate::names::WAITING_IMAGE); once what it waits for is so,
//!   the real one is written, and the kubelet starts it.
//! - A container that is to end before others gets [another such image](crate::names::STOPPED_IMAGE): its kubelet sends SIGTERM, waits, sends
//!   SIGKILL, and cannot start it again.
//! - When only such containers run as may end together, `activeDeadlineSeconds` is written: the kubelet ends them at the same time, and keeps
//!   what it knows of them, logs among it. The pod itself is deleted when the task is forgotten.
//!
//! The rules are those of [`kecs_core::task_run`]. That is a state machine which has to see everything in order; here the present state has
//! to be enough, as nobody saw what happened while no control plane ran.

mod cause;
mod check;
mod needs;
mod stopping;

use std::time::Duration;

use kecs_core::{ContainerState, Health, StopCause, TaskPhase};
use kecs_model::Timestamp;

use crate::observe::{End, Facts, Gate, Run};
use crate::plan::{ContainerPlan, StopOrder, TaskPlan};
use crate::time::{after, between};

pub(crate) use check::check;

/// What is to be done with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Let the container start.
    Open(usize),
    /// Tell the container to end, or keep it from starting.
    Close(usize),
    /// Tell all that run to end.
    Finish,
    /// Take the pod away: it has not begun, or its containers have had their time.
    Delete,
    /// Take the pod away, with all the time that a container has to end: none has begun, as far as is known.
    Withdraw,
}

/// What is so.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub(crate) phase: TaskPhase,
    pub(crate) cause: Option<StopCause>,
    /// In the order of the plan.
    pub(crate) containers: Vec<ContainerState>,
    pub(crate) health: Vec<Health>,
    pub(crate) acts: Vec<Act>,
    /// When to look again although nothing changed.
    pub(crate) look_at: Option<Timestamp>,
}

/// What a later look needs to know of an earlier one.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    states: Vec<ContainerState>,
    health: Vec<Health>,
    runs: Vec<Option<String>>,
}

impl Memory {
    pub(crate) fn new(facts: &Facts, judgement: &Judgement) -> Self {
        Self {
            states: judgement.containers.clone(),
            health: judgement.health.clone(),
            runs: facts.containers.iter().map(|fact| fact.runtime_id.clone()).collect(),
        }
    }
}

/// Everything there is to judge by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) plan: &'a TaskPlan,
    pub(crate) facts: &'a Facts,
    /// That the task ends, where that is on record.
    pub(crate) stop: Option<&'a StopOrder>,
    /// What was known when last looked at.
    pub(crate) before: Option<&'a Memory>,
    pub(crate) provisioning_timeout: Duration,
    pub(crate) now: Timestamp,
}

/// Times at which to look again.
#[derive(Debug, Default)]
struct Alarm(Option<Timestamp>);

impl Alarm {
    fn at(&mut self, time: Timestamp) {
        self.0 = Some(self.0.map_or(time, |earlier| earlier.min(time)));
    }
}

pub(crate) fn judge(case: &Case<'_>) -> Judgement {
    let Case { plan, facts, stop, now, .. } = *case;
    let mut alarm = Alarm::default();
    let health: Vec<Health> = (0..plan.containers.len()).map(|index| health(case, index, &mut alarm)).collect();
    let is_ending = stop.is_some() || facts.is_over;
    let mut states: Vec<ContainerState> = (0..plan.containers.len()).map(|index| state(case, index, is_ending)).collect();
    let mut cause = stop.map(|stop| stop.cause.clone()).or_else(|| cause::cause(case, &states, &mut alarm));
    let mut acts = Vec::new();
    if cause.is_none() {
        acts = needs::Needs { plan, facts, health: &health, now, alarm: &mut alarm }.resolve(&mut states);
        cause = cause::cause(case, &states, &mut alarm);
    }
    acts.extend((0..states.len()).filter(|&index| may_start_again(case, &states, index)).map(Act::Close));
    if cause.is_some() {
        // What waits will not start any more.
        for (state, fact) in states.iter_mut().zip(&facts.containers) {
            if *state == ContainerState::Pending && (facts.is_over || fact.gate != Gate::Open || !facts.has_begun) {
                *state = ContainerState::Exited { code: None, reason: None };
            }
        }
        acts = if facts.is_over { Vec::new() } else { stopping::acts(case, &states, &mut alarm) };
    }
    let has_begun = |state: &ContainerState| *state != ContainerState::Pending;
    let phase = match cause {
        Some(_) if facts.is_over => TaskPhase::Stopped,
        Some(_) => TaskPhase::Stopping,
        None if states.iter().all(has_begun) => TaskPhase::Running,
        None if facts.is_placed => TaskPhase::Starting,
        None => TaskPhase::Provisioning,
    };
    if let Some(lost_at) = facts.lost_at.filter(|_| !facts.is_over) {
        alarm.at(lost_at);
    }
    if facts.is_over {
        alarm = Alarm::default();
        for state in states.iter_mut().filter(|state| matches!(state, ContainerState::Pending | ContainerState::Running)) {
            *state = ContainerState::Exited { code: None, reason: None };
        }
    }
    Judgement { phase, cause, containers: states, health, acts, look_at: alarm.0 }
}

/// How far a container is by itself.
fn state(case: &Case<'_>, index: usize, is_ending: bool) -> ContainerState {
    if let Some(ended @ ContainerState::Exited { .. }) = case.before.and_then(|before| before.states.get(index)) {
        return ended.clone();
    }
    let (plan, fact) = (&case.plan.containers[index], &case.facts.containers[index]);
    match &fact.run {
        Run::Waiting if fact.gate == Gate::Closed => ContainerState::Exited { code: None, reason: None },
        Run::Waiting => ContainerState::Pending,
        Run::Failed { reason } => ContainerState::Exited { code: None, reason: Some(reason.clone()) },
        Run::Running { .. } => match &fact.run_before {
            Some(end) if plan.restart.is_some() && !is_ending && !restarts(plan, end) => end.state(),
            _ => ContainerState::Running,
        },
        // Its kubelet starts it again.
        Run::Ended(end) if fact.gate == Gate::Open && !is_ending && restarts(plan, end) => ContainerState::Running,
        Run::Ended(end) => end.state(),
    }
}

/// Kubelets stamp whole seconds: what ran from one to the next ran for up to one more.
const GRAIN: Duration = Duration::from_secs(1);

/// Whether a container is started again after such an end.
fn restarts(plan: &ContainerPlan, end: &End) -> bool {
    let ran = end.started.zip(end.finished).map_or(Duration::ZERO, |(started, finished)| between(started, finished) + GRAIN);
    plan.restart.as_ref().zip(end.code).is_some_and(|(rule, code)| rule.covers(code) && ran >= rule.attempt_period)
}

/// Whether a kubelet may start a container, or has, that is over by ECS's rules. It restarts by exit code alone, however short the run was, and
/// goes on trying what cannot be pulled or created.
fn may_start_again(case: &Case<'_>, states: &[ContainerState], index: usize) -> bool {
    let fact = &case.facts.containers[index];
    let may_start = match fact.run {
        Run::Ended(_) => case.plan.containers[index].restart.is_some(),
        Run::Waiting | Run::Running { .. } | Run::Failed { .. } => true,
    };
    matches!(states[index], ContainerState::Exited { .. }) && fact.gate == Gate::Open && may_start
}

/// What the health check says, as far as its kubelet tells.
fn health(case: &Case<'_>, index: usize, alarm: &mut Alarm) -> Health {
    let Case { plan, facts, stop, before, now, .. } = case;
    let is_new_run = before.is_some_and(|before| before.runs.get(index) != Some(&facts.containers[index].runtime_id));
    let before = before.and_then(|before| before.health.get(index)).copied().unwrap_or_default();
    let Some(check) = &plan.containers[index].health else { return Health::Unknown };
    let fact = &facts.containers[index];
    match fact.run {
        Run::Running { since: _ } if fact.is_ready => Health::Healthy,
        // Whoever is told to end is not ready any more, which is no verdict.
        Run::Running { .. } if stop.is_some() || facts.is_deleted => before,
        Run::Running { since } => {
            if before != Health::Unknown && !is_new_run {
                return Health::Unhealthy;
            }
            let verdict = after(since, check.verdict_after());
            if verdict <= *now {
                return Health::Unhealthy;
            }
            alarm.at(verdict);
            Health::Unknown
        }
        // What was last known stays known.
        _ => before,
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
