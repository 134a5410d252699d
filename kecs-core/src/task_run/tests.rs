//! The rules, one by one. Where a rule is not obvious, the comment names where AWS states it.

use std::time::Duration;

use super::{Action, Input, TaskRun};
use crate::task_spec::{Condition, HealthCommand};
use crate::testing::{ContainerBuilder, container, spec};
use crate::{ContainerState, Health, StopCause, TaskPhase};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn start(container: usize) -> Action {
    Action::Start { container }
}

fn terminate(container: usize) -> Action {
    Action::Terminate { container }
}

fn kill(container: usize) -> Action {
    Action::Kill { container }
}

fn check(container: usize) -> Action {
    Action::CheckHealth { container }
}

fn started(container: usize) -> Input {
    Input::ContainerStarted { container }
}

fn start_failed(container: usize) -> Input {
    Input::ContainerStartFailed { container, reason: "CannotStartContainerError: no".to_owned() }
}

fn exited(container: usize, code: i32) -> Input {
    Input::ContainerExited { container, code: Some(code), reason: None }
}

fn checked(container: usize, passed: bool) -> Input {
    Input::HealthChecked { container, passed }
}

fn sidecar(name: &str) -> ContainerBuilder {
    container(name).essential(false)
}

fn checked_container(name: &str) -> ContainerBuilder {
    container(name).health_check(HealthCommand::Shell("true".to_owned()), seconds(10))
}

/// A task that has begun, at 0 s.
fn begun(containers: impl IntoIterator<Item = ContainerBuilder>) -> (TaskRun, Vec<Action>) {
    let mut run = TaskRun::new(&spec(containers));
    let actions = run.begin(seconds(0));
    (run, actions)
}

/// A task whose containers depend on nothing and all run, at 0 s.
fn running(containers: impl IntoIterator<Item = ContainerBuilder>) -> TaskRun {
    let (mut run, starts) = begun(containers);
    for index in 0..starts.len() {
        run.handle(seconds(0), started(index));
    }
    assert_eq!(run.phase(), TaskPhase::Running);
    run
}

fn failed_to_start(reason: &str) -> StopCause {
    StopCause::FailedToStart { reason: reason.to_owned() }
}

fn exit_code(run: &TaskRun, index: usize) -> Option<i32> {
    match run.container(index).state {
        ContainerState::Exited { code, .. } => *code,
        other => panic!("container {index} has not ended: {other:?}"),
    }
}

// --- start ---------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_task_runs_once_every_container_has_started() {
    let (mut run, actions) = begun([container("a"), container("b")]);
    assert_eq!(actions, [start(0), start(1)]);
    assert_eq!(run.handle(seconds(1), started(0)), []);
    assert_eq!(run.phase(), TaskPhase::Starting);
    assert_eq!(run.handle(seconds(2), started(1)), []);
    assert_eq!(run.phase(), TaskPhase::Running);
    assert_eq!((run.next_deadline(), run.cause()), (None, None));
}

#[test]
fn a_container_that_ended_after_its_start_counts_as_started() {
    let (mut run, _) = begun([container("app"), sidecar("init")]);
    run.handle(seconds(0), started(1));
    run.handle(seconds(1), exited(1, 0));
    run.handle(seconds(2), started(0));
    assert_eq!(run.phase(), TaskPhase::Running);
}

// ContainerDependency: START "validates that a dependent container is started before permitting other containers to start".
#[test]
fn start_waits_for_the_start() {
    let (mut run, actions) = begun([container("app").depends_on("db", Condition::Start), container("db")]);
    assert_eq!(actions, [start(1)]);
    assert_eq!(run.handle(seconds(1), started(1)), [start(0)]);
}

// amazon-ecs-agent pull request 3927: "ctr A should proceed to run as long as ctr B has started (it shouldn't matter when/how ctr B stops".
#[test]
fn start_holds_for_a_container_that_has_ended_since() {
    let (mut run, _) =
        begun([container("app").depends_on("b", Condition::Start).depends_on("c", Condition::Start), sidecar("b"), sidecar("c")]);
    run.handle(seconds(0), started(1));
    run.handle(seconds(1), exited(1, 1));
    assert_eq!(run.handle(seconds(2), started(2)), [start(0)]);
}

// ContainerDependency: COMPLETE "validates that a dependent container runs to completion (exits)".
#[test]
fn complete_waits_for_the_end_whatever_its_exit_code() {
    let (mut run, _) = begun([container("app").depends_on("init", Condition::Complete), sidecar("init")]);
    assert_eq!(run.handle(seconds(0), started(1)), []);
    assert_eq!(run.handle(seconds(9), exited(1, 3)), [start(0)]);
}

// ContainerDependency: SUCCESS "is the same as COMPLETE, but it also requires that the container exits with a zero status".
#[test]
fn success_waits_for_exit_code_0() {
    let (mut run, _) = begun([container("app").depends_on("init", Condition::Success), sidecar("init")]);
    run.handle(seconds(0), started(1));
    assert_eq!(run.handle(seconds(9), exited(1, 0)), [start(0)]);
}

// The texts are those of amazon-ecs-agent's engine/dependencygraph, which the agent wraps into a CannotStartContainerError.
#[test]
fn a_task_fails_to_start_when_success_can_no_longer_come() {
    let (mut run, _) = begun([container("app").depends_on("init", Condition::Success), sidecar("init")]);
    run.handle(seconds(0), started(1));
    assert_eq!(run.handle(seconds(9), exited(1, 1)), []);
    assert_eq!(run.phase(), TaskPhase::Stopped);
    let reason = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [init] for target [app] as \
                  dependency did not exit successfully.";
    assert_eq!(run.cause(), Some(&failed_to_start(reason)));
    assert_eq!(run.container(0).state, &ContainerState::Exited { code: None, reason: Some(reason.to_owned()) });
    assert_eq!(exit_code(&run, 1), Some(1));
}

// ContainerDependency: HEALTHY "validates that the dependent container passes its Docker health check".
#[test]
fn healthy_waits_for_the_first_check_that_passes() {
    let (mut run, _) = begun([container("app").depends_on("db", Condition::Healthy), checked_container("db")]);
    assert_eq!(run.handle(seconds(0), started(1)), []);
    assert_eq!(run.handle(seconds(10), Input::Tick), [check(1)]);
    assert_eq!(run.handle(seconds(11), checked(1, false)), []);
    assert_eq!(run.handle(seconds(21), Input::Tick), [check(1)]);
    assert_eq!(run.handle(seconds(22), checked(1, true)), [start(0)]);
}

// aws/containers-roadmap issue 2379: a task whose dependency is UNHEALTHY stays PENDING.
#[test]
fn an_unhealthy_dependency_may_still_become_healthy() {
    let (mut run, _) = begun([container("app").depends_on("db", Condition::Healthy), checked_container("db")]);
    run.handle(seconds(0), started(1));
    for round in 1..=3 {
        run.handle(seconds(10 * round), Input::Tick);
        run.handle(seconds(10 * round), checked(1, false));
    }
    assert_eq!((run.container(1).health, run.phase()), (Health::Unhealthy, TaskPhase::Starting));
    run.handle(seconds(40), Input::Tick);
    assert_eq!(run.handle(seconds(40), checked(1, true)), [start(0)]);
}

#[test]
fn a_task_fails_to_start_when_a_container_ends_that_should_have_become_healthy() {
    let (mut run, _) = begun([container("app").depends_on("db", Condition::Healthy), checked_container("db").essential(false)]);
    run.handle(seconds(0), started(1));
    run.handle(seconds(1), exited(1, 0));
    assert!(matches!(run.cause(), Some(StopCause::FailedToStart { .. })), "{:?}", run.cause());
    assert_eq!(run.phase(), TaskPhase::Stopped);
}

// ContainerDefinition.startTimeout: if it "doesn't reach the desired status within that time then containerA gives up and not start. This
// results in the task transitioning to a STOPPED state". The agent counts from the dependency's start.
#[test]
fn a_dependency_has_its_start_timeout_to_come_true() {
    let (mut run, _) =
        begun([container("app").depends_on("init", Condition::Complete), sidecar("init").start_timeout(seconds(20))]);
    assert_eq!(run.next_deadline(), None);
    run.handle(seconds(5), started(1));
    assert_eq!(run.next_deadline(), Some(seconds(25)));
    assert_eq!(run.handle(seconds(24), Input::Tick), []);
    assert_eq!(run.handle(seconds(25), Input::Tick), [terminate(1)]);
    let reason =
        "CannotStartContainerError: dependency graph: container ordering dependency [init] for target [app] has timed out.";
    assert_eq!(run.cause(), Some(&failed_to_start(reason)));
    run.handle(seconds(26), exited(1, 143));
    assert_eq!(run.phase(), TaskPhase::Stopped);
}

// The agent's hasDependencyTimedOut knows SUCCESS, COMPLETE and HEALTHY only.
#[test]
fn a_start_timeout_does_not_limit_the_start_itself() {
    let (mut run, _) = begun([container("app").depends_on("db", Condition::Start), container("db").start_timeout(seconds(20))]);
    assert_eq!(run.handle(seconds(100), Input::Tick), []);
    assert_eq!(run.handle(seconds(100), started(1)), [start(0)]);
}

#[test]
fn a_task_fails_to_start_with_the_reason_of_its_essential_container() {
    let (mut run, _) = begun([container("app"), container("other")]);
    run.handle(seconds(0), started(1));
    assert_eq!(run.handle(seconds(1), start_failed(0)), [terminate(1)]);
    assert_eq!(run.cause(), Some(&failed_to_start("CannotStartContainerError: no")));
    assert_eq!(exit_code(&run, 0), None);
}

// ContainerDefinition.essential: if false, "its failure doesn't affect the rest of the containers in a task".
#[test]
fn a_non_essential_container_that_cannot_start_does_not_stop_the_task() {
    let (mut run, _) = begun([container("app"), sidecar("extra")]);
    run.handle(seconds(0), started(0));
    assert_eq!(run.handle(seconds(1), start_failed(1)), []);
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Running, None));
}

// The agent's graph: "because dependency will never start".
#[test]
fn what_depends_on_a_container_that_never_starts_never_starts() {
    let (mut run, _) =
        begun([container("app").depends_on("b", Condition::Start), sidecar("b").depends_on("c", Condition::Start), sidecar("c")]);
    run.handle(seconds(0), start_failed(2));
    let reason = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [b] for target [app] \
                  because dependency will never start";
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Stopped, Some(&failed_to_start(reason))));
}

// "links and volumes today" are what START emulates.
#[test]
fn links_and_volumes_from_are_dependencies_on_start() {
    let (mut run, actions) = begun([
        container("linked").with(|spec| spec.links.push("db:database".to_owned())),
        container("db").with(|spec| spec.volumes_from.push(("data".to_owned(), false))),
        sidecar("data"),
    ]);
    assert_eq!(actions, [start(2)]);
    assert_eq!(run.handle(seconds(0), started(2)), [start(1)]);
    assert_eq!(run.handle(seconds(0), started(1)), [start(0)]);
}

#[test]
fn a_circle_of_dependencies_fails_to_start() {
    let spec = spec([
        container("a").depends_on("b", Condition::Start),
        container("b").depends_on("a", Condition::Start),
        container("free"),
    ]);
    let mut run = TaskRun::new(&spec);
    assert_eq!(run.begin(seconds(0)), []);
    // The text of the agent's TaskDependencyError.
    let reason = format!("Task dependencies cannot be resolved, taskArn: {}", spec.arn);
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Stopped, Some(&failed_to_start(&reason))));
}

#[test]
fn a_dependency_on_a_container_that_is_not_there_fails_to_start() {
    let (run, actions) = begun([container("a").depends_on("nobody", Condition::Start)]);
    assert_eq!((actions, run.phase()), (vec![], TaskPhase::Stopped));
}

#[test]
fn a_task_whose_setup_failed_has_started_nothing() {
    let mut run = TaskRun::new(&spec([container("a").depends_on("b", Condition::Complete), container("b")]));
    run.begin(seconds(0));
    run.handle(seconds(0), Input::FailTask { reason: "ResourceInitializationError: no".to_owned() });
    run.handle(seconds(0), start_failed(1));
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Stopped, Some(&failed_to_start("ResourceInitializationError: no"))));
}

// --- end -----------------------------------------------------------------------------------------------------------------------------

// ContainerDefinition.essential: if true, "and that container fails or stops for any reason, all other containers … are stopped".
#[test]
fn the_end_of_an_essential_container_ends_the_task_even_with_exit_code_0() {
    let mut run = running([container("app"), sidecar("extra")]);
    assert_eq!(run.handle(seconds(5), exited(0, 0)), [terminate(1)]);
    assert_eq!(run.phase(), TaskPhase::Stopping);
    run.handle(seconds(6), exited(1, 143));
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Stopped, Some(&StopCause::EssentialContainerExited)));
    assert_eq!((exit_code(&run, 0), exit_code(&run, 1)), (Some(0), Some(143)));
}

#[test]
fn the_end_of_a_non_essential_container_ends_nothing() {
    let mut run = running([container("app"), sidecar("extra")]);
    assert_eq!(run.handle(seconds(5), exited(1, 1)), []);
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Running, None));
}

// The agent takes a task for STOPPED when the earliest status of its containers is.
#[test]
fn a_task_ends_when_all_its_containers_have() {
    let mut run = running([sidecar("a"), sidecar("b")]);
    run.handle(seconds(5), exited(0, 1));
    run.handle(seconds(6), exited(1, 0));
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Stopped, Some(&StopCause::EssentialContainerExited)));
}

// ContainerDefinition.dependsOn: "When a dependency is defined for container startup, for container shutdown it is reversed."
#[test]
fn containers_are_stopped_in_the_reverse_order_of_their_dependencies() {
    let (mut run, _) = begun([
        container("db"),
        container("app").depends_on("db", Condition::Start),
        container("proxy").depends_on("app", Condition::Start),
    ]);
    for index in 0..3 {
        run.handle(seconds(0), started(index));
    }
    assert_eq!(run.handle(seconds(1), Input::StopRequested), [terminate(2)]);
    assert_eq!(run.handle(seconds(2), exited(2, 143)), [terminate(1)]);
    assert_eq!(run.handle(seconds(3), exited(1, 143)), [terminate(0)]);
    run.handle(seconds(4), exited(0, 143));
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Stopped, Some(&StopCause::Requested)));
}

// ContainerDefinition.stopTimeout: "to wait before the container is forcefully killed if it doesn't exit normally on its own".
#[test]
fn each_container_has_its_stop_timeout_from_its_own_signal() {
    let (mut run, _) = begun([
        container("db").stop_timeout(seconds(7)),
        container("app").stop_timeout(seconds(5)).depends_on("db", Condition::Start),
    ]);
    run.handle(seconds(0), started(0));
    run.handle(seconds(0), started(1));
    assert_eq!(run.handle(seconds(10), Input::StopRequested), [terminate(1)]);
    assert_eq!(run.next_deadline(), Some(seconds(15)));
    assert_eq!(run.handle(seconds(14), Input::Tick), []);
    assert_eq!(run.handle(seconds(15), Input::Tick), [kill(1)]);
    assert_eq!(run.next_deadline(), None);
    assert_eq!(run.handle(seconds(16), exited(1, 137)), [terminate(0)]);
    assert_eq!(run.next_deadline(), Some(seconds(23)));
    assert_eq!(run.handle(seconds(23), Input::Tick), [kill(0)]);
}

#[test]
fn a_repeated_stop_changes_nothing() {
    let mut run = running([container("app").stop_timeout(seconds(30))]);
    run.handle(seconds(10), Input::StopRequested);
    assert_eq!(run.handle(seconds(39), Input::StopRequested), []);
    assert_eq!(run.next_deadline(), Some(seconds(40)));
}

#[test]
fn what_was_not_started_ends_without_an_exit_code() {
    let (mut run, _) = begun([container("app").depends_on("init", Condition::Success), sidecar("init")]);
    run.handle(seconds(0), started(1));
    assert_eq!(run.handle(seconds(1), Input::StopRequested), [terminate(1)]);
    assert_eq!(run.container(0).state, &ContainerState::Exited { code: None, reason: None });
    // Exit code 0 is what `app` waited for, but nothing starts any more.
    assert_eq!(run.handle(seconds(2), exited(1, 0)), []);
    assert_eq!(run.phase(), TaskPhase::Stopped);
}

#[test]
fn a_start_under_way_may_be_given_up() {
    let (mut run, _) = begun([container("app")]);
    assert_eq!(run.handle(seconds(1), Input::StopRequested), [terminate(0)]);
    run.handle(seconds(1), Input::ContainerExited { container: 0, code: None, reason: None });
    assert_eq!((run.phase(), exit_code(&run, 0)), (TaskPhase::Stopped, None));
}

#[test]
fn a_container_that_started_too_late_is_told_to_end_again() {
    let (mut run, _) = begun([container("app").stop_timeout(seconds(30))]);
    run.handle(seconds(1), Input::StopRequested);
    assert_eq!(run.handle(seconds(20), started(0)), [terminate(0)]);
    assert_eq!(run.next_deadline(), Some(seconds(50)));
}

#[test]
fn the_first_cause_is_kept() {
    let mut run = running([container("app"), container("other")]);
    run.handle(seconds(1), Input::StopRequested);
    run.handle(seconds(2), exited(0, 1));
    run.handle(seconds(2), exited(1, 1));
    assert_eq!(run.cause(), Some(&StopCause::Requested));
}

// --- health --------------------------------------------------------------------------------------------------------------------------

// Docker's HEALTHCHECK: "will first run interval seconds after the container is started, and then again interval seconds after each
// previous check completes".
#[test]
fn checks_are_an_interval_apart_from_end_to_start() {
    let mut run = running([checked_container("app")]);
    assert_eq!(run.next_deadline(), Some(seconds(10)));
    assert_eq!(run.handle(seconds(10), Input::Tick), [check(0)]);
    assert_eq!((run.next_deadline(), run.handle(seconds(13), Input::Tick)), (None, vec![]));
    run.handle(seconds(14), checked(0, true));
    assert_eq!(run.next_deadline(), Some(seconds(24)));
}

// HealthCheck.retries: "times to retry a failed health check before the container is considered unhealthy"; Docker: retries consecutive
// failures. The container "will continue its lifecycle regardless of its health status".
#[test]
fn as_many_failures_in_a_row_as_retries_make_a_container_unhealthy_and_stop_nothing() {
    let mut run = running([checked_container("app")]);
    let mut seen = Vec::new();
    for (round, passed) in (1..).zip([false, false, true, false, false, false, true]) {
        run.handle(seconds(10 * round), Input::Tick);
        run.handle(seconds(10 * round), checked(0, passed));
        seen.push(run.container(0).health);
    }
    use Health::{Healthy, Unhealthy, Unknown};
    assert_eq!(seen, [Unknown, Unknown, Healthy, Healthy, Healthy, Unhealthy, Healthy]);
    assert_eq!(run.phase(), TaskPhase::Running);
}

fn with_start_period(period: u64) -> TaskRun {
    running([checked_container("app").with(|spec| {
        let check = spec.health_check.as_mut().unwrap();
        (check.start_period, check.retries) = (seconds(period), 1);
    })])
}

// HealthCheck.startPeriod: "grace period to provide containers time to bootstrap before failed health checks count".
#[test]
fn failures_in_the_start_period_do_not_count() {
    let mut run = with_start_period(15);
    run.handle(seconds(10), Input::Tick);
    run.handle(seconds(10), checked(0, false));
    assert_eq!(run.container(0).health, Health::Unknown);
    run.handle(seconds(20), Input::Tick);
    run.handle(seconds(20), checked(0, false));
    assert_eq!(run.container(0).health, Health::Unhealthy);
}

// "If a health check succeeds within the startPeriod, then the container is considered healthy and any subsequent failures count".
#[test]
fn the_first_success_ends_the_start_period() {
    let mut run = with_start_period(300);
    run.handle(seconds(10), Input::Tick);
    run.handle(seconds(10), checked(0, true));
    assert_eq!(run.container(0).health, Health::Healthy);
    run.handle(seconds(20), Input::Tick);
    run.handle(seconds(20), checked(0, false));
    assert_eq!(run.container(0).health, Health::Unhealthy);
}

#[test]
fn nothing_is_checked_once_the_task_ends() {
    let mut run = running([checked_container("app")]);
    run.handle(seconds(1), Input::StopRequested);
    assert_eq!(run.handle(seconds(10), Input::Tick), []);
}

// --- restart -------------------------------------------------------------------------------------------------------------------------

fn restarting() -> ContainerBuilder {
    container("app").restarts(seconds(60), &[0, 7])
}

// ContainerRestartPolicy.restartAttemptPeriod: the time "that the container must run for before a restart can be attempted".
#[test]
fn a_container_that_ran_long_enough_is_restarted_in_place() {
    let mut run = running([restarting()]);
    assert_eq!(run.handle(seconds(60), exited(0, 1)), [start(0)]);
    assert_eq!((run.phase(), run.container(0).state), (TaskPhase::Running, &ContainerState::Running));
    run.handle(seconds(61), started(0));
    assert_eq!(run.container(0).restarts, 1);
}

// "If a container isn't able to run for this time period and exits early, it will not be restarted."
#[test]
fn a_container_that_ended_early_is_not_restarted() {
    let mut run = running([restarting()]);
    assert_eq!(run.handle(seconds(59), exited(0, 1)), []);
    assert_eq!((run.phase(), exit_code(&run, 0)), (TaskPhase::Stopped, Some(1)));
}

// "A container can be restarted only once every restartAttemptPeriod seconds."
#[test]
fn the_attempt_period_begins_again_with_each_restart() {
    let mut run = running([restarting()]);
    run.handle(seconds(60), exited(0, 1));
    run.handle(seconds(61), started(0));
    run.handle(seconds(120), exited(0, 1));
    assert_eq!((run.phase(), run.container(0).restarts), (TaskPhase::Stopped, 1));
}

// ContainerRestartPolicy.ignoredExitCodes: "exit codes that Amazon ECS will ignore and not attempt a restart on".
#[test]
fn an_ignored_exit_code_is_final() {
    let mut run = running([restarting()]);
    run.handle(seconds(100), exited(0, 7));
    assert_eq!((run.phase(), exit_code(&run, 0)), (TaskPhase::Stopped, Some(7)));
}

// The agent's RestartTracker: "exit code is nil" is no reason to restart.
#[test]
fn an_end_that_nobody_saw_is_final() {
    let mut run = running([restarting()]);
    run.handle(seconds(100), Input::ContainerExited { container: 0, code: None, reason: None });
    assert_eq!(run.phase(), TaskPhase::Stopped);
}

#[test]
fn nothing_is_restarted_once_the_task_ends() {
    let mut run = running([restarting()]);
    run.handle(seconds(100), Input::StopRequested);
    assert_eq!(run.handle(seconds(101), exited(0, 143)), []);
    assert_eq!(run.phase(), TaskPhase::Stopped);
}

#[test]
fn a_restart_that_fails_is_the_end_of_the_container() {
    let mut run = running([restarting()]);
    run.handle(seconds(100), exited(0, 3));
    run.handle(seconds(101), start_failed(0));
    assert_eq!((run.phase(), run.cause()), (TaskPhase::Stopped, Some(&StopCause::EssentialContainerExited)));
    assert_eq!(exit_code(&run, 0), Some(3));
}

#[test]
fn health_begins_again_with_a_restart() {
    let mut run = running([restarting().health_check(HealthCommand::Shell("true".to_owned()), seconds(10))]);
    run.handle(seconds(10), Input::Tick);
    run.handle(seconds(10), checked(0, true));
    run.handle(seconds(60), exited(0, 1));
    run.handle(seconds(61), started(0));
    assert_eq!((run.container(0).health, run.next_deadline()), (Health::Unknown, Some(seconds(71))));
}
