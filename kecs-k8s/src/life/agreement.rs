//! What is judged from one moment agrees with the state machine that saw everything.
//!
//! Both play the same task, second by second: [`TaskRun`] is told what happens, and a kubelet in a few lines does what [`judge`] says and shows
//! nothing but the present. Each container has seconds of its own, as who sees everything also sees what came first.

use std::time::Duration;

use kecs_core::task_run::{Action, Input, TaskRun};
use kecs_core::task_spec::Condition;
use kecs_core::testing::{ContainerBuilder, container, spec};
use kecs_core::{ContainerState, StopCause, TaskPhase, TaskSpec};
use kecs_model::Timestamp;
use proptest::prelude::*;

use super::{Act, Case, Memory, judge};
use crate::observe::{ContainerFact, End, Facts, Gate, Run};
use crate::plan::{ContainerPlan, Need, StopOrder, TaskPlan};

/// What a container does.
#[derive(Clone, Debug)]
struct Script {
    essential: bool,
    /// Which of those before it, and how.
    needs: Vec<(usize, Condition)>,
    start_timeout: Option<u64>,
    starts: bool,
    /// After how many rounds it ends by itself, and with which code.
    ends: Option<(u64, i32)>,
    /// How many rounds it takes to end when it is told to.
    stops_in: u64,
}

/// The end of a task as both tell it.
type Outcome = (Option<StopCause>, Vec<ContainerState>);

/// Seconds of a round: one for each container, and some for nobody.
const ROUND: u64 = 8;
const LONG: u64 = 100 * ROUND;
/// The second of a round in which a task is told to stop.
const STOP: u64 = 7;
const REASON: &str = "CannotStartContainerError: no such program";

fn name(index: usize) -> String {
    format!("c{index}")
}

fn task(scripts: &[Script]) -> TaskSpec {
    spec(scripts.iter().enumerate().map(|(index, script)| {
        let made = container(name(index)).essential(script.essential);
        let made = script.needs.iter().fold(made, |made, (other, condition)| made.depends_on(&name(*other), *condition));
        script
            .start_timeout
            .map(|rounds| Duration::from_secs(rounds * ROUND))
            .into_iter()
            .fold(made, ContainerBuilder::start_timeout)
    }))
}

fn plan(task: &TaskSpec) -> TaskPlan {
    let containers = task.containers.iter().map(|container| ContainerPlan {
        name: container.name.clone(),
        part: container.name.clone(),
        image: container.image.clone(),
        essential: container.essential,
        needs: (container.depends_on.iter())
            .map(|need| Need { container: need.container.clone(), condition: need.condition })
            .collect(),
        start_timeout: container.start_timeout,
        stop_timeout: container.stop_timeout,
        restart: None,
        health: None,
        bindings: Vec::new(),
    });
    TaskPlan { task: task.task.clone(), own_address: false, containers: containers.collect(), log_router: None }
}

/// When a container that began then ends, and how.
fn natural_end(script: &Script, began: u64) -> Option<(u64, i32)> {
    script.ends.map(|(after, code)| (began + after * ROUND, code))
}

/// How a container ends that is told to.
fn told_end(script: &Script, second: u64) -> (u64, i32) {
    (second + script.stops_in * ROUND, 143)
}

/// Whose second it is.
fn turn(scripts: &[Script], second: u64) -> Option<usize> {
    usize::try_from(second % ROUND).ok().filter(|index| *index < scripts.len())
}

fn stops(stop_at: Option<u64>, second: u64) -> bool {
    stop_at.is_some_and(|round| second == round * ROUND + STOP)
}

fn by_state_machine(scripts: &[Script], stop_at: Option<u64>) -> Outcome {
    let mut run = TaskRun::new(&task(scripts));
    let mut ends: Vec<Option<(u64, i32)>> = vec![None; scripts.len()];
    let mut actions = run.begin(Duration::ZERO);
    for second in 0..LONG {
        let now = Duration::from_secs(second);
        if let Some(container) = turn(scripts, second) {
            let (start, terminate) = (Action::Start { container }, Action::Terminate { container });
            let (own, mut next): (Vec<_>, Vec<_>) = actions.into_iter().partition(|action| [start, terminate].contains(action));
            match (own.contains(&start), own.contains(&terminate)) {
                // Told to end before it began: given up.
                (true, true) => next.extend(run.handle(now, Input::ContainerExited { container, code: None, reason: None })),
                (true, false) if scripts[container].starts => {
                    ends[container] = natural_end(&scripts[container], second);
                    next.extend(run.handle(now, Input::ContainerStarted { container }));
                }
                (true, false) => {
                    next.extend(run.handle(now, Input::ContainerStartFailed { container, reason: REASON.to_owned() }));
                }
                (false, true) => {
                    let told = told_end(&scripts[container], second);
                    ends[container] = Some(ends[container].map_or(told, |end| end.min(told)));
                }
                (false, false) => {}
            }
            if let Some((_, code)) = ends[container].take_if(|(at, _)| *at <= second) {
                next.extend(run.handle(now, Input::ContainerExited { container, code: Some(code), reason: None }));
            }
            actions = next;
        }
        if stops(stop_at, second) {
            actions.extend(run.handle(now, Input::StopRequested));
        }
        actions.extend(run.handle(now, Input::Tick));
        if run.phase() == TaskPhase::Stopped {
            break;
        }
    }
    let states = (0..scripts.len()).map(|index| run.container(index).state.clone()).collect();
    (run.cause().cloned(), states)
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000 + i64::try_from(second).expect("few seconds") * 1000)
}

/// A pod and its kubelet.
struct Node<'a> {
    scripts: &'a [Script],
    facts: Facts,
    ends: Vec<Option<(u64, i32)>>,
    /// Told to end, and not yet at its turn.
    told: Vec<bool>,
}

impl Node<'_> {
    fn obey(&mut self, acts: &[Act]) {
        for act in acts {
            match *act {
                Act::Open(index) => self.facts.containers[index].gate = Gate::Open,
                Act::Close(index) => {
                    self.facts.containers[index].gate = Gate::Closed;
                    self.told[index] = true;
                }
                Act::Finish => {
                    self.facts.is_finishing = true;
                    self.told.fill(true);
                }
                Act::Delete | Act::Withdraw => panic!("nothing takes that long, and every volume is there"),
            }
        }
    }

    fn live(&mut self, index: usize, second: u64) {
        let (script, fact) = (&self.scripts[index], &mut self.facts.containers[index]);
        if fact.run == Run::Waiting && fact.gate == Gate::Open && !self.facts.is_finishing {
            if script.starts {
                fact.run = Run::Running { since: at(second) };
                self.ends[index] = natural_end(script, second);
            } else {
                fact.run = Run::Failed { reason: REASON.to_owned() };
            }
        }
        if matches!(fact.run, Run::Running { .. }) {
            if std::mem::take(&mut self.told[index]) {
                let told = told_end(script, second);
                self.ends[index] = Some(self.ends[index].map_or(told, |end| end.min(told)));
            }
            if let Some((_, code)) = self.ends[index].take_if(|(at, _)| *at <= second) {
                fact.run = Run::Ended(End { code: Some(code), reason: None, started: None, finished: Some(at(second)) });
            }
        }
        let runs = || self.facts.containers.iter().map(|fact| &fact.run);
        let none_runs = !runs().any(|run| matches!(run, Run::Running { .. }));
        self.facts.is_over = none_runs && (self.facts.is_finishing || runs().all(|run| matches!(run, Run::Ended(_))));
    }
}

fn by_judgement(scripts: &[Script], stop_at: Option<u64>) -> Outcome {
    let plan = plan(&task(scripts));
    let fact = |script: &Script| ContainerFact {
        gate: if script.needs.is_empty() { Gate::Open } else { Gate::Waiting },
        run: Run::Waiting,
        run_before: None,
        is_ready: false,
        restarts: 0,
        runtime_id: None,
    };
    let containers = scripts.iter().map(fact).collect();
    let facts = Facts { containers, created: Some(at(0)), is_placed: true, has_begun: true, ..Facts::default() };
    let mut node = Node { scripts, facts, ends: vec![None; scripts.len()], told: vec![false; scripts.len()] };
    let (mut stop, mut memory): (Option<StopOrder>, Option<Memory>) = (None, None);
    for second in 0..LONG {
        if let Some(index) = turn(scripts, second) {
            node.live(index, second);
        }
        let look = |node: &Node<'_>, stop: Option<&StopOrder>, memory: Option<&Memory>| {
            let provisioning_timeout = Duration::MAX;
            judge(&Case { plan: &plan, facts: &node.facts, stop, before: memory, provisioning_timeout, now: at(second) })
        };
        let mut judgement = look(&node, stop.as_ref(), memory.as_ref());
        if stops(stop_at, second) && judgement.cause.is_none() {
            stop = Some(StopOrder::new(StopCause::Requested, at(second)));
            judgement = look(&node, stop.as_ref(), memory.as_ref());
        }
        if let Some(cause) = &judgement.cause {
            let order = stop.get_or_insert_with(|| StopOrder::new(cause.clone(), at(second)));
            for act in &judgement.acts {
                let told = |index: &usize| matches!(act, Act::Finish) || *act == Act::Close(*index);
                for index in (0..scripts.len()).filter(told) {
                    order.told.entry(name(index)).or_insert(at(second));
                }
            }
        }
        memory = Some(Memory::new(&node.facts, &judgement));
        if judgement.phase == TaskPhase::Stopped {
            return (judgement.cause, judgement.containers);
        }
        node.obey(&judgement.acts);
        if second + 1 == LONG {
            return (judgement.cause, judgement.containers);
        }
    }
    unreachable!("the last second returns")
}

fn script(index: usize) -> impl Strategy<Value = Script> {
    let condition = prop::sample::select(vec![Condition::Start, Condition::Complete, Condition::Success]);
    let needs = prop::collection::vec((0..index.max(1), condition), 0..=index.min(2));
    let ends = prop::option::of((0_u64..6, prop::sample::select(vec![0, 0, 1])));
    (any::<bool>(), needs, prop::option::of(1_u64..5), prop::bool::weighted(0.9), ends, 0_u64..3).prop_map(
        move |(essential, mut needs, start_timeout, starts, ends, stops_in)| {
            needs.sort_by_key(|(other, _)| *other);
            needs.dedup_by_key(|(other, _)| *other);
            Script { essential: essential || index == 0, needs, start_timeout, starts, ends, stops_in }
        },
    )
}

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    prop_oneof![
        script(0).prop_map(|one| vec![one]),
        (script(0), script(1)).prop_map(|(one, two)| vec![one, two]),
        (script(0), script(1), script(2)).prop_map(|(one, two, three)| vec![one, two, three]),
        (script(0), script(1), script(2), script(3)).prop_map(|(one, two, three, four)| vec![one, two, three, four]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn one_moment_tells_as_much_as_all_of_them(scripts in scripts(), stop_at in prop::option::of(0_u64..10)) {
        prop_assert_eq!(by_judgement(&scripts, stop_at), by_state_machine(&scripts, stop_at));
    }
}
