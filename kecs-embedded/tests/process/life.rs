//! From the start of a container to its end.

use std::time::Duration;

use kecs_core::testing::{container, spec};
use kecs_core::{ContainerState, ErrorKind, StopCause, TaskManager, TaskPhase};

use crate::support::{Host, code, failed_to_start, is_running, only, pid, shell};

#[tokio::test]
async fn the_exit_code_of_a_container_is_reported() {
    let host = Host::new().await;
    let task = host.run_to_end(&spec([shell("web", "exit 7")])).await;
    assert_eq!(task.cause, Some(StopCause::EssentialContainerExited));
    assert_eq!(code(only(&task)), Some(7));
    assert!(task.started_at.unwrap() <= task.stopped_at.unwrap());
}

// 128 + signal is what Docker and so ECS report: 137 for SIGKILL.
#[tokio::test]
async fn a_container_that_a_signal_ended_has_exit_code_128_and_the_signal() {
    let host = Host::new().await;
    let task = host.run_to_end(&spec([shell("web", "kill -KILL $$")])).await;
    assert_eq!(code(only(&task)), Some(137));
}

#[tokio::test]
async fn entry_point_and_command_make_one_command_line() {
    let host = Host::new().await;
    let web = container("web").command(["a b", "c"]).with(|spec| spec.entry_point = Some(vec!["printf".into(), "%s|%s\n".into()]));
    let spec = spec([web]);
    host.run_to_end(&spec).await;
    assert_eq!(host.output(&spec.task, "web").await, ["a b|c"]);
}

#[tokio::test]
async fn a_container_without_a_command_stops_the_task_with_a_reason_that_names_the_runtime() {
    let host = Host::new().await;
    let task = host.run_to_end(&spec([shell("side", "exit 0"), container("web")])).await;
    assert_eq!(
        failed_to_start(&task),
        "CannotStartContainerError: the process runtime has no images: container web needs a command or an entryPoint"
    );
    assert!(task.containers.iter().all(|container| code(container).is_none()));
}

// The words in the reason are runc's, as ECS shows them.
#[tokio::test]
async fn a_program_that_is_not_there_stops_the_task() {
    let host = Host::new().await;
    let task = host.run_to_end(&spec([container("web").command(["no-such-program"])])).await;
    assert_eq!(failed_to_start(&task), "CannotStartContainerError: exec: \"no-such-program\": executable file not found in $PATH");
    assert_eq!(code(only(&task)), None);
}

#[tokio::test]
async fn stop_sends_sigterm_and_the_exit_code_is_the_containers_own() {
    let host = Host::new().await;
    let spec = spec([shell("web", "trap 'exit 3' TERM; echo ready; while :; do sleep 60 & wait $!; done")]);
    host.run(&spec).await;
    assert_eq!(host.first_line(&spec.task, "web").await, "ready");
    host.tasks().stop_task(&spec.task).await.unwrap();
    let task = host.end(&spec.task).await;
    assert_eq!((task.cause.as_ref(), code(only(&task))), (Some(&StopCause::Requested), Some(3)));
}

#[tokio::test]
async fn a_container_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let host = Host::new().await;
    let web = shell("web", "trap '' TERM; echo ready; while :; do sleep 60; done").stop_timeout(Duration::from_millis(200));
    let spec = spec([web]);
    host.run(&spec).await;
    host.first_line(&spec.task, "web").await;
    let begun = std::time::Instant::now();
    host.tasks().stop_task(&spec.task).await.unwrap();
    let task = host.end(&spec.task).await;
    assert_eq!(code(only(&task)), Some(137));
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn what_a_container_leaves_in_its_process_group_ends_with_it() {
    let host = Host::new().await;
    let spec = spec([shell("web", "sleep 600 & echo $!")]);
    host.run_to_end(&spec).await;
    let left = host.output(&spec.task, "web").await[0].parse().unwrap();
    assert!(!is_running(left));
}

#[tokio::test]
async fn what_left_its_process_group_ends_with_the_task() {
    let host = Host::new().await;
    let spec = spec([shell("web", "mkfifo gone; setsid sh -c 'echo $$; echo > gone; exec sleep 600' & read line < gone")]);
    host.run_to_end(&spec).await;
    let left = host.output(&spec.task, "web").await[0].parse().unwrap();
    assert!(!is_running(left));
}

#[tokio::test]
async fn ensure_of_a_task_that_ran_does_nothing() {
    let host = Host::new().await;
    let spec = spec([shell("web", "echo run")]);
    host.run_to_end(&spec).await;
    host.ensure(&spec).await;
    assert_eq!(host.tasks().observe_task(&spec.task).await.unwrap().unwrap().phase, TaskPhase::Stopped);
    assert_eq!(host.output(&spec.task, "web").await, ["run"]);
}

#[tokio::test]
async fn ensures_at_the_same_time_start_one_task() {
    let host = Host::new().await;
    let spec = spec([shell("web", "sleep 600")]);
    let all = futures::future::try_join_all((0..8).map(|_| host.tasks().ensure_task(&spec))).await;
    all.unwrap();
    let task = host.until(&spec.task, |task| task.phase == TaskPhase::Running).await;
    assert_eq!(only(&task).state, ContainerState::Running);
    assert!(is_running(pid(only(&task))));
}

#[tokio::test]
async fn a_forgotten_task_leaves_no_folder_and_a_running_one_is_not_forgotten() {
    let host = Host::new().await;
    let spec = spec([shell("web", "sleep 600")]);
    host.run(&spec).await;
    assert_eq!(host.tasks().forget_task(&spec.task).await.unwrap_err().kind(), ErrorKind::Conflict);
    host.tasks().stop_task(&spec.task).await.unwrap();
    host.end(&spec.task).await;
    host.tasks().forget_task(&spec.task).await.unwrap();
    assert!(!host.folder(&spec.task).try_exists().unwrap());
    assert_eq!(host.tasks().observe_task(&spec.task).await.unwrap(), None);
}

#[tokio::test]
async fn a_forgotten_task_is_not_started_again_even_by_the_next_server() {
    let mut host = Host::new().await;
    let spec = spec([shell("web", "exit 0")]);
    host.run_to_end(&spec).await;
    host.tasks().forget_task(&spec.task).await.unwrap();
    host.reopen_after(async {}).await;
    host.ensure(&spec).await;
    assert_eq!(host.tasks().observe_task(&spec.task).await.unwrap(), None);
    assert!(!host.folder(&spec.task).try_exists().unwrap());
}
