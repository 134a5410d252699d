//! How the containers of one task run by ECS's rules, as a state machine without I/O and without a clock.
//!
//! A backend feeds [`TaskRun`] what happens and does what it answers. It knows which container may start, when a health check is due, who
//! is told to end first and who has had its time, and what all that makes of the task; it does not know what a container is. The
//! process and the memory backend are built on it, and a backend of yours can be.
//!
//! ```
//! use std::time::Duration;
//! use kecs_core::TaskPhase;
//! use kecs_core::task_run::{Action, Input, TaskRun};
//! # fn demo(spec: &kecs_core::TaskSpec) {
//! let mut run = TaskRun::new(spec);
//! let actions = run.begin(Duration::ZERO); // [Action::Start { container: 0 }] for a task of one container
//! # let _ = actions;
//! run.handle(Duration::from_millis(20), Input::ContainerStarted { container: 0 });
//! assert_eq!(run.phase(), TaskPhase::Running);
//! // … until run.phase() is TaskPhase::Stopped; send Input::Tick whenever run.next_deadline() has come.
//! # }
//! ```
//!
//! # The rules
//!
//! They follow the API reference (`ContainerDefinition`, `ContainerDependency`, `HealthCheck`, `ContainerRestartPolicy`), and where that is
//! silent the ECS agent's `engine/dependencygraph` and `engine/task_manager`:
//!
//! - A container starts once all that it depends on has come true; `links` and `volumesFrom` are dependencies on START.
//! - One whose dependency can never come true (or did not within the dependency's `startTimeout`, counted from the dependency's start)
//!   does not start and is over, like one that could not be started. If it is essential, the task failed to start; if not, the others
//!   carry on, because a non-essential container's failure "doesn't affect the rest of the containers in a task".
//! - A container that has become UNHEALTHY may still become HEALTHY, so who waits for that goes on waiting until the `startTimeout`.
//! - When an essential container has ended, whatever its exit code, the task ends. So it does when all have ended.
//! - At the end, a container is told to end only after those that depend on it have ended. Its `stopTimeout` begins with its own SIGTERM.
//! - A container with a restart policy starts again in place if it ran for the attempt period since its last start and its exit code is
//!   known and not ignored. Only an end that is final counts for dependencies and for `essential`.
//! - A health check first runs one interval after the start, then one interval after the end of the check before. Failures within the
//!   start period do not count, until the first success. UNHEALTHY stops nothing here: for a service's task, that is the scheduler's
//!   decision.

mod container;
mod health;
mod plan;

use std::time::Duration;

use container::Container;
use plan::{Plan, Verdict};

use crate::{ContainerState, Health, StopCause, TaskPhase, TaskSpec};

/// What happens to a task. Containers are named by their position in [`TaskSpec::containers`]; what names none, or does not fit the
/// container's state (a health check's result after its end, say), is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// [`Action::Start`] was done: the container runs.
    ContainerStarted {
        /// Which container.
        container: usize,
    },
    /// [`Action::Start`] could not be done.
    ContainerStartFailed {
        /// Which container.
        container: usize,
        /// ECS's text for the container's `reason`, such as `CannotStartContainerError: …`.
        reason: String,
    },
    /// The container has ended, by itself or because it was told to.
    ContainerExited {
        /// Which container.
        container: usize,
        /// Its exit code, 128 + signal where a signal ended it; `None` where nobody saw it.
        code: Option<i32>,
        /// ECS's text for the container's `reason`, where there is one.
        reason: Option<String>,
    },
    /// [`Action::CheckHealth`] was done.
    HealthChecked {
        /// Which container.
        container: usize,
        /// Whether the command ended with exit code 0 within its time.
        passed: bool,
    },
    /// The task is to end. May be repeated; only the first one counts.
    StopRequested,
    /// The task cannot be started, for a reason that is no container's: its setup failed.
    FailTask {
        /// ECS's text for the task's `stoppedReason`, such as `ResourceInitializationError: …`.
        reason: String,
    },
    /// Time has passed; due at [`TaskRun::next_deadline`]. One that comes early does nothing.
    Tick,
}

/// What is to be done now, in order. Each is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the container, and answer with [`Input::ContainerStarted`] or [`Input::ContainerStartFailed`].
    Start {
        /// Which container.
        container: usize,
    },
    /// Send it SIGTERM (or its own stop signal). Comes for a container whose start is not answered yet, too: give the start up and answer
    /// [`Input::ContainerExited`], or let it be; after [`Input::ContainerStarted`] it is told again, with the whole stop time-out.
    Terminate {
        /// Which container.
        container: usize,
    },
    /// Its stop time-out is over: send it SIGKILL.
    Kill {
        /// Which container.
        container: usize,
    },
    /// Run the health check's command once, and answer with [`Input::HealthChecked`]. The caller enforces the check's own time-out, which
    /// is a failure. No second one comes before the answer.
    CheckHealth {
        /// Which container.
        container: usize,
    },
}

/// One task's containers. See the [module](self).
///
/// Time is given as the [`Duration`] since an origin of the caller's choice, and must not go back.
#[derive(Clone, Debug)]
pub struct TaskRun {
    plan: Plan,
    containers: Vec<Container>,
    phase: TaskPhase,
    cause: Option<StopCause>,
}

/// One container as a [`TaskRun`] sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerView<'a> {
    /// How far it is. A container that is being restarted in place counts as running.
    pub state: &'a ContainerState,
    /// What its health checks say.
    pub health: Health,
    /// How often it was restarted in place.
    pub restarts: u32,
}

impl TaskRun {
    /// A task of which nothing has begun. Any specification will do: one whose dependencies form a circle, or name a container that is
    /// not there, fails to start when it [begins](Self::begin).
    pub fn new(spec: &TaskSpec) -> Self {
        Self {
            plan: Plan::new(spec),
            containers: spec.containers.iter().map(|container| Container::new(container.health_check.as_ref())).collect(),
            phase: TaskPhase::Starting,
            cause: None,
        }
    }

    /// Begins. To be called once, before anything is [handled](Self::handle).
    pub fn begin(&mut self, now: Duration) -> Vec<Action> {
        if let Some(reason) = self.plan.flaw() {
            self.end_because(StopCause::FailedToStart { reason: reason.to_owned() });
        }
        self.advance(now)
    }

    /// Takes in what happened and says what is to be done.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Action> {
        match input {
            Input::ContainerStarted { container } => self.started(now, container),
            Input::ContainerStartFailed { container, reason } => self.start_failed(container, reason),
            Input::ContainerExited { container, code, reason } => self.exited(now, container, code, reason),
            Input::HealthChecked { container, passed } => {
                if let Some(container) = self.containers.get_mut(container) {
                    container.health.checked(now, passed);
                }
            }
            Input::StopRequested => self.end_because(StopCause::Requested),
            Input::FailTask { reason } => self.end_because(StopCause::FailedToStart { reason }),
            Input::Tick => {}
        }
        self.advance(now)
    }

    /// Overrides what the health checks say, until the next one: for the memory backend, whose health is set by hand.
    pub(crate) fn set_health(&mut self, now: Duration, index: usize, health: Health) -> Vec<Action> {
        self.containers[index].health.set(health);
        self.advance(now)
    }

    /// When [`Input::Tick`] is due; `None` while only the world outside can change anything.
    pub fn next_deadline(&self) -> Option<Duration> {
        if self.cause.is_some() {
            return self.containers.iter().filter_map(Container::kill_due).min();
        }
        let health = self.containers.iter().filter_map(|container| container.health.due());
        health.chain(self.plan.start_deadlines(&self.containers)).min()
    }

    /// How far the task is. Only goes forward.
    pub fn phase(&self) -> TaskPhase {
        self.phase
    }

    /// Why the task ends or ended. Does not change once it is known.
    pub fn cause(&self) -> Option<&StopCause> {
        self.cause.as_ref()
    }

    /// One container.
    ///
    /// # Panics
    ///
    /// If the specification has no container at `index`.
    pub fn container(&self, index: usize) -> ContainerView<'_> {
        let container = &self.containers[index];
        ContainerView { state: &container.state, health: container.health.status(), restarts: container.restarts }
    }

    fn started(&mut self, now: Duration, index: usize) {
        if let Some(container) = self.containers.get_mut(index) {
            container.started(now);
        }
    }

    fn start_failed(&mut self, index: usize, reason: String) {
        let Some(container) = self.containers.get_mut(index).filter(|container| container.is_starting()) else { return };
        let is_restart = container.has_run();
        container.end(container.last_code, Some(reason.clone()));
        if self.plan.is_essential(index) {
            self.end_because(if is_restart { StopCause::EssentialContainerExited } else { StopCause::FailedToStart { reason } });
        }
    }

    fn exited(&mut self, now: Duration, index: usize, code: Option<i32>, reason: Option<String>) {
        let Some(container) = self.containers.get_mut(index).filter(|container| container.is_alive()) else { return };
        if self.cause.is_none() {
            // Whoever ends has run, even where its start was not reported.
            container.started(now);
        }
        if self.cause.is_none() && self.plan.restarts(index, code, container.ran_for(now)) {
            container.restart(code);
            return;
        }
        container.end(code, reason);
        if self.plan.is_essential(index) {
            self.end_because(StopCause::EssentialContainerExited);
        }
    }

    /// The first cause is the one that counts.
    fn end_because(&mut self, cause: StopCause) {
        self.cause.get_or_insert(cause);
    }

    /// Draws every conclusion from the state as it is.
    fn advance(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        self.start_what_may_start(now, &mut actions);
        if self.cause.is_none() && self.containers.iter().all(Container::has_ended) {
            // No essential container is left to end, yet the task has nothing more to run.
            self.end_because(StopCause::EssentialContainerExited);
        }
        if self.cause.is_some() {
            self.end_what_may_end(now, &mut actions);
        } else {
            self.check_what_is_due(now, &mut actions);
        }
        self.phase = self.phase.max(self.reached());
        actions
    }

    fn start_what_may_start(&mut self, now: Duration, actions: &mut Vec<Action>) {
        // In this order a dependency is always judged before those that wait for it, so one pass settles everything.
        for position in 0..self.plan.start_order().len() {
            if self.cause.is_some() {
                return;
            }
            let index = self.plan.start_order()[position];
            if self.containers[index].is_restart_due() {
                self.containers[index].begin_start();
                actions.push(Action::Start { container: index });
            }
            if !self.containers[index].is_waiting() {
                continue;
            }
            match self.plan.may_start(index, &self.containers, now) {
                Verdict::Wait => {}
                Verdict::Start => {
                    self.containers[index].begin_start();
                    actions.push(Action::Start { container: index });
                }
                Verdict::Never { reason } => {
                    self.containers[index].end(None, Some(reason.clone()));
                    if self.plan.is_essential(index) {
                        self.end_because(StopCause::FailedToStart { reason });
                    }
                }
            }
        }
    }

    fn end_what_may_end(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for container in self.containers.iter_mut().filter(|container| container.is_waiting() || container.is_restart_due()) {
            container.end(container.last_code, None);
        }
        for index in 0..self.containers.len() {
            let dependants_ended = self.plan.dependants(index).iter().all(|&dependant| self.containers[dependant].has_ended());
            let container = &mut self.containers[index];
            if dependants_ended && container.may_be_terminated() {
                container.terminate(now.saturating_add(self.plan.stop_timeout(index)));
                actions.push(Action::Terminate { container: index });
            }
            if container.kill_due().is_some_and(|due| due <= now) {
                container.kill();
                actions.push(Action::Kill { container: index });
            }
        }
    }

    fn check_what_is_due(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for (index, container) in self.containers.iter_mut().enumerate() {
            if container.health.begin_check(now) {
                actions.push(Action::CheckHealth { container: index });
            }
        }
    }

    fn reached(&self) -> TaskPhase {
        match self.cause {
            Some(_) if self.containers.iter().all(Container::has_ended) => TaskPhase::Stopped,
            Some(_) => TaskPhase::Stopping,
            None if self.containers.iter().all(|container| container.has_run() || container.has_ended()) => TaskPhase::Running,
            None => TaskPhase::Starting,
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
