//! Which containers may start.

use kecs_core::task_spec::Condition;
use kecs_core::{ContainerState, Health};
use kecs_model::Timestamp;

use super::{Act, Alarm};
use crate::observe::{Facts, Gate, Run};
use crate::plan::{Need, TaskPlan};
use crate::time::after;

pub(super) struct Needs<'a> {
    pub(super) plan: &'a TaskPlan,
    pub(super) facts: &'a Facts,
    pub(super) health: &'a [Health],
    pub(super) now: Timestamp,
    pub(super) alarm: &'a mut Alarm,
}

/// Whether one condition holds.
enum Holds {
    Yes,
    NotYet,
    /// With the end of the sentence that the ECS agent has for it.
    Never(&'static str),
    TimedOut,
}

impl Needs<'_> {
    /// Ends those whose dependencies can never come true, and says which may start. With the first essential one that is over, all is.
    pub(super) fn resolve(&mut self, states: &mut [ContainerState]) -> Vec<Act> {
        let mut acts = Vec::new();
        for index in start_order(self.plan) {
            if states[index] != ContainerState::Pending || self.facts.containers[index].gate != Gate::Waiting {
                continue;
            }
            match self.verdict(index, states) {
                Ok(true) => acts.push(Act::Open(index)),
                Ok(false) => {}
                Err(reason) => {
                    states[index] = ContainerState::Exited { code: None, reason: Some(reason) };
                    if self.plan.containers[index].essential {
                        break;
                    }
                }
            }
        }
        acts
    }

    /// Whether a container may start, or why it never will.
    fn verdict(&mut self, index: usize, states: &[ContainerState]) -> Result<bool, String> {
        let mut may_start = true;
        let target = &self.plan.containers[index];
        for Need { container: dependency, condition } in &target.needs {
            let Some(other) = self.plan.containers.iter().position(|other| other.name == *dependency) else { continue };
            let ordering = format!("container ordering dependency [{dependency}] for target [{}]", target.name);
            // In the words of the ECS agent's `engine/dependencygraph`, as the agent reports them: a container that cannot be started.
            match self.holds(other, *condition, &states[other]) {
                Holds::Yes => {}
                Holds::NotYet => may_start = false,
                Holds::Never(how) => {
                    return Err(format!("CannotStartContainerError: dependency graph: failed to resolve {ordering} {how}"));
                }
                Holds::TimedOut => {
                    return Err(format!("CannotStartContainerError: dependency graph: {ordering} has timed out."));
                }
            }
        }
        Ok(may_start)
    }

    fn holds(&mut self, other: usize, condition: Condition, state: &ContainerState) -> Holds {
        let run = &self.facts.containers[other].run;
        if let ContainerState::Exited { code, .. } = state {
            let has_run = matches!(run, Run::Ended(_) | Run::Running { .. });
            return match condition {
                _ if !has_run => Holds::Never("because dependency will never start"),
                Condition::Start | Condition::Complete => Holds::Yes,
                Condition::Success if *code == Some(0) => Holds::Yes,
                Condition::Success => Holds::Never("as dependency did not exit successfully."),
                Condition::Healthy => Holds::Never("as dependency exited before it was healthy."),
            };
        }
        let holds = match condition {
            Condition::Start => *state == ContainerState::Running,
            Condition::Complete | Condition::Success => false,
            Condition::Healthy if self.plan.containers[other].health.is_none() => {
                return Holds::Never("as dependency has no health check.");
            }
            Condition::Healthy => self.health[other] == Health::Healthy,
        };
        if holds {
            return Holds::Yes;
        }
        // As in the ECS agent: the time runs from the dependency's start, so START has none.
        let (Run::Running { since }, Some(timeout), true) =
            (run, self.plan.containers[other].start_timeout, condition != Condition::Start)
        else {
            return Holds::NotYet;
        };
        let deadline = after(*since, timeout);
        if deadline <= self.now {
            return Holds::TimedOut;
        }
        self.alarm.at(deadline);
        Holds::NotYet
    }
}

/// Every container after all that it depends on, in the order of [`kecs_core::task_run`]. [`check`](super::check) has found that there is one.
fn start_order(plan: &TaskPlan) -> Vec<usize> {
    let containers = &plan.containers;
    let mut open: Vec<usize> = containers.iter().map(|container| container.needs.len()).collect();
    let mut order: Vec<usize> = (0..containers.len()).filter(|&index| open[index] == 0).collect();
    let mut done = 0;
    while let Some(&next) = order.get(done) {
        done += 1;
        for (index, container) in containers.iter().enumerate() {
            let met = container.needs.iter().filter(|need| need.container == containers[next].name).count();
            open[index] -= met;
            if met > 0 && open[index] == 0 {
                order.push(index);
            }
        }
    }
    order
}
