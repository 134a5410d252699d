//! ECS's rules on pods as they are at one moment.

use std::time::Duration;

use kecs_core::task_spec::Condition;
use kecs_core::testing::task_ref;
use kecs_core::{ContainerState, Health, StopCause, TaskPhase};
use kecs_model::Timestamp;

use super::*;
use crate::observe::{ContainerFact, Loss};
use crate::plan::{HealthPlan, LogRouterPlan, Need, RestartPlan};

const NOW: i64 = 1_000_000;

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_millis((NOW + seconds) * 1000)
}

fn plan(containers: Vec<ContainerPlan>) -> TaskPlan {
    TaskPlan { task: task_ref("default"), own_address: false, containers, log_router: None }
}

fn container(name: &str, needs: &[(&str, Condition)]) -> ContainerPlan {
    let need = |(container, condition): &(&str, Condition)| Need { container: (*container).to_owned(), condition: *condition };
    ContainerPlan {
        name: name.to_owned(),
        part: name.to_owned(),
        image: "test".to_owned(),
        essential: true,
        needs: needs.iter().map(need).collect(),
        start_timeout: None,
        stop_timeout: Duration::from_secs(30),
        restart: None,
        health: None,
        bindings: Vec::new(),
    }
}

fn helper(name: &str) -> ContainerPlan {
    ContainerPlan { essential: false, ..container(name, &[]) }
}

fn checked(name: &str) -> ContainerPlan {
    let seconds = Duration::from_secs;
    let check = HealthPlan { interval: seconds(10), timeout: seconds(5), retries: 3, start_period: Duration::ZERO };
    ContainerPlan { health: Some(check), ..container(name, &[]) }
}

fn fact(gate: Gate, run: Run) -> ContainerFact {
    ContainerFact { gate, run, run_before: None, is_ready: false, restarts: 0, runtime_id: Some("1".to_owned()) }
}

fn waits() -> ContainerFact {
    fact(Gate::Waiting, Run::Waiting)
}

fn runs() -> ContainerFact {
    fact(Gate::Open, Run::Running { since: time(-60) })
}

fn ended(code: i32) -> ContainerFact {
    fact(Gate::Open, Run::Ended(End { code: Some(code), reason: None, started: Some(time(-60)), finished: Some(time(-1)) }))
}

fn facts(containers: Vec<ContainerFact>) -> Facts {
    Facts { containers, created: Some(time(-70)), is_placed: true, has_begun: true, ..Facts::default() }
}

fn judge_at(plan: &TaskPlan, facts: &Facts, stop: Option<&StopOrder>, before: Option<&Memory>) -> Judgement {
    judge(&Case { plan, facts, stop, before, provisioning_timeout: Duration::from_mins(10), now: time(0) })
}

fn judge_now(plan: &TaskPlan, containers: Vec<ContainerFact>) -> Judgement {
    judge_at(plan, &facts(containers), None, None)
}

fn stopping() -> StopOrder {
    StopOrder::new(StopCause::Requested, time(-5))
}

fn exited(code: Option<i32>) -> ContainerState {
    ContainerState::Exited { code, reason: None }
}

#[test]
fn a_container_starts_when_what_it_waits_for_is_so() {
    let on = |condition| plan(vec![container("app", &[("db", condition)]), ContainerPlan { essential: false, ..checked("db") }]);
    let ready = ContainerFact { is_ready: true, ..runs() };
    let cases = [
        (Condition::Start, runs(), true),
        (Condition::Start, fact(Gate::Open, Run::Waiting), false),
        (Condition::Complete, runs(), false),
        (Condition::Complete, ended(1), true),
        (Condition::Success, ended(0), true),
        (Condition::Healthy, ready, true),
        (Condition::Healthy, ContainerFact { run: Run::Running { since: time(-1) }, ..runs() }, false),
    ];
    for (condition, db, opens) in cases {
        let judgement = judge_now(&on(condition), vec![waits(), db.clone()]);
        let expected: &[Act] = if opens { &[Act::Open(0)] } else { &[] };
        assert_eq!(judgement.acts, expected, "{condition:?} with {db:?}");
        assert_eq!((judgement.phase, judgement.cause), (TaskPhase::Starting, None));
    }
}

#[test]
fn a_dependency_that_failed_fails_the_start_in_ecs_words() {
    let plan = plan(vec![container("app", &[("init", Condition::Success)]), helper("init")]);
    let judgement = judge_now(&plan, vec![waits(), ended(1)]);
    let text = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [init] for target [app] \
                as dependency did not exit successfully.";
    assert_eq!(judgement.cause, Some(StopCause::FailedToStart { reason: text.to_owned() }));
    assert_eq!(judgement.acts, [Act::Finish]);
}

#[test]
fn who_depends_on_what_never_starts_never_starts() {
    let second = ContainerPlan { essential: false, ..container("b", &[("a", Condition::Success)]) };
    let third = ContainerPlan { essential: false, ..container("c", &[("b", Condition::Start)]) };
    let plan = plan(vec![third, second, helper("a"), container("app", &[])]);
    let judgement = judge_now(&plan, vec![waits(), waits(), ended(1), runs()]);
    assert!(matches!(judgement.containers[0], ContainerState::Exited { code: None, reason: Some(_) }), "{judgement:?}");
    assert_eq!((judgement.phase, judgement.cause), (TaskPhase::Running, None), "what is not essential ends nothing");
}

#[test]
fn the_end_of_an_essential_container_ends_the_others() {
    let plan = plan(vec![container("app", &[]), helper("log")]);
    let judgement = judge_now(&plan, vec![ended(0), runs()]);
    assert_eq!((judgement.phase, judgement.cause), (TaskPhase::Stopping, Some(StopCause::EssentialContainerExited)));
    assert_eq!(judgement.acts, [Act::Finish]);
}

#[test]
fn the_end_of_all_ends_the_task() {
    let plan = plan(vec![helper("a"), helper("b")]);
    let over = Facts { is_over: true, ..facts(vec![ended(0), ended(1)]) };
    assert_eq!(judge_at(&plan, &over, None, None).cause, Some(StopCause::EssentialContainerExited));
}

#[test]
fn dependants_end_first() {
    let plan = plan(vec![container("app", &[("db", Condition::Start)]), container("db", &[])]);
    let running = facts(vec![runs(), runs()]);
    let first = judge_at(&plan, &running, Some(&stopping()), None);
    assert_eq!(first.acts, [Act::Close(0)]);

    let mut told = stopping();
    told.told.insert("app".to_owned(), time(-5));
    let closed = ContainerFact { gate: Gate::Closed, ..runs() };
    assert_eq!(judge_at(&plan, &facts(vec![closed, runs()]), Some(&told), None).acts, []);

    let app = ContainerFact { gate: Gate::Closed, ..ended(143) };
    let second = judge_at(&plan, &facts(vec![app, runs()]), Some(&told), None);
    assert_eq!((second.acts, second.phase), (vec![Act::Finish], TaskPhase::Stopping));
}

#[test]
fn who_is_still_made_ready_does_not_start_while_others_end() {
    let plan = plan(vec![container("app", &[("db", Condition::Start)]), container("db", &[]), helper("slow")]);
    let judgement = judge_at(&plan, &facts(vec![runs(), runs(), fact(Gate::Open, Run::Waiting)]), Some(&stopping()), None);
    assert_eq!(judgement.acts, [Act::Close(0), Act::Close(2)]);
}

#[test]
fn a_pod_that_has_not_begun_is_taken_away() {
    let plan = plan(vec![container("app", &[])]);
    let unbegun = Facts { has_begun: false, is_placed: false, ..facts(vec![fact(Gate::Open, Run::Waiting)]) };
    let judgement = judge_at(&plan, &unbegun, Some(&stopping()), None);
    assert_eq!((judgement.acts, &judgement.containers[0]), (vec![Act::Delete], &exited(None)));
}

#[test]
fn a_shorter_stop_timeout_is_enforced_once_it_is_everyones() {
    let short = |name| ContainerPlan { stop_timeout: Duration::from_secs(2), ..container(name, &[]) };
    let plan = plan(vec![short("app"), ContainerPlan { essential: false, ..container("db", &[]) }]);
    let mut told = stopping();
    told.told.extend(["app", "db"].map(|part| (part.to_owned(), time(-5))));
    let finishing = |containers| Facts { is_finishing: true, ..facts(containers) };
    let both = judge_at(&plan, &finishing(vec![runs(), runs()]), Some(&told), None);
    assert_eq!((both.acts, both.look_at), (vec![], Some(time(35))), "db has its 30 s, and its kubelet some more");
    assert_eq!(judge_at(&plan, &finishing(vec![runs(), ended(0)]), Some(&told), None).acts, [Act::Delete]);
}

#[test]
fn a_task_is_stopped_only_when_nothing_of_it_can_start() {
    let plan = plan(vec![container("app", &[])]);
    assert_eq!(judge_now(&plan, vec![ended(0)]).phase, TaskPhase::Running);
    let over = Facts { is_over: true, ..facts(vec![ended(0)]) };
    let judgement = judge_at(&plan, &over, None, None);
    assert_eq!((judgement.phase, judgement.acts), (TaskPhase::Stopped, vec![]));
}

#[test]
fn a_loss_is_no_end_by_itself() {
    let plan = plan(vec![container("app", &[])]);
    let lost = |at| Facts {
        is_over: true,
        loss: Some(Loss { at: Some(time(at)), reason: "its pod was deleted".to_owned() }),
        ..facts(vec![ended(143)])
    };
    let cause = |at| judge_at(&plan, &lost(at), None, None).cause;
    assert_eq!(cause(-3), Some(StopCause::Lost { reason: "its pod was deleted".to_owned() }));
    assert_eq!(cause(0), Some(StopCause::EssentialContainerExited), "it had ended before");
}

#[test]
fn a_restart_is_no_end() {
    let rule = |period| RestartPlan { ignored_exit_codes: vec![7], attempt_period: Duration::from_secs(period) };
    let with = |period| plan(vec![ContainerPlan { restart: Some(rule(period)), ..helper("app") }, container("other", &[])]);
    let of = |period, code| judge_now(&with(period), vec![ended(code), runs()]);
    assert_eq!((&of(30, 1).containers[0], of(30, 1).acts), (&ContainerState::Running, vec![]));
    assert_eq!((&of(30, 7).containers[0], of(30, 7).acts), (&exited(Some(7)), vec![Act::Close(0)]));
    assert_eq!((&of(300, 1).containers[0], of(300, 1).acts), (&exited(Some(1)), vec![Act::Close(0)]));
}

#[test]
fn a_container_that_was_restarted_too_early_has_ended_all_the_same() {
    let rule = RestartPlan { ignored_exit_codes: Vec::new(), attempt_period: Duration::from_mins(5) };
    let plan = plan(vec![ContainerPlan { restart: Some(rule), ..helper("app") }, container("other", &[])]);
    let Run::Ended(short) = ended(6).run else { unreachable!("it has ended") };
    let judgement = judge_now(&plan, vec![ContainerFact { run_before: Some(short), restarts: 1, ..runs() }, runs()]);
    assert_eq!((&judgement.containers[0], judgement.acts), (&exited(Some(6)), vec![Act::Close(0)]));
}

#[test]
fn health_is_unknown_until_the_checks_have_had_their_time() {
    let plan = plan(vec![checked("app")]);
    let since = |seconds: i64| ContainerFact { run: Run::Running { since: time(-seconds) }, ..runs() };
    let judgement = judge_now(&plan, vec![since(54)]);
    // 10 s to the first of 3 checks, each of which may take 5 s and is followed by 10 s.
    assert_eq!((judgement.health[0], judgement.look_at), (Health::Unknown, Some(time(1))));
    assert_eq!(judge_now(&plan, vec![since(55)]).health[0], Health::Unhealthy);
    assert_eq!(judge_now(&plan, vec![ContainerFact { is_ready: true, ..since(1) }]).health[0], Health::Healthy);
}

#[test]
fn who_was_healthy_and_is_not_ready_is_unhealthy() {
    let plan = plan(vec![checked("app")]);
    let young = ContainerFact { run: Run::Running { since: time(-20) }, ..runs() };
    let ready = facts(vec![ContainerFact { is_ready: true, ..young.clone() }]);
    let memory = Memory::new(&ready, &judge_at(&plan, &ready, None, None));
    let not_ready = facts(vec![young.clone()]);
    assert_eq!(judge_at(&plan, &not_ready, None, Some(&memory)).health[0], Health::Unhealthy);
    let restarted = facts(vec![ContainerFact { runtime_id: Some("2".to_owned()), ..young }]);
    assert_eq!(judge_at(&plan, &restarted, None, Some(&memory)).health[0], Health::Unknown, "a new run begins anew");
}

#[test]
fn a_task_without_room_is_given_up_in_time() {
    let plan = plan(vec![container("app", &[])]);
    let unplaced = |created| Facts {
        created: Some(time(created)),
        is_placed: false,
        has_begun: false,
        unplaced: Some("RESOURCE:CPU: none".to_owned()),
        ..facts(vec![fact(Gate::Open, Run::Waiting)])
    };
    let waiting = judge_at(&plan, &unplaced(-10), None, None);
    assert_eq!((waiting.phase, waiting.look_at), (TaskPhase::Provisioning, Some(time(590))));
    let over = judge_at(&plan, &unplaced(-600), None, None);
    assert_eq!(over.cause, Some(StopCause::FailedToStart { reason: "RESOURCE:CPU: none".to_owned() }));
    assert_eq!(over.acts, [Act::Delete]);
}

#[test]
fn a_pod_that_its_node_cannot_make_ready_is_taken_away_with_its_time_to_end() {
    let plan = plan(vec![container("app", &[])]);
    let unready = Facts {
        unplaced: Some("ResourceInitializationError: no volume".to_owned()),
        ..facts(vec![fact(Gate::Open, Run::Waiting)])
    };
    assert_eq!(judge_at(&plan, &unready, Some(&stopping()), None).acts, [Act::Withdraw]);
    let going = Facts { is_deleted: true, ..unready };
    assert_eq!(judge_at(&plan, &going, Some(&stopping()), None).acts, []);
}

#[test]
fn why_a_task_ends_whose_containers_all_have_is_known_when_its_pod_has() {
    let plan = plan(vec![container("app", &[]), helper("log")]);
    let ending = judge_now(&plan, vec![ended(143), ended(0)]);
    assert_eq!((ending.phase, ending.cause, ending.acts), (TaskPhase::Running, None, vec![]));
    let over = Facts { is_over: true, ..facts(vec![ended(143), ended(0)]) };
    assert_eq!(judge_at(&plan, &over, None, None).cause, Some(StopCause::EssentialContainerExited));
    let evicted = Facts { loss: Some(Loss { at: None, reason: "Evicted".to_owned() }), ..over };
    assert_eq!(judge_at(&plan, &evicted, None, None).cause, Some(StopCause::Lost { reason: "Evicted".to_owned() }));
}

#[test]
fn what_could_not_start_is_not_tried_for_ever() {
    let plan = plan(vec![helper("log"), container("app", &[])]);
    let reason = "CannotPullContainerError: none".to_owned();
    let judgement = judge_now(&plan, vec![fact(Gate::Open, Run::Failed { reason: reason.clone() }), runs()]);
    assert_eq!(judgement.containers[0], ContainerState::Exited { code: None, reason: Some(reason) });
    assert_eq!((judgement.phase, judgement.cause, judgement.acts), (TaskPhase::Running, None, vec![Act::Close(0)]));
    let closed = judge_now(&plan, vec![fact(Gate::Closed, Run::Waiting), runs()]);
    assert_eq!((&closed.containers[0], closed.phase, closed.acts), (&exited(None), TaskPhase::Running, vec![]));
}

#[test]
fn who_is_told_to_end_keeps_its_health() {
    let plan = plan(vec![checked("app")]);
    let ready = facts(vec![ContainerFact { is_ready: true, ..runs() }]);
    let memory = Memory::new(&ready, &judge_at(&plan, &ready, None, None));
    let ending = Facts { is_finishing: true, ..facts(vec![runs()]) };
    assert_eq!(judge_at(&plan, &ending, Some(&stopping()), Some(&memory)).health[0], Health::Healthy);
}

/// A task whose `app` logs to a `router`, both of which the second ended a second ago.
fn routed() -> TaskPlan {
    let log_router = Some(LogRouterPlan { container: "router".to_owned(), senders: vec!["app".to_owned()] });
    TaskPlan { log_router, ..plan(vec![container("app", &[("router", Condition::Start)]), helper("router")]) }
}

// "The Firelens container also stops after all containers that use it stop" ("Using FireLens"), and what they wrote last is on its way then.
#[test]
fn a_log_router_ends_when_it_has_everything() {
    let on_its_way = facts(vec![ended(0), runs()]);
    let judgement = judge_at(&routed(), &on_its_way, None, None);
    assert_eq!((judgement.acts, judgement.look_at), (vec![], Some(time(9))));
    let routed_all = Facts { is_routed: true, ..on_its_way };
    assert_eq!(judge_at(&routed(), &routed_all, None, None).acts, [Act::Finish]);
}

#[test]
fn a_log_router_is_not_kept_for_ever() {
    let end = End { code: Some(0), reason: None, started: Some(time(-60)), finished: Some(time(-10)) };
    let late = facts(vec![fact(Gate::Open, Run::Ended(end)), runs()]);
    assert_eq!(judge_at(&routed(), &late, None, None).acts, [Act::Finish]);
}

#[test]
fn who_logs_to_a_router_is_told_to_end_before_it() {
    let judgement = judge_at(&routed(), &facts(vec![runs(), runs()]), Some(&stopping()), None);
    assert_eq!(judgement.acts, [Act::Close(0)]);
}
