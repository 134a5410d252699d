//! Who is told to end, and when.

use std::time::Duration;

use kecs_core::ContainerState;
use kecs_model::Timestamp;

use super::{Act, Alarm, Case};
use crate::observe::{Gate, Run};
use crate::pod::log_router::LINGER;
use crate::time::after;

/// What a kubelet may take to see and do what it is told.
const SLACK: Duration = Duration::from_secs(10);

/// A container is told to end only after those that depend on it have ended.
pub(super) fn acts(case: &Case<'_>, states: &[ContainerState], alarm: &mut Alarm) -> Vec<Act> {
    let Case { plan, facts, stop, .. } = *case;
    if !facts.has_begun {
        return if facts.is_deleted { Vec::new() } else { vec![Act::Delete] };
    }
    if facts.is_deleted {
        return Vec::new();
    }
    if facts.unplaced.is_some() {
        // A kubelet that waits for volumes or the network heeds a deletion at once, and nothing else before it has given up, after two minutes.
        return vec![Act::Withdraw];
    }
    let alive: Vec<usize> = (0..states.len()).filter(|&index| is_alive(&states[index], &facts.containers[index].run)).collect();
    let told = |index: usize| -> Option<Timestamp> { stop?.told.get(&plan.containers[index].part).copied() };
    if facts.is_finishing {
        return overdue(case, &alive, &told, alarm);
    }
    let lingers = lingering(case, states, alarm);
    let (free, held): (Vec<usize>, Vec<usize>) = alive.iter().partition(|&&index| {
        if lingers == Some(index) {
            return false;
        }
        let name = &plan.containers[index].name;
        let mut dependants =
            (0..states.len()).filter(|&other| plan.containers[other].needs.iter().any(|need| need.container == *name));
        dependants.all(|other| !alive.contains(&other) && matches!(states[other], ContainerState::Exited { .. }))
    });
    let has_untold = free.iter().any(|&index| told(index).is_none());
    if held.is_empty() && (has_untold || alive.is_empty()) {
        return vec![Act::Finish];
    }
    let mut acts: Vec<Act> = free.iter().copied().filter(|&index| told(index).is_none()).map(Act::Close).collect();
    // What is still being made ready must not start while others end.
    acts.extend(
        (0..states.len())
            .filter(|&index| {
                let fact = &facts.containers[index];
                fact.gate == Gate::Open && matches!(fact.run, Run::Waiting | Run::Failed { .. })
            })
            .map(Act::Close),
    );
    if acts.is_empty() {
        return overdue(case, &alive, &told, alarm);
    }
    acts
}

/// The log router that is not told to end yet: those that log to it have ended a moment ago, and their last lines may be on their way.
fn lingering(case: &Case<'_>, states: &[ContainerState], alarm: &mut Alarm) -> Option<usize> {
    let router = case.plan.log_router.as_ref().filter(|_| !case.facts.is_routed)?;
    let place = |name: &String| case.plan.containers.iter().position(|container| container.name == *name);
    let senders = router.senders.iter().filter_map(place).filter(|&sender| matches!(states[sender], ContainerState::Exited { .. }));
    let last = senders.filter_map(|sender| match &case.facts.containers[sender].run {
        Run::Ended(end) => end.finished,
        _ => None,
    });
    let until = after(last.max()?, LINGER);
    if until <= case.now {
        return None;
    }
    alarm.at(until);
    place(&router.container)
}

fn is_alive(state: &ContainerState, run: &Run) -> bool {
    *state == ContainerState::Running || matches!(run, Run::Running { .. })
}

/// Kubelets know one stop time-out for all containers of a pod, the longest. Where every container that still runs has a shorter one, and has
/// had it, the pod is deleted, which ends them.
fn overdue(case: &Case<'_>, alive: &[usize], told: &impl Fn(usize) -> Option<Timestamp>, alarm: &mut Alarm) -> Vec<Act> {
    let longest = case.plan.containers.iter().map(|container| container.stop_timeout).max().unwrap_or_default();
    let timeouts = alive.iter().map(|&index| case.plan.containers[index].stop_timeout);
    let Some(due) = alive
        .iter()
        .zip(timeouts.clone())
        .map(|(&index, timeout)| told(index).map(|told| after(told, if timeout < longest { timeout } else { timeout + SLACK })))
        .collect::<Option<Vec<Timestamp>>>()
        .and_then(|due| due.into_iter().max())
    else {
        return Vec::new();
    };
    if due <= case.now {
        return vec![Act::Delete];
    }
    alarm.at(due);
    Vec::new()
}
