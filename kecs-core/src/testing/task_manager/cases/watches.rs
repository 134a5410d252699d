//! `list_tasks` and `watch_tasks`.

use futures::StreamExt;
use futures::future::join;

use crate::testing::task_manager::Harness;
use crate::testing::task_manager::kit::{
    clean_up, ensure, list, own_spec, own_task, seen_of, sibling, sleeping, stop, until_running, until_stopped,
};
use crate::testing::{container, spec_for};
use crate::{ClusterRef, Scope, TaskEvent, TaskManager, TaskPhase, TaskRef};

/// `list_tasks` gives the tasks of the cluster: not those of another one, nor of one that has the same name in another region or account.
pub async fn list_knows_the_tasks_of_its_cluster_only<H: Harness>(harness: &H) {
    let here = sleeping(harness);
    let elsewhere = TaskRef {
        cluster: ClusterRef { scope: Scope::new("111111111111", "eu-west-1"), name: here.task.cluster.name.clone() },
        ..own_task()
    };
    let elsewhere = spec_for(elsewhere, [container("app").program(harness.sleeper())]);
    let other = sleeping(harness);
    for spec in [&here, &elsewhere, &other] {
        ensure(harness, spec).await;
        until_running(harness, &spec.task).await;
    }
    for spec in [&here, &elsewhere, &other] {
        let listed = list(harness, &spec.task).await;
        assert_eq!(listed.iter().map(|seen| &seen.task).collect::<Vec<_>>(), [&spec.task]);
        clean_up(harness, &spec.task).await;
    }
}

/// `list_tasks` includes ended tasks until they are forgotten.
pub async fn list_keeps_ended_tasks_until_they_are_forgotten<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.exits_with(0))]);
    ensure(harness, &spec).await;
    let ended = until_stopped(harness, &spec.task).await;
    assert_eq!(list(harness, &spec.task).await, [ended]);
    harness.backend().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    assert_eq!(list(harness, &spec.task).await, []);
}

/// The first item of a watch is `Resynced`: everything that the backend knows of the cluster.
pub async fn a_watch_begins_with_everything_there_is<H: Harness>(harness: &H) {
    let (ended, running) = (own_spec([container("app").program(harness.exits_with(0))]), own_task());
    let running =
        spec_for(TaskRef { cluster: ended.task.cluster.clone(), ..running }, [container("app").program(harness.sleeper())]);
    ensure(harness, &ended).await;
    until_stopped(harness, &ended.task).await;
    ensure(harness, &running).await;
    until_running(harness, &running.task).await;
    match harness.backend().watch_tasks(&ended.task.cluster).next().await.expect("a watch goes on") {
        Ok(TaskEvent::Resynced(all)) => {
            let mut phases: Vec<(TaskRef, TaskPhase)> = all.into_iter().map(|seen| (seen.task, seen.phase)).collect();
            phases.sort_by_key(|(_, phase)| *phase);
            assert_eq!(phases, [(running.task.clone(), TaskPhase::Running), (ended.task.clone(), TaskPhase::Stopped)]);
        }
        other => panic!("the first item must be Resynced: {other:?}"),
    }
    clean_up(harness, &running.task).await;
}

/// Every change arrives at least once, and for each task in the order in which it happened. That a task has no host yet is told only by a backend
/// that says that it places tasks.
pub async fn a_watch_tells_every_change_in_order<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.sleeper())]);
    let mut events = harness.backend().watch_tasks(&spec.task.cluster);
    match events.next().await.expect("a watch goes on") {
        Ok(TaskEvent::Resynced(all)) => assert_eq!(all, []),
        other => panic!("the first item must be Resynced: {other:?}"),
    }
    let watched = async {
        let mut phases = Vec::new();
        while phases.last() != Some(&TaskPhase::Stopped) {
            let event = events.next().await.expect("a watch goes on").expect("a watch does not break by itself");
            phases.extend(seen_of(event, &spec.task).into_iter().map(|seen| seen.phase));
        }
        phases
    };
    let acted = async {
        ensure(harness, &spec).await;
        until_running(harness, &spec.task).await;
        stop(harness, &spec.task).await;
    };
    let (phases, ()) = tokio::time::timeout(harness.patience(), join(watched, acted)).await.expect("the end is told");
    assert!(phases.is_sorted(), "phases only go forward: {phases:?}");
    assert!(phases.contains(&TaskPhase::Running), "{phases:?}");
    let places = harness.backend().capabilities().places;
    assert!(places || !phases.contains(&TaskPhase::Provisioning), "it does not say that it places tasks: {phases:?}");
}

/// A watch follows the tasks of its cluster and of no other.
pub async fn a_watch_is_of_its_cluster_only<H: Harness>(harness: &H) {
    let (watched, other) = (sleeping(harness), sleeping(harness));
    let mut events = harness.backend().watch_tasks(&watched.task.cluster);
    events.next().await;
    ensure(harness, &other).await;
    until_running(harness, &other.task).await;
    ensure(harness, &watched).await;
    // Whatever was told of the other one would have come before.
    let event = tokio::time::timeout(harness.patience(), events.next()).await.expect("a change is told");
    match event.expect("a watch goes on").expect("a watch does not break by itself") {
        TaskEvent::Observed(seen) => assert_eq!(seen.task, watched.task),
        TaskEvent::Resynced(all) => assert!(all.iter().all(|seen| seen.task == watched.task), "{all:#?}"),
        TaskEvent::Gone(task) => panic!("nobody removed {task}"),
    }
    clean_up(harness, &watched.task).await;
    clean_up(harness, &other.task).await;
}

/// Each watch sees every change.
pub async fn watches_do_not_take_events_from_each_other<H: Harness>(harness: &H) {
    let first = sleeping(harness);
    let second = spec_for(sibling(&first.task), [container("app").program(harness.exits_with(0))]);
    ensure(harness, &first).await;
    let (one, two) = (until_stopped(harness, &first.task), until_stopped(harness, &first.task));
    let acted = async {
        until_running(harness, &first.task).await;
        ensure(harness, &second).await;
        until_stopped(harness, &second.task).await;
        stop(harness, &first.task).await;
    };
    let ((one, two), ()) = join(join(one, two), acted).await;
    assert_eq!(one, two);
}
