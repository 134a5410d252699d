//! `held_roles`, `release_role` and `release_log_router`: what is let go when no task needs it.

use std::time::Duration;

use crate::testing::task_manager::Harness;
use crate::testing::task_manager::kit::{
    clean_up, ensure, observe, own_task, sleeping, stop, until_ready, until_running, until_stopped,
};
use crate::{BackendError, ErrorKind, RoleRef, TaskManager, TaskPhase, TaskSpec};

/// A sleeping task with a role that no other test has.
fn with_role<H: Harness>(harness: &H) -> (TaskSpec, RoleRef) {
    let spec = sleeping(harness);
    let arn = format!("arn:aws:iam::{}:role/kit-{}", spec.task.cluster.scope.account, spec.task.id);
    let role = RoleRef { scope: spec.task.cluster.scope.clone(), arn: arn.into() };
    (TaskSpec { role: Some(role.arn.clone()), ..spec }, role)
}

/// Releases as core does: while its last task has not quite ended there, again.
async fn release<H: Harness>(harness: &H, role: &RoleRef) {
    let released = async {
        loop {
            match harness.backend().release_role(role).await {
                Ok(()) => return,
                Err(error) if error.is_retryable() || error.kind() == ErrorKind::Conflict => {
                    // Nothing tells when the backend is ready for it.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => panic!("{role} should be let go: {error:?}"),
            }
        }
    };
    tokio::time::timeout(harness.patience(), released).await.expect("a role that no task has is let go");
}

async fn holds<H: Harness>(harness: &H, role: &RoleRef) -> bool {
    let held: Result<Vec<RoleRef>, BackendError> = harness.backend().held_roles().await;
    held.expect("the backend can be asked").contains(role)
}

/// `release_role` drops what is held for a role, may be repeated, and a task that comes with the role later has it anew.
pub async fn a_role_is_let_go_and_comes_again<H: Harness>(harness: &H) {
    let (spec, role) = with_role(harness);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    let held_at_first = holds(harness, &role).await;
    stop(harness, &spec.task).await;
    until_stopped(harness, &spec.task).await;
    release(harness, &role).await;
    assert!(!holds(harness, &role).await, "{role} was let go");
    release(harness, &role).await;

    let later = TaskSpec { task: own_task(), ..spec };
    ensure(harness, &later).await;
    until_running(harness, &later.task).await;
    assert_eq!(holds(harness, &role).await, held_at_first, "a later task makes it as the first one did");
    clean_up(harness, &later.task).await;
    release(harness, &role).await;
}

/// `Ok` for a role of which the backend holds nothing.
pub async fn a_role_that_is_not_held_may_be_let_go<H: Harness>(harness: &H) {
    let (_, role) = with_role(harness);
    assert!(!holds(harness, &role).await, "no task ever had it");
    harness.backend().release_role(&role).await.expect("there is nothing to drop");
}

/// `release_log_router` of a task without a router, or of none at all, changes nothing.
pub async fn a_log_router_that_is_not_there_may_be_let_go<H: Harness>(harness: &H) {
    harness.backend().release_log_router(&own_task()).await;
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until_ready(harness, &spec).await;
    harness.backend().release_log_router(&spec.task).await;
    let seen = observe(harness, &spec.task).await.expect("the task is known");
    assert_eq!(seen.phase, TaskPhase::Running, "{seen:#?}");
    clean_up(harness, &spec.task).await;
}

/// `connect_log_router` is `NotFound` for a task that is not known or has no router, and `Unsupported` where the backend leads to none.
pub async fn only_a_log_router_is_connected_to<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    let leads = harness.backend().capabilities().log_routers;
    let expected = if leads { ErrorKind::NotFound } else { ErrorKind::Unsupported };
    for task in [&spec.task, &own_task()] {
        match harness.backend().connect_log_router(task).await {
            Ok(_) => panic!("{task} has no log router"),
            Err(error) => assert_eq!(error.kind(), expected, "{error:?}"),
        }
    }
    clean_up(harness, &spec.task).await;
}
