//! What a task's specification says of the order of its containers.

use std::time::Duration;

use super::container::Container;
use crate::task_spec::{Condition, ContainerSpec, RestartPolicy};
use crate::{ContainerState, Health, TaskSpec};

/// The part of a specification that decides what happens when, with names turned into positions.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    containers: Vec<Rules>,
    /// Every container after all that it depends on.
    start_order: Vec<usize>,
    flaw: Option<String>,
}

#[derive(Clone, Debug)]
struct Rules {
    name: Box<str>,
    essential: bool,
    needs: Vec<(usize, Condition)>,
    dependants: Vec<usize>,
    start_timeout: Option<Duration>,
    stop_timeout: Duration,
    restart: Option<RestartPolicy>,
}

/// Whether a container may start.
pub(super) enum Verdict {
    Start,
    Wait,
    /// What it waits for will not come.
    Never {
        reason: String,
    },
}

/// Whether one condition holds.
enum Holds {
    Yes,
    NotYet,
    Never(Hopeless),
}

/// Why a condition will never hold.
enum Hopeless {
    /// With the end of the sentence that the ECS agent has for it.
    Ended(&'static str),
    TimedOut,
}

impl Plan {
    pub(super) fn new(spec: &TaskSpec) -> Self {
        let mut containers: Vec<Rules> = spec.containers.iter().map(Rules::new).collect();
        let mut all_known = true;
        for (index, container) in spec.containers.iter().enumerate() {
            for (name, condition) in needs_of(container) {
                match spec.containers.iter().position(|other| other.name == name) {
                    Some(other) => {
                        containers[index].needs.push((other, condition));
                        containers[other].dependants.push(index);
                    }
                    None => all_known = false,
                }
            }
        }
        let start_order = start_order(&containers);
        let is_sound = all_known && start_order.len() == containers.len();
        // The text of the ECS agent's TaskDependencyError.
        let flaw = (!is_sound).then(|| format!("Task dependencies cannot be resolved, taskArn: {}", spec.arn));
        Self { containers, start_order, flaw }
    }

    /// Why no order of starting the containers exists, if none does.
    pub(super) fn flaw(&self) -> Option<&str> {
        self.flaw.as_deref()
    }

    pub(super) fn start_order(&self) -> &[usize] {
        &self.start_order
    }

    pub(super) fn is_essential(&self, index: usize) -> bool {
        self.containers[index].essential
    }

    pub(super) fn stop_timeout(&self, index: usize) -> Duration {
        self.containers[index].stop_timeout
    }

    /// The containers that depend on this one.
    pub(super) fn dependants(&self, index: usize) -> &[usize] {
        &self.containers[index].dependants
    }

    /// Whether a container that ended with `code` after having run for `ran` is started again.
    pub(super) fn restarts(&self, index: usize, code: Option<i32>, ran: Duration) -> bool {
        let (Some(policy), Some(code)) = (&self.containers[index].restart, code) else { return false };
        ran >= policy.attempt_period && !policy.ignored_exit_codes.contains(&code)
    }

    pub(super) fn may_start(&self, index: usize, states: &[Container], now: Duration) -> Verdict {
        let mut verdict = Verdict::Start;
        for &(need, condition) in &self.containers[index].needs {
            match self.holds(need, condition, &states[need], now) {
                Holds::Yes => {}
                Holds::NotYet => verdict = Verdict::Wait,
                Holds::Never(why) => return Verdict::Never { reason: self.never(index, need, &why) },
            }
        }
        verdict
    }

    fn holds(&self, need: usize, condition: Condition, state: &Container, now: Duration) -> Holds {
        if let ContainerState::Exited { code, .. } = state.state {
            return match condition {
                _ if !state.has_run() => Holds::Never(Hopeless::Ended("because dependency will never start")),
                Condition::Start | Condition::Complete => Holds::Yes,
                Condition::Success if code == Some(0) => Holds::Yes,
                Condition::Success => Holds::Never(Hopeless::Ended("as dependency did not exit successfully.")),
                Condition::Healthy => Holds::Never(Hopeless::Ended("as dependency exited before it was healthy.")),
            };
        }
        let holds = match condition {
            Condition::Start => state.has_run(),
            Condition::Complete | Condition::Success => false,
            Condition::Healthy if !state.health.is_watched() => {
                return Holds::Never(Hopeless::Ended("as dependency has no health check."));
            }
            Condition::Healthy => state.health.status() == Health::Healthy,
        };
        match self.start_deadline(need, condition, state) {
            _ if holds => Holds::Yes,
            Some(deadline) if deadline <= now => Holds::Never(Hopeless::TimedOut),
            _ => Holds::NotYet,
        }
    }

    /// When a dependency that has not come true is given up.
    fn start_deadline(&self, need: usize, condition: Condition, state: &Container) -> Option<Duration> {
        // As in the ECS agent: the time runs from the dependency's start, so START has none.
        if condition == Condition::Start {
            return None;
        }
        Some(state.first_started()?.saturating_add(self.containers[need].start_timeout?))
    }

    /// All times at which a waiting container gives up.
    pub(super) fn start_deadlines<'a>(&'a self, states: &'a [Container]) -> impl Iterator<Item = Duration> + 'a {
        let waiting = self.containers.iter().zip(states).filter(|(_, state)| state.is_waiting());
        let needs = waiting.flat_map(|(rules, _)| &rules.needs).filter(|(need, _)| !states[*need].has_ended());
        needs
            .filter(|(need, condition)| *condition != Condition::Healthy || states[*need].health.status() != Health::Healthy)
            .filter_map(|&(need, condition)| self.start_deadline(need, condition, &states[need]))
    }

    /// In the words of the ECS agent's `engine/dependencygraph`, as the agent reports them: a container that cannot be started.
    fn never(&self, index: usize, need: usize, why: &Hopeless) -> String {
        let (target, dependency) = (&self.containers[index].name, &self.containers[need].name);
        let ordering = format!("container ordering dependency [{dependency}] for target [{target}]");
        match why {
            Hopeless::Ended(how) => format!("CannotStartContainerError: dependency graph: failed to resolve {ordering} {how}"),
            Hopeless::TimedOut => format!("CannotStartContainerError: dependency graph: {ordering} has timed out."),
        }
    }
}

impl Rules {
    fn new(container: &ContainerSpec) -> Self {
        Self {
            name: container.name.as_str().into(),
            essential: container.essential,
            needs: Vec::new(),
            dependants: Vec::new(),
            start_timeout: container.start_timeout,
            stop_timeout: container.stop_timeout,
            restart: container.restart.clone(),
        }
    }
}

/// What a container depends on, by name.
fn needs_of(container: &ContainerSpec) -> impl Iterator<Item = (&str, Condition)> {
    let explicit = container.depends_on.iter().map(|dependency| (dependency.container.as_str(), dependency.condition));
    let volumes = container.volumes_from.iter().map(|(name, _)| (name.as_str(), Condition::Start));
    let links = container.links.iter().map(|link| (link.split(':').next().unwrap_or(link), Condition::Start));
    explicit.chain(volumes).chain(links)
}

/// The containers in an order in which each comes after all that it depends on; those on or behind a circle are left out.
fn start_order(containers: &[Rules]) -> Vec<usize> {
    let mut open: Vec<usize> = containers.iter().map(|container| container.needs.len()).collect();
    let mut order: Vec<usize> = (0..containers.len()).filter(|&index| open[index] == 0).collect();
    let mut done = 0;
    while let Some(&next) = order.get(done) {
        done += 1;
        for &dependant in &containers[next].dependants {
            open[dependant] -= 1;
            if open[dependant] == 0 {
                order.push(dependant);
            }
        }
    }
    order
}
