//! What a backend knows that was started anew, of tasks that went on without it.

use std::time::Duration;

use crate::testing::container;
use crate::testing::task_manager::RestartHarness;
use crate::testing::task_manager::kit::{
    clean_up, ensure, exit_code, observe, of, own_spec, sleeping, stop, until_ready, until_running, until_stopped,
};
use crate::{StopCause, TaskManager, TaskPhase};

/// Tasks go on while no control plane runs, and are found again by the next one.
pub async fn a_running_task_goes_on_across_a_restart<H: RestartHarness>(harness: H) {
    assert!(harness.backend().capabilities().survives_restart);
    let spec = sleeping(&harness);
    ensure(&harness, &spec).await;
    let before = until_running(&harness, &spec.task).await;
    let harness = harness.restart(Duration::ZERO).await;
    let after = until_running(&harness, &spec.task).await;
    assert_eq!(of(&after, "app").runtime_id, of(&before, "app").runtime_id);
    assert_eq!(after.started_at, before.started_at);
    clean_up(&harness, &spec.task).await;
}

/// A backend must not run a task twice.
pub async fn a_task_that_is_ensured_after_a_restart_is_not_started_again<H: RestartHarness>(harness: H) {
    let spec = sleeping(&harness);
    ensure(&harness, &spec).await;
    let before = until_running(&harness, &spec.task).await;
    let harness = harness.restart(Duration::ZERO).await;
    ensure(&harness, &spec).await;
    let after = until_running(&harness, &spec.task).await;
    assert_eq!(of(&after, "app").runtime_id, of(&before, "app").runtime_id);
    clean_up(&harness, &spec.task).await;
}

/// A backend reports facts: the exit code of a container that ended while nobody watched, or `None` where it cannot be known.
pub async fn an_end_during_a_restart_is_reported<H: RestartHarness>(harness: H) {
    let spec = own_spec([container("app").program(harness.exits_after(Duration::from_millis(500), 7))]);
    ensure(&harness, &spec).await;
    until_running(&harness, &spec.task).await;
    let harness = harness.restart(Duration::from_secs(1)).await;
    let seen = until_stopped(&harness, &spec.task).await;
    let code = exit_code(&seen, "app");
    assert!(matches!(code, Some(7) | None), "nobody saw {code:?}");
    assert!(code.is_some() == (seen.cause == Some(StopCause::EssentialContainerExited)), "{seen:#?}");
}

/// A backend keeps the memory of an ended task until it is forgotten.
pub async fn an_ended_task_is_known_after_a_restart<H: RestartHarness>(harness: H) {
    let spec = own_spec([container("app").program(harness.exits_with(4))]);
    ensure(&harness, &spec).await;
    let before = until_stopped(&harness, &spec.task).await;
    let harness = harness.restart(Duration::ZERO).await;
    assert_eq!(observe(&harness, &spec.task).await, Some(before));
}

/// A stop that is under way does not wait for the next control plane.
pub async fn a_stop_goes_on_across_a_restart<H: RestartHarness>(harness: H) {
    let spec = own_spec([container("app").program(harness.ignores_sigterm()).stop_timeout(Duration::from_secs(1))]);
    ensure(&harness, &spec).await;
    until_ready(&harness, &spec).await;
    stop(&harness, &spec.task).await;
    let harness = harness.restart(Duration::ZERO).await;
    let seen = until_stopped(&harness, &spec.task).await;
    assert_eq!((seen.phase, seen.cause), (TaskPhase::Stopped, Some(StopCause::Requested)));
}
