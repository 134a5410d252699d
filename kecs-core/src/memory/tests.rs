//! What the memory backend does beyond the contract, which the conformance kit tests.

use std::time::Duration;

use futures::StreamExt;

use super::{ContainerScript, MemoryTaskManager, TaskScript};
use crate::task_spec::{Condition, HealthCommand, NetworkMode};
use crate::testing::{ContainerBuilder, container, spec, spec_for, task_ref};
use crate::{
    ContainerState, ErrorKind, Health, LogQuery, StopCause, TaskEvent, TaskManager, TaskObservation, TaskPhase, TaskRef, TaskSpec,
};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn scripted(script: ContainerScript) -> MemoryTaskManager {
    MemoryTaskManager::builder().default_script(TaskScript::all(script)).build()
}

async fn observed(tasks: &MemoryTaskManager, task: &TaskRef) -> TaskObservation {
    tasks.observe_task(task).await.unwrap().expect("it was ensured")
}

async fn phase(tasks: &MemoryTaskManager, spec: &TaskSpec) -> TaskPhase {
    observed(tasks, &spec.task).await.phase
}

async fn exit_code(tasks: &MemoryTaskManager, spec: &TaskSpec) -> Option<i32> {
    match observed(tasks, &spec.task).await.containers[0].state {
        ContainerState::Exited { code, .. } => code,
        ref other => panic!("it has not ended: {other:?}"),
    }
}

/// Lets paused time pass, timers and all.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
    // The driver may be due at this very moment, too.
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_script_a_task_runs_at_once_and_ends_with_143_when_stopped() {
    let tasks = MemoryTaskManager::new();
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Running);
    pass(seconds(1_000_000)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Running);
    tasks.stop_task(&spec.task).await.unwrap();
    assert_eq!((phase(&tasks, &spec).await, exit_code(&tasks, &spec).await), (TaskPhase::Stopped, Some(143)));
}

#[tokio::test(start_paused = true)]
async fn a_start_takes_its_delay() {
    let tasks = scripted(ContainerScript::new().start_delay(seconds(5)));
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    pass(seconds(4)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Starting);
    pass(seconds(1)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Running);
}

#[tokio::test(start_paused = true)]
async fn a_start_under_way_is_given_up_when_the_task_is_stopped() {
    let tasks = scripted(ContainerScript::new().start_delay(seconds(3600)));
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    tasks.stop_task(&spec.task).await.unwrap();
    assert_eq!((phase(&tasks, &spec).await, exit_code(&tasks, &spec).await), (TaskPhase::Stopped, None));
    pass(seconds(7200)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_start_fails_with_its_reason() {
    let tasks = scripted(ContainerScript::new().start_failure("CannotPullContainerError: no such image"));
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    let reason = "CannotPullContainerError: no such image".to_owned();
    assert_eq!(observed(&tasks, &spec.task).await.cause, Some(StopCause::FailedToStart { reason }));
}

#[tokio::test(start_paused = true)]
async fn a_container_exits_after_its_time() {
    let tasks = scripted(ContainerScript::new().exit(seconds(10), 3));
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    pass(seconds(9)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Running);
    pass(seconds(1)).await;
    assert_eq!((phase(&tasks, &spec).await, exit_code(&tasks, &spec).await), (TaskPhase::Stopped, Some(3)));
}

#[tokio::test(start_paused = true)]
async fn who_ignores_sigterm_is_killed_after_the_stop_timeout_and_ends_with_137() {
    let tasks = scripted(ContainerScript::new().ignores_sigterm());
    let spec = spec([container("app").stop_timeout(seconds(30))]);
    tasks.ensure_task(&spec).await.unwrap();
    tasks.stop_task(&spec.task).await.unwrap();
    pass(seconds(29)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Stopping);
    pass(seconds(1)).await;
    assert_eq!((phase(&tasks, &spec).await, exit_code(&tasks, &spec).await), (TaskPhase::Stopped, Some(137)));
}

fn checked() -> ContainerBuilder {
    container("app").health_check(HealthCommand::Shell("true".to_owned()), seconds(10))
}

#[tokio::test(start_paused = true)]
async fn health_follows_its_sequence_and_the_last_result_stays() {
    let tasks = scripted(ContainerScript::new().health([true, false]));
    let spec = spec([checked()]);
    tasks.ensure_task(&spec).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(observed(&tasks, &spec.task).await.containers[0].health);
        pass(seconds(10)).await;
    }
    use Health::{Healthy, Unhealthy, Unknown};
    assert_eq!(seen, [Unknown, Healthy, Healthy, Healthy, Unhealthy, Unhealthy]);
}

#[tokio::test(start_paused = true)]
async fn health_set_by_hand_stays() {
    let tasks = MemoryTaskManager::new();
    let spec = spec([checked()]);
    tasks.ensure_task(&spec).await.unwrap();
    tasks.set_health(&spec.task, "app", Health::Unhealthy).unwrap();
    assert_eq!(observed(&tasks, &spec.task).await.containers[0].health, Health::Unhealthy);
    pass(seconds(100)).await;
    assert_eq!(observed(&tasks, &spec.task).await.containers[0].health, Health::Unhealthy);
}

#[tokio::test(start_paused = true)]
async fn labels_win_over_scripts() {
    let tasks = scripted(ContainerScript::new().exit(seconds(10), 3));
    let spec = spec([container("app").label("kecs.io/memory.exit-code", "4").label("kecs.io/memory.exit-after", "20")]);
    tasks.ensure_task(&spec).await.unwrap();
    pass(seconds(19)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Running);
    pass(seconds(1)).await;
    assert_eq!(exit_code(&tasks, &spec).await, Some(4));
}

#[tokio::test(start_paused = true)]
async fn a_label_that_cannot_be_read_is_invalid() {
    let tasks = MemoryTaskManager::new();
    let spec = spec([container("app").label("kecs.io/memory.exit-code", "four")]);
    assert_eq!(tasks.ensure_task(&spec).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(tasks.observe_task(&spec.task).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_script_may_look_at_the_specification() {
    let tasks = MemoryTaskManager::builder()
        .script(|spec| {
            (&*spec.family == "test").then(|| TaskScript::default().container("app", ContainerScript::new().exit(seconds(1), 9)))
        })
        .build();
    let (ours, mut other) = (spec([container("app")]), spec([container("app")]));
    other.family = "other".into();
    tasks.ensure_task(&ours).await.unwrap();
    tasks.ensure_task(&other).await.unwrap();
    pass(seconds(1)).await;
    assert_eq!((phase(&tasks, &ours).await, phase(&tasks, &other).await), (TaskPhase::Stopped, TaskPhase::Running));
}

#[tokio::test(start_paused = true)]
async fn a_container_exits_by_hand_once() {
    let tasks = MemoryTaskManager::new();
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    tasks.exit(&spec.task, "app", 5).unwrap();
    assert_eq!(exit_code(&tasks, &spec).await, Some(5));
    assert_eq!(tasks.exit(&spec.task, "app", 6).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(tasks.exit(&spec.task, "nobody", 6).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(tasks.exit(&task_ref("default"), "app", 6).unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_lost_task_has_no_exit_codes() {
    let tasks = MemoryTaskManager::new();
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    tasks.lose(&spec.task).unwrap();
    let seen = observed(&tasks, &spec.task).await;
    assert!(matches!(seen.cause, Some(StopCause::Lost { .. })), "{:?}", seen.cause);
    assert_eq!(
        (seen.phase, seen.containers[0].state.clone()),
        (TaskPhase::Stopped, ContainerState::Exited { code: None, reason: None })
    );
}

#[tokio::test(start_paused = true)]
async fn a_removed_task_is_gone() {
    let tasks = MemoryTaskManager::new();
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    let mut watch = tasks.watch_tasks(&spec.task.cluster);
    watch.next().await;
    tasks.remove(&spec.task).unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap(), TaskEvent::Gone(spec.task.clone()));
    assert_eq!(tasks.observe_task(&spec.task).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_disconnected_ends_with_an_error_and_a_new_one_resyncs() {
    let tasks = MemoryTaskManager::new();
    let cluster = task_ref("default").cluster;
    let mut watch = tasks.watch_tasks(&cluster);
    watch.next().await;
    tasks.disconnect_watches();
    assert_eq!(watch.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(watch.next().await.is_none());
    assert_eq!(tasks.watch_tasks(&cluster).next().await.unwrap().unwrap(), TaskEvent::Resynced(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_far_behind_is_resynced() {
    let tasks = MemoryTaskManager::new();
    let cluster = task_ref("default").cluster;
    let mut watch = tasks.watch_tasks(&cluster);
    watch.next().await;
    for _ in 0..super::events::CAPACITY {
        tasks.ensure_task(&spec([container("app")])).await.unwrap();
    }
    let TaskEvent::Resynced(all) = watch.next().await.unwrap().unwrap() else { panic!("it should have been resynced") };
    assert_eq!(all.len(), super::events::CAPACITY);
}

#[tokio::test(start_paused = true)]
async fn watches_end_with_the_manager() {
    let tasks = MemoryTaskManager::new();
    let mut watch = tasks.watch_tasks(&task_ref("default").cluster);
    watch.next().await;
    drop(tasks);
    assert!(watch.next().await.is_none());
}

async fn host_port(tasks: &MemoryTaskManager, task: &TaskRef) -> u16 {
    observed(tasks, task).await.containers[0].network_bindings[0].host_port
}

#[tokio::test(start_paused = true)]
async fn dynamic_host_ports_count_from_32768_and_are_given_back() {
    let tasks = MemoryTaskManager::new();
    let specs: Vec<TaskSpec> =
        (0..4).map(|_| TaskSpec { network_mode: NetworkMode::Bridge, ..spec([container("app").port(80, None)]) }).collect();
    for (spec, port) in specs[..3].iter().zip(32768..) {
        tasks.ensure_task(spec).await.unwrap();
        assert_eq!(host_port(&tasks, &spec.task).await, port);
    }
    tasks.stop_task(&specs[1].task).await.unwrap();
    tasks.ensure_task(&specs[3]).await.unwrap();
    assert_eq!(host_port(&tasks, &specs[3].task).await, 32769);
}

#[tokio::test(start_paused = true)]
async fn awsvpc_tasks_have_an_address_of_their_own() {
    let tasks = MemoryTaskManager::new();
    for address in ["10.0.0.4", "10.0.0.5"] {
        let spec = TaskSpec { network_mode: NetworkMode::AwsVpc, ..spec([container("app").port(80, None)]) };
        tasks.ensure_task(&spec).await.unwrap();
        let seen = observed(&tasks, &spec.task).await;
        assert_eq!((seen.addresses, seen.containers[0].network_bindings.len()), (vec![address.parse().unwrap()], 0));
    }
}

#[tokio::test(start_paused = true)]
async fn dependencies_are_kept() {
    let tasks = MemoryTaskManager::builder()
        .default_script(TaskScript::default().container("init", ContainerScript::new().exit(seconds(7), 0)))
        .build();
    let spec = spec([container("app").depends_on("init", Condition::Success), container("init").essential(false)]);
    tasks.ensure_task(&spec).await.unwrap();
    pass(seconds(6)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Starting);
    pass(seconds(1)).await;
    assert_eq!(phase(&tasks, &spec).await, TaskPhase::Running);
}

#[tokio::test(start_paused = true)]
async fn lines_printed_by_hand_reach_those_who_follow() {
    let tasks = scripted(ContainerScript::new().prints(["first"]));
    let spec = spec([container("app")]);
    tasks.ensure_task(&spec).await.unwrap();
    let lines = tasks.logs(&spec.task, "app", LogQuery::follow()).await.unwrap();
    tasks.print(&spec.task, "app", "second").unwrap();
    tasks.stop_task(&spec.task).await.unwrap();
    let lines: Vec<_> = lines.map(|line| line.unwrap().line).collect().await;
    assert_eq!(lines, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_tasks_wait_without_a_timer() {
    let tasks = MemoryTaskManager::new();
    let task = task_ref("default");
    for _ in 0..10_000 {
        tasks.ensure_task(&spec_for(TaskRef { id: crate::TaskId::random(), ..task.clone() }, [container("app")])).await.unwrap();
    }
    assert_eq!((tasks.task_count(), tasks.shared.lock().timers.len()), (10_000, 0));
}
