//! The containers of a task by ECS's rules, which [`task_run`](crate::task_run) states.

use std::time::Duration;

use crate::task_spec::Condition;
use crate::testing::container;
use crate::testing::task_manager::Harness;
use crate::testing::task_manager::kit::{
    clean_up, ensure, exit_code, of, own_spec, stop, until, until_ready, until_running, until_stopped,
};
use crate::{ContainerState, Health, StopCause, TaskPhase};

/// A backend reports a container's exit code.
pub async fn an_exit_code_is_reported<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.exits_with(3))]);
    ensure(harness, &spec).await;
    let seen = until_stopped(harness, &spec.task).await;
    assert_eq!(exit_code(&seen, "app"), Some(3));
    assert_eq!(seen.cause, Some(StopCause::EssentialContainerExited));
}

/// When an essential container ends, whatever its exit code, the others are stopped.
pub async fn the_end_of_an_essential_container_ends_the_others<H: Harness>(harness: &H) {
    let spec = own_spec([
        container("app").program(harness.exits_after(Duration::from_millis(200), 0)),
        container("sidecar").program(harness.sleeper()).essential(false),
    ]);
    ensure(harness, &spec).await;
    let seen = until_stopped(harness, &spec.task).await;
    assert_eq!(seen.cause, Some(StopCause::EssentialContainerExited));
    assert_eq!(exit_code(&seen, "app"), Some(0));
    assert!(exit_code(&seen, "sidecar").is_some(), "it ran, and its end was seen");
}

/// When a non-essential container ends, nothing else does.
pub async fn the_end_of_a_non_essential_container_does_not_end_the_task<H: Harness>(harness: &H) {
    let spec = own_spec([
        container("app").program(harness.sleeper()),
        container("sidecar").program(harness.exits_with(1)).essential(false),
    ]);
    ensure(harness, &spec).await;
    let seen = until(harness, &spec.task, "running, with an ended sidecar", |seen| {
        seen.phase == TaskPhase::Running && matches!(of(seen, "sidecar").state, ContainerState::Exited { .. })
    });
    assert_eq!(exit_code(&seen.await, "sidecar"), Some(1));
    clean_up(harness, &spec.task).await;
}

/// A container starts only after what it depends on; a task whose containers have all started runs, although some have ended.
pub async fn a_dependency_on_success_is_waited_for<H: Harness>(harness: &H) {
    let spec = own_spec([
        container("app").program(harness.sleeper()).depends_on("init", Condition::Success),
        container("init").program(harness.exits_after(Duration::from_millis(300), 0)).essential(false),
    ]);
    ensure(harness, &spec).await;
    let seen = until(harness, &spec.task, "a started app", |seen| {
        let app = seen.containers.iter().find(|container| container.name == "app");
        let init = seen.containers.iter().find(|container| container.name == "init");
        let init_ended = init.is_some_and(|init| matches!(init.state, ContainerState::Exited { .. }));
        let app_started = app.is_some_and(|app| app.state != ContainerState::Pending);
        assert!(init_ended || !app_started, "app started before init had ended: {seen:#?}");
        seen.phase == TaskPhase::Running
    });
    assert_eq!(exit_code(&seen.await, "init"), Some(0));
    clean_up(harness, &spec.task).await;
}

/// A task whose essential container waits for something that can no longer come has failed to start.
pub async fn a_dependency_that_failed_fails_the_start<H: Harness>(harness: &H) {
    let spec = own_spec([
        container("app").program(harness.sleeper()).depends_on("init", Condition::Success),
        container("init").program(harness.exits_with(1)).essential(false),
    ]);
    ensure(harness, &spec).await;
    let seen = until_stopped(harness, &spec.task).await;
    assert!(matches!(seen.cause, Some(StopCause::FailedToStart { .. })), "{seen:#?}");
    assert_eq!((exit_code(&seen, "app"), exit_code(&seen, "init")), (None, Some(1)));
}

/// A container is told to end only after those that depend on it have ended.
pub async fn containers_stop_in_reverse_order<H: Harness>(harness: &H) {
    let spec = own_spec([
        container("db").program(harness.sleeper()),
        container("app")
            .program(harness.ignores_sigterm())
            .stop_timeout(Duration::from_millis(500))
            .depends_on("db", Condition::Start),
    ]);
    ensure(harness, &spec).await;
    until_ready(harness, &spec).await;
    stop(harness, &spec.task).await;
    until(harness, &spec.task, "stopped", |seen| {
        let has_ended = |name| matches!(of(seen, name).state, ContainerState::Exited { .. });
        assert!(has_ended("app") || !has_ended("db"), "db ended before app: {seen:#?}");
        seen.phase == TaskPhase::Stopped
    })
    .await;
}

/// A container with a restart policy is started again in place, and the restarts are counted.
pub async fn a_container_with_a_restart_policy_is_restarted_in_place<H: Harness>(harness: &H) {
    let restarting = container("app").program(harness.exits_after(Duration::from_millis(300), 1));
    let spec = own_spec([restarting.restarts(Duration::from_millis(100), &[])]);
    ensure(harness, &spec).await;
    let seen =
        until(harness, &spec.task, "restarted twice", |seen| seen.containers.iter().any(|container| container.restarts >= 2));
    assert_eq!(seen.await.cause, None, "a restart does not end the task");
    clean_up(harness, &spec.task).await;
}

/// A container's health is what its health checks say.
pub async fn health_checks_tell_the_health<H: Harness>(harness: &H) {
    let spec = own_spec([
        container("good").program(harness.checked(true)),
        container("bad").program(harness.checked(false)),
        container("unchecked").program(harness.sleeper()),
    ]);
    ensure(harness, &spec).await;
    let seen = until(harness, &spec.task, "one healthy, one unhealthy", |seen| {
        let health = |name| seen.containers.iter().find(|container| container.name == name).map(|container| container.health);
        health("good") == Some(Health::Healthy) && health("bad") == Some(Health::Unhealthy)
    });
    let seen = seen.await;
    assert_eq!(of(&seen, "unchecked").health, Health::Unknown);
    assert_eq!(seen.phase, TaskPhase::Running, "that a container is unhealthy stops nothing");
    clean_up(harness, &spec.task).await;
}

/// A container that depends on another's health starts once that is healthy.
pub async fn a_dependency_on_health_is_waited_for<H: Harness>(harness: &H) {
    let spec = own_spec([
        container("app").program(harness.sleeper()).depends_on("db", Condition::Healthy),
        container("db").program(harness.checked(true)),
    ]);
    ensure(harness, &spec).await;
    let seen = until_running(harness, &spec.task).await;
    assert_eq!(of(&seen, "db").health, Health::Healthy);
    clean_up(harness, &spec.task).await;
}
