//! Why a task ends by itself.

use kecs_core::{ContainerState, StopCause};
use kecs_model::Timestamp;

use super::{Alarm, Case};
use crate::observe::Run;
use crate::time::after;

/// `None` while nothing makes it end.
pub(super) fn cause(case: &Case<'_>, states: &[ContainerState], alarm: &mut Alarm) -> Option<StopCause> {
    if let (true, false, Some(reason)) = (case.facts.is_over, has_run(case), &case.facts.end) {
        // Its node would not have it.
        return Some(StopCause::FailedToStart { reason: reason.clone() });
    }
    if awaits_verdict(case) {
        return None;
    }
    let essential = first_essential_end(case, states);
    if let Some(loss) = &case.facts.loss {
        // Who takes a pod away ends its containers, too: only an end before that was one by itself.
        let by_itself = essential.as_ref().is_some_and(|(at, _)| at.zip(loss.at).is_some_and(|(end, loss)| end < loss));
        if !by_itself {
            return Some(StopCause::Lost { reason: loss.reason.clone() });
        }
    }
    if let Some((_, cause)) = essential {
        return Some(cause);
    }
    if !states.is_empty() && states.iter().all(|state| matches!(state, ContainerState::Exited { .. })) {
        return Some(StopCause::EssentialContainerExited);
    }
    unplaced(case, alarm)
}

/// All containers have ended, and their kubelet is about to say how the pod has: that of one that it evicts ends first, and is told to be evicted then.
fn awaits_verdict(case: &Case<'_>) -> bool {
    let Case { plan, facts, .. } = case;
    let have_ended = !facts.containers.is_empty() && facts.containers.iter().all(|fact| matches!(fact.run, Run::Ended(_)));
    // What may be started again keeps its pod from an end.
    let ends = plan.containers.iter().all(|container| container.restart.is_none());
    have_ended && ends && !facts.is_over && !facts.is_deleted
}

fn has_run(case: &Case<'_>) -> bool {
    case.facts.containers.iter().any(|fact| matches!(fact.run, Run::Running { .. } | Run::Ended(_)))
}

/// The end of an essential container that came first, and when.
fn first_essential_end(case: &Case<'_>, states: &[ContainerState]) -> Option<(Option<Timestamp>, StopCause)> {
    let ends = case.plan.containers.iter().zip(&case.facts.containers).zip(states).filter_map(|((plan, fact), state)| {
        let ContainerState::Exited { reason, .. } = state else { return None };
        if !plan.essential {
            return None;
        }
        match &fact.run {
            Run::Ended(end) => Some((end.finished, StopCause::EssentialContainerExited)),
            Run::Failed { .. } if fact.restarts > 0 => Some((None, StopCause::EssentialContainerExited)),
            Run::Running { .. } => {
                let end = fact.run_before.as_ref().and_then(|end| end.finished);
                Some((end, StopCause::EssentialContainerExited))
            }
            Run::Waiting if case.facts.is_over => None,
            Run::Failed { .. } | Run::Waiting => {
                let reason = reason.clone().unwrap_or_else(|| "CannotStartContainerError: the container never started".to_owned());
                Some((None, StopCause::FailedToStart { reason }))
            }
        }
    });
    // A start that failed has no time. Seen together with an end, it is the older one: who ends has started before.
    ends.min_by_key(|(at, _)| *at)
}

/// A task that no node has room for, or that its node cannot make ready, is given up after some time.
fn unplaced(case: &Case<'_>, alarm: &mut Alarm) -> Option<StopCause> {
    let facts = case.facts;
    let (created, why) = (facts.created?, facts.unplaced.as_ref()?);
    let deadline = after(created, case.provisioning_timeout);
    if deadline > case.now {
        alarm.at(deadline);
        return None;
    }
    Some(StopCause::FailedToStart { reason: why.clone() })
}
