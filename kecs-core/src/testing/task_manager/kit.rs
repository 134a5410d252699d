//! What the cases are written with.

use futures::StreamExt;
use tokio::time::timeout;

use super::Harness;
use crate::testing::{ContainerBuilder, container, spec_for, task_ref};
use crate::{
    ContainerObservation, ContainerState, Health, TaskEvent, TaskId, TaskManager, TaskObservation, TaskPhase, TaskRef, TaskSpec,
};

/// A new task in a cluster of its own, with a name that ECS allows and that other systems would not.
pub(super) fn own_task() -> TaskRef {
    task_ref(&format!("Kit_Test-{}", TaskId::random()))
}

/// Another task of the same cluster.
pub(super) fn sibling(task: &TaskRef) -> TaskRef {
    TaskRef { id: TaskId::random(), cluster: task.cluster.clone() }
}

/// A task in a cluster of its own.
pub(super) fn own_spec(containers: impl IntoIterator<Item = ContainerBuilder>) -> TaskSpec {
    spec_for(own_task(), containers)
}

/// A task of one sleeping container, `app`.
pub(super) fn sleeping<H: Harness>(harness: &H) -> TaskSpec {
    own_spec([container("app").program(harness.sleeper())])
}

pub(super) async fn ensure<H: Harness>(harness: &H, spec: &TaskSpec) {
    harness.backend().ensure_task(spec).await.expect("a well-formed task is taken");
}

pub(super) async fn stop<H: Harness>(harness: &H, task: &TaskRef) {
    harness.backend().stop_task(task).await.expect("a stop is taken");
}

pub(super) async fn observe<H: Harness>(harness: &H, task: &TaskRef) -> Option<TaskObservation> {
    harness.backend().observe_task(task).await.expect("the backend can be asked")
}

pub(super) async fn list<H: Harness>(harness: &H, task: &TaskRef) -> Vec<TaskObservation> {
    harness.backend().list_tasks(&task.cluster).await.expect("the backend can be asked")
}

/// Waits until the task is seen in such a state, by watching.
pub(super) async fn until<H: Harness>(
    harness: &H,
    task: &TaskRef,
    what: &str,
    mut is_so: impl FnMut(&TaskObservation) -> bool,
) -> TaskObservation {
    let mut last = None;
    let search = async {
        let mut events = harness.backend().watch_tasks(&task.cluster);
        loop {
            let event = events.next().await.expect("a watch goes on").expect("a watch does not break by itself");
            for seen in seen_of(event, task) {
                if is_so(&seen) {
                    return seen;
                }
                last = Some(seen);
            }
        }
    };
    let found = timeout(harness.patience(), search).await.ok();
    found.unwrap_or_else(|| panic!("the task did not come to: {what}; last seen: {last:#?}"))
}

/// What an event tells of one task.
pub(super) fn seen_of(event: TaskEvent, task: &TaskRef) -> Vec<TaskObservation> {
    let seen = match event {
        TaskEvent::Resynced(all) => all,
        TaskEvent::Observed(one) => vec![one],
        TaskEvent::Gone(_) => Vec::new(),
    };
    seen.into_iter().filter(|seen| seen.task == *task).collect()
}

pub(super) async fn until_running<H: Harness>(harness: &H, task: &TaskRef) -> TaskObservation {
    let seen = until(harness, task, "running", |seen| seen.phase >= TaskPhase::Running).await;
    assert_eq!(seen.phase, TaskPhase::Running, "it should run: {seen:#?}");
    seen
}

/// Waits until the task runs and each container that has a health check has passed it: then it is what its program says.
pub(super) async fn until_ready<H: Harness>(harness: &H, spec: &TaskSpec) {
    let is_checked =
        |name: &str| spec.containers.iter().any(|container| container.name == name && container.health_check.is_some());
    until(harness, &spec.task, "running and healthy", |seen| {
        let mut containers = seen.containers.iter();
        seen.phase == TaskPhase::Running && containers.all(|seen| !is_checked(&seen.name) || seen.health == Health::Healthy)
    })
    .await;
}

pub(super) async fn until_stopped<H: Harness>(harness: &H, task: &TaskRef) -> TaskObservation {
    until(harness, task, "stopped", |seen| seen.phase == TaskPhase::Stopped).await
}

/// Ends what a case leaves running.
pub(super) async fn clean_up<H: Harness>(harness: &H, task: &TaskRef) {
    stop(harness, task).await;
    until_stopped(harness, task).await;
}

/// One container of a task.
pub(super) fn of<'a>(seen: &'a TaskObservation, name: &str) -> &'a ContainerObservation {
    seen.containers.iter().find(|container| container.name == name).unwrap_or_else(|| panic!("{name} is not in {seen:#?}"))
}

/// The exit code of a container that has ended.
pub(super) fn exit_code(seen: &TaskObservation, name: &str) -> Option<i32> {
    match &of(seen, name).state {
        ContainerState::Exited { code, .. } => *code,
        other => panic!("{name} has not ended but is {other:?}"),
    }
}
