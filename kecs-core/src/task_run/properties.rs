//! What holds for every specification, sound or not, and every sequence of inputs, sensible or not.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Action, Input, TaskRun};
use crate::task_spec::{Condition, HealthCommand};
use crate::testing::{ContainerBuilder, container, spec};
use crate::{ContainerState, Health, TaskPhase, TaskSpec};

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![Just(Condition::Start), Just(Condition::Complete), Just(Condition::Success), Just(Condition::Healthy)]
}

prop_compose! {
    fn any_container(count: usize, index: usize)(
        essential in prop::bool::weighted(0.4),
        // Mostly on containers before it, so that most graphs are sound; now and then on any.
        needs in vec((0..count, condition(), prop::bool::weighted(0.95)), 0..3),
        start_timeout in prop::option::of(1u64..30),
        stop_timeout in 0u64..30,
        restart in prop::option::of(1u64..30),
        health in prop::bool::ANY,
    ) -> ContainerBuilder {
        let mut built = container(index.to_string()).essential(essential).stop_timeout(Duration::from_secs(stop_timeout));
        for (need, condition, backwards) in needs {
            let need = if backwards { need.min(index.saturating_sub(1)) } else { need };
            if need != index {
                built = built.depends_on(&need.to_string(), condition);
            }
        }
        built = built.with(|spec| spec.start_timeout = start_timeout.map(Duration::from_secs));
        if let Some(period) = restart {
            built = built.restarts(Duration::from_secs(period), &[0]);
        }
        if health {
            built = built.health_check(HealthCommand::Shell(String::new()), Duration::from_secs(5));
        }
        built
    }
}

fn any_spec() -> impl Strategy<Value = TaskSpec> {
    (1usize..5).prop_flat_map(|count| (0..count).map(|index| any_container(count, index)).collect::<Vec<_>>()).prop_map(spec)
}

/// Anything at all, for a container that may not even exist.
fn any_input() -> impl Strategy<Value = Input> {
    let container = 0usize..5;
    prop_oneof![
        4 => container.clone().prop_map(|container| Input::ContainerStarted { container }),
        1 => container.clone().prop_map(|container| Input::ContainerStartFailed { container, reason: "no".to_owned() }),
        4 => (container.clone(), prop::option::of(0..2)).prop_map(|(container, code)| Input::ContainerExited { container, code, reason: None }),
        3 => (container, prop::bool::ANY).prop_map(|(container, passed)| Input::HealthChecked { container, passed }),
        1 => Just(Input::StopRequested),
        6 => Just(Input::Tick),
    ]
}

/// Keeps its own account of what the actions and inputs so far allow.
struct Observer<'a> {
    spec: &'a TaskSpec,
    now: Duration,
    phase: TaskPhase,
    /// Asked to start, or running; by container.
    alive: Vec<bool>,
    has_run: Vec<bool>,
    terminated: Vec<Option<Duration>>,
}

impl<'a> Observer<'a> {
    fn new(spec: &'a TaskSpec) -> Self {
        let count = spec.containers.len();
        Self {
            spec,
            now: Duration::ZERO,
            phase: TaskPhase::Starting,
            alive: vec![false; count],
            has_run: vec![false; count],
            terminated: vec![None; count],
        }
    }

    fn sees_input(&mut self, input: &Input) {
        match *input {
            Input::ContainerStarted { container } if self.alive.get(container) == Some(&true) => self.has_run[container] = true,
            Input::ContainerExited { container, .. } if self.alive.get(container) == Some(&true) => {
                self.alive[container] = false;
                self.has_run[container] = true;
            }
            // A running container cannot fail to start; only what has not answered its start can.
            Input::ContainerStartFailed { container, .. }
                if self.alive.get(container) == Some(&true) && !self.has_run[container] =>
            {
                self.alive[container] = false;
            }
            _ => {}
        }
    }

    fn sees(&mut self, run: &TaskRun, actions: &[Action]) -> Result<(), TestCaseError> {
        let count = self.spec.containers.len();
        prop_assert!(actions.len() <= 2 * count, "{actions:?}");
        for action in actions {
            match *action {
                Action::Start { container } => self.start(run, container)?,
                Action::Terminate { container } => {
                    prop_assert!(run.cause().is_some());
                    self.no_dependant_is_alive(run, container)?;
                    self.terminated[container] = Some(self.now);
                }
                Action::Kill { container } => {
                    let timeout = self.spec.containers[container].stop_timeout;
                    let since = self.terminated[container].map(|at| self.now.saturating_sub(at));
                    prop_assert!(since.is_some_and(|since| since >= timeout), "killed {since:?} after SIGTERM");
                }
                Action::CheckHealth { container } => prop_assert_eq!(run.container(container).state, &ContainerState::Running),
            }
        }
        prop_assert!(run.phase() >= self.phase, "{:?} after {:?}", run.phase(), self.phase);
        self.phase = run.phase();
        let all_ended = (0..count).all(|index| matches!(run.container(index).state, ContainerState::Exited { .. }));
        prop_assert_eq!(run.phase() == TaskPhase::Stopped, all_ended);
        prop_assert_eq!(run.cause().is_some(), run.phase() >= TaskPhase::Stopping);
        prop_assert!(run.next_deadline().is_none_or(|at| at > self.now), "a deadline is over and nothing was done about it");
        Ok(())
    }

    fn start(&mut self, run: &TaskRun, container: usize) -> Result<(), TestCaseError> {
        prop_assert!(!self.alive[container], "started twice");
        prop_assert!(self.phase < TaskPhase::Stopping, "started after the end began");
        self.alive[container] = true;
        if self.has_run[container] {
            return Ok(());
        }
        for need in &self.spec.containers[container].depends_on {
            let other: usize = need.container.parse().unwrap();
            let view = run.container(other);
            let code = match view.state {
                ContainerState::Exited { code, .. } => Some(*code),
                _ => None,
            };
            let holds = match need.condition {
                Condition::Start => self.has_run[other],
                Condition::Complete => self.has_run[other] && code.is_some(),
                Condition::Success => code == Some(Some(0)),
                Condition::Healthy => view.health == Health::Healthy,
            };
            prop_assert!(holds, "{container} started although {need:?} does not hold");
        }
        Ok(())
    }

    fn no_dependant_is_alive(&self, run: &TaskRun, container: usize) -> Result<(), TestCaseError> {
        for (index, other) in self.spec.containers.iter().enumerate() {
            let depends = other.depends_on.iter().any(|need| need.container == container.to_string());
            let has_ended = matches!(run.container(index).state, ContainerState::Exited { .. });
            prop_assert!(!depends || has_ended, "{container} was terminated before {index}");
        }
        Ok(())
    }
}

/// Ends a task as an obedient backend would, and says whether that took a bounded number of steps.
fn drain(run: &mut TaskRun, observer: &mut Observer<'_>) -> Result<(), TestCaseError> {
    let mut inputs = vec![Input::StopRequested];
    for _ in 0..100 {
        let Some(input) = inputs.pop() else { break };
        observer.sees_input(&input);
        let actions = run.handle(observer.now, input);
        observer.sees(run, &actions)?;
        for index in (0..observer.alive.len()).filter(|&index| observer.alive[index] && observer.terminated[index].is_some()) {
            inputs.push(Input::ContainerExited { container: index, code: Some(143), reason: None });
        }
    }
    prop_assert_eq!(run.phase(), TaskPhase::Stopped);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_rules_hold_whatever_happens(spec in any_spec(), steps in vec((any_input(), 0u64..8), 0..60)) {
        let mut run = TaskRun::new(&spec);
        let mut observer = Observer::new(&spec);
        let actions = run.begin(Duration::ZERO);
        observer.sees(&run, &actions)?;
        for (input, pause) in steps {
            observer.now += Duration::from_secs(pause);
            observer.sees_input(&input);
            let actions = run.handle(observer.now, input);
            observer.sees(&run, &actions)?;
        }
        drain(&mut run, &mut observer)?;
    }
}
