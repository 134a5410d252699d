//! `ensure_task` and what is seen of a task that runs.

use futures::FutureExt;
use futures::future::join_all;

use crate::task_spec::NetworkMode;
use crate::testing::task_manager::Harness;
use crate::testing::task_manager::kit::{
    clean_up, ensure, exit_code, list, observe, of, own_spec, own_task, sibling, sleeping, until, until_running, until_stopped,
};
use crate::testing::{container, spec_for};
use crate::{ContainerState, ErrorKind, LogQuery, StopCause, TaskManager, TaskPhase, TaskSpec};
use futures::StreamExt;

/// `ensure_task` makes the task run.
pub async fn ensure_runs_the_task<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    let seen = until_running(harness, &spec.task).await;
    assert_eq!((&seen.task, &seen.cause), (&spec.task, &None));
    assert!(seen.started_at.is_some() && seen.stopped_at.is_none(), "{seen:#?}");
    assert_eq!(of(&seen, "app").state, ContainerState::Running);
    clean_up(harness, &spec.task).await;
}

/// `ensure_task` does nothing for a task that was started.
pub async fn ensure_may_be_repeated<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    let before = until_running(harness, &spec.task).await;
    ensure(harness, &spec).await;
    let after = observe(harness, &spec.task).await.expect("it runs");
    assert_eq!(of(&after, "app").runtime_id, of(&before, "app").runtime_id);
    assert_eq!((after.phase, after.started_at), (TaskPhase::Running, before.started_at));
    clean_up(harness, &spec.task).await;
}

/// Every method may be called from several tasks at once; a backend must not run a task twice.
pub async fn ensure_from_several_sides_at_once_runs_the_task_once<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.prints(&["once"]))]);
    join_all((0..8).map(|_| ensure(harness, &spec))).await;
    until_stopped(harness, &spec.task).await;
    assert_eq!(list(harness, &spec.task).await.len(), 1);
    assert_eq!(line_count(harness, &spec).await, 1);
}

/// `ensure_task` does nothing for a task that was started, whatever became of it since.
pub async fn ensure_does_not_start_an_ended_task_again<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.prints(&["once"]))]);
    ensure(harness, &spec).await;
    let before = until_stopped(harness, &spec.task).await;
    ensure(harness, &spec).await;
    assert_eq!(observe(harness, &spec.task).await, Some(before));
    assert_eq!(line_count(harness, &spec).await, 1);
}

/// Dropping a method's future is safe: the call took effect or it did not, and repeating it converges.
pub async fn ensure_may_be_dropped_and_repeated<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.prints(&["once"]))]);
    // Polled once and dropped: it may have come anywhere.
    drop(harness.backend().ensure_task(&spec).now_or_never());
    ensure(harness, &spec).await;
    until_stopped(harness, &spec.task).await;
    assert_eq!(line_count(harness, &spec).await, 1);
}

async fn line_count<H: Harness>(harness: &H, spec: &TaskSpec) -> usize {
    let lines = harness.backend().logs(&spec.task, "app", LogQuery::all()).await.expect("an ended container has logs");
    lines.count().await
}

/// A task that cannot start although its specification is well-formed is not an error: it is observed as stopped with `FailedToStart`.
/// A container that never ran has no exit code.
pub async fn a_task_that_cannot_start_is_observed_and_is_no_error<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.cannot_start())]);
    ensure(harness, &spec).await;
    let seen = until_stopped(harness, &spec.task).await;
    let Some(StopCause::FailedToStart { reason }) = &seen.cause else { panic!("it cannot have started: {seen:#?}") };
    assert!(!reason.is_empty(), "people need a reason");
    assert_eq!(exit_code(&seen, "app"), None);
    assert_eq!(seen.started_at, None);
}

/// Tasks do not disturb each other.
pub async fn many_tasks_run_side_by_side<H: Harness>(harness: &H) {
    let first = own_task();
    let specs: Vec<TaskSpec> = (0..10).map(|_| spec_for(sibling(&first), [container("app").program(harness.sleeper())])).collect();
    join_all(specs.iter().map(|spec| ensure(harness, spec))).await;
    join_all(specs.iter().map(|spec| until_running(harness, &spec.task))).await;
    assert_eq!(list(harness, &first).await.len(), specs.len());
    join_all(specs.iter().map(|spec| clean_up(harness, &spec.task))).await;
}

/// `observe_task` is `None` for a task that this backend does not know.
pub async fn a_task_that_was_never_ensured_is_not_known<H: Harness>(harness: &H) {
    let task = own_task();
    assert_eq!(observe(harness, &task).await, None);
    assert_eq!(list(harness, &task).await, []);
}

/// A host port that the backend chooses is reported. A backend that cannot choose one answers `Unsupported` or `Invalid`.
pub async fn a_dynamic_host_port_is_reported_or_refused<H: Harness>(harness: &H) {
    let containers = [container("app").program(harness.sleeper()).port(8080, None)];
    let spec = TaskSpec { network_mode: NetworkMode::Bridge, ..own_spec(containers) };
    if let Err(refusal) = harness.backend().ensure_task(&spec).await {
        assert!(matches!(refusal.kind(), ErrorKind::Unsupported | ErrorKind::Invalid), "{refusal:?}");
        return;
    }
    let seen = until(harness, &spec.task, "a bound port", |seen| {
        seen.phase == TaskPhase::Running && !of(seen, "app").network_bindings.is_empty()
    });
    let bindings = seen.await.containers.remove(0).network_bindings;
    assert_eq!(bindings.iter().map(|binding| binding.container_port).collect::<Vec<_>>(), [8080]);
    assert_ne!(bindings[0].host_port, 0);
    clean_up(harness, &spec.task).await;
}

/// Environment values never reach what is shown: observations and `Debug`.
pub async fn environment_values_are_not_shown<H: Harness>(harness: &H) {
    const VALUE: &str = "the-value-of-a-password";
    let spec = own_spec([container("app").program(harness.sleeper()).env("PASSWORD", VALUE)]);
    ensure(harness, &spec).await;
    let seen = until_running(harness, &spec.task).await;
    for shown in [format!("{seen:?}"), format!("{:?}", harness.backend()), format!("{spec:?}")] {
        assert!(!shown.contains(VALUE), "an environment value is shown in {shown}");
    }
    clean_up(harness, &spec.task).await;
}
