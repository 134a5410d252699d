//! `stop_task` and `forget_task`.

use std::time::Duration;

use tokio::time::Instant;

use crate::testing::container;
use crate::testing::task_manager::Harness;
use crate::testing::task_manager::kit::{
    clean_up, ensure, exit_code, list, observe, own_spec, own_task, sleeping, stop, until, until_ready, until_running,
    until_stopped,
};
use crate::{ErrorKind, StopCause, TaskManager, TaskPhase};

/// 128 + SIGKILL.
const KILLED: Option<i32> = Some(137);

/// `stop_task` begins to stop the task; the end arrives by watching, with its cause and time.
pub async fn stop_ends_the_task<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    stop(harness, &spec.task).await;
    let seen = until_stopped(harness, &spec.task).await;
    assert_eq!(seen.cause, Some(StopCause::Requested));
    assert!(seen.started_at.is_some() && seen.stopped_at >= seen.started_at, "{seen:#?}");
    assert_eq!(observe(harness, &spec.task).await, Some(seen));
}

/// `stop_task` is `Ok` when the task was never known.
pub async fn stop_is_ok_for_a_task_that_was_never_known<H: Harness>(harness: &H) {
    let task = own_task();
    stop(harness, &task).await;
    assert_eq!(observe(harness, &task).await, None);
}

/// `stop_task` is `Ok` when the task has ended, and changes nothing of it.
pub async fn stop_is_ok_for_a_task_that_has_ended<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.exits_with(0))]);
    ensure(harness, &spec).await;
    let before = until_stopped(harness, &spec.task).await;
    stop(harness, &spec.task).await;
    assert_eq!(observe(harness, &spec.task).await, Some(before));
}

/// `stop_task` may be repeated.
pub async fn stop_may_be_repeated<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    stop(harness, &spec.task).await;
    stop(harness, &spec.task).await;
    assert_eq!(until_stopped(harness, &spec.task).await.cause, Some(StopCause::Requested));
}

/// Each container gets its stop signal first, and one that heeds it is not killed.
pub async fn stop_gives_a_container_the_chance_to_end_by_itself<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.sleeper()).stop_timeout(harness.patience() * 2)]);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    stop(harness, &spec.task).await;
    // Within the patience of the harness, and so before the stop time-out.
    assert_ne!(exit_code(&until_stopped(harness, &spec.task).await, "app"), KILLED);
}

/// A container is killed when its own `stop_timeout` is over, and not before.
pub async fn stop_kills_a_container_after_its_stop_timeout<H: Harness>(harness: &H) {
    let timeout = Duration::from_secs(1);
    let spec = own_spec([container("app").program(harness.ignores_sigterm()).stop_timeout(timeout)]);
    ensure(harness, &spec).await;
    until_ready(harness, &spec).await;
    let begin = Instant::now();
    stop(harness, &spec.task).await;
    let seen = until_stopped(harness, &spec.task).await;
    assert!(begin.elapsed() >= timeout, "it was killed after {:?}", begin.elapsed());
    assert_eq!(exit_code(&seen, "app"), KILLED);
}

/// Repeating `stop_task` does not start the time-outs again.
pub async fn a_repeated_stop_does_not_start_the_timeout_again<H: Harness>(harness: &H) {
    let timeout = Duration::from_secs(1);
    let spec = own_spec([container("app").program(harness.ignores_sigterm()).stop_timeout(timeout)]);
    ensure(harness, &spec).await;
    until_ready(harness, &spec).await;
    stop(harness, &spec.task).await;
    // Asked again and again, more often than the time-out is long: it would never end if each call started it again.
    let mut again = tokio::time::interval(timeout / 4);
    let ended = until_stopped(harness, &spec.task);
    tokio::pin!(ended);
    loop {
        tokio::select! {
            seen = &mut ended => {
                assert_eq!(exit_code(&seen, "app"), KILLED);
                return;
            }
            _ = again.tick() => stop(harness, &spec.task).await,
        }
    }
}

/// `forget_task` lets the backend drop all that it remembers of an ended task.
pub async fn forget_drops_an_ended_task<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.exits_with(0))]);
    ensure(harness, &spec).await;
    until_stopped(harness, &spec.task).await;
    harness.backend().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    assert_eq!(observe(harness, &spec.task).await, None);
    assert_eq!(list(harness, &spec.task).await, []);
}

/// `forget_task` is `Ok` when there is nothing to drop.
pub async fn forget_is_ok_for_a_task_that_is_not_known<H: Harness>(harness: &H) {
    harness.backend().forget_task(&own_task()).await.expect("there is nothing to forget");
}

/// `forget_task` answers `Conflict` while the task has not ended.
pub async fn forget_refuses_a_task_that_has_not_ended<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until(harness, &spec.task, "known", |_| true).await;
    let refusal = harness.backend().forget_task(&spec.task).await.expect_err("it runs");
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    assert!(observe(harness, &spec.task).await.is_some_and(|seen| seen.phase <= TaskPhase::Running));
    clean_up(harness, &spec.task).await;
}
