//! Servers and supervisors that come and go.

use kecs_core::testing::spec;
use kecs_core::{ContainerState, StopCause, TaskManager, TaskPhase};
use kecs_embedded::ProcessShutdown;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Host, code, is_running, only, pid, running_of, shell, supervisor_in};

#[tokio::test]
async fn a_task_goes_on_without_a_server_and_is_found_again() {
    let mut host = Host::new().await;
    let spec = spec([shell("web", "trap 'exit 5' TERM; echo ready; while :; do sleep 60 & wait $!; done")]);
    let before = host.run(&spec).await;
    host.first_line(&spec.task, "web").await;
    host.reopen_after(async {}).await;
    let after = host.tasks().observe_task(&spec.task).await.unwrap().unwrap();
    assert_eq!(after, before);
    assert!(is_running(pid(only(&after))));

    host.ensure(&spec).await;
    host.tasks().stop_task(&spec.task).await.unwrap();
    assert_eq!(code(only(&host.end(&spec.task).await)), Some(5));
}

#[tokio::test]
async fn the_exit_code_of_a_container_that_ended_without_a_server_is_known() {
    let mut host = Host::new().await;
    let door = tempfile::tempdir().unwrap();
    let fifo = door.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let spec = spec([shell("web", &format!("read code < {0}; exit $code", fifo.display()))]);
    let task = host.run(&spec).await;
    let container = Pid::from_raw(pid(only(&task))).unwrap();
    host.reopen_after(async move {
        let end = rustix::process::pidfd_open(container, rustix::process::PidfdFlags::empty()).unwrap();
        std::fs::write(fifo, "9\n").unwrap();
        rustix::event::poll(&mut [rustix::event::PollFd::new(&end, rustix::event::PollFlags::IN)], None).unwrap();
    })
    .await;
    let task = host.end(&spec.task).await;
    assert_eq!((code(only(&task)), task.cause), (Some(9), Some(StopCause::EssentialContainerExited)));
}

#[tokio::test]
async fn a_task_whose_supervisor_was_killed_is_lost_and_nothing_of_it_runs() {
    let host = Host::new().await;
    let spec = spec([shell("web", "sh -c 'sleep 600' & setsid sleep 601 & echo $!; exec sleep 602")]);
    let task = host.run(&spec).await;
    let escaped = host.first_line(&spec.task, "web").await.parse().unwrap();
    kill_supervisor(&host.folder(&spec.task));
    let end = host.end(&spec.task).await;
    assert!(matches!(end.cause, Some(StopCause::Lost { .. })), "{end:?}");
    assert_eq!(code(only(&end)), None);
    assert!(!is_running(pid(only(&task))));
    assert!(!is_running(escaped));
    assert!(running_of(&spec.task.id.to_string()).is_empty());
}

#[tokio::test]
async fn a_task_whose_supervisor_was_killed_while_no_server_ran_is_lost_too() {
    let mut host = Host::new().await;
    let spec = spec([shell("web", "(trap '' TERM; sleep 600) & exec sleep 602")]);
    host.run(&spec).await;
    let folder = host.folder(&spec.task);
    host.reopen_after(async move { kill_supervisor(&folder) }).await;
    let end = host.end(&spec.task).await;
    assert!(matches!((end.phase, &end.cause), (TaskPhase::Stopped, Some(StopCause::Lost { .. }))), "{end:?}");
    assert!(running_of(&spec.task.id.to_string()).is_empty());

    host.ensure(&spec).await;
    assert_eq!(host.tasks().observe_task(&spec.task).await.unwrap().unwrap(), end);
}

#[tokio::test]
async fn a_supervisor_that_hangs_does_not_keep_a_server_from_starting() {
    let mut host = Host::new().await;
    let spec = spec([shell("web", "exec sleep 600")]);
    let before = host.run(&spec).await;
    let supervisor = Pid::from_raw(supervisor_in(&host.folder(&spec.task)).unwrap()).unwrap();
    host.reopen_after(async move { kill_process(supervisor, Signal::STOP).unwrap() }).await;
    assert_eq!(host.tasks().observe_task(&spec.task).await.unwrap(), Some(before));
    kill_process(supervisor, Signal::KILL).unwrap();
    assert!(matches!(host.end(&spec.task).await.cause, Some(StopCause::Lost { .. })));
}

#[tokio::test]
async fn shutdown_may_stop_all_tasks_and_waits_for_them() {
    let host = Host::new().await;
    let specs = [spec([shell("web", "exec sleep 600")]), spec([shell("web", "exec sleep 600")])];
    for spec in &specs {
        host.run(spec).await;
    }
    host.tasks().shutdown(ProcessShutdown::Stop).await.unwrap();
    for spec in &specs {
        let task = host.tasks().observe_task(&spec.task).await.unwrap().unwrap();
        assert_eq!(task.cause, Some(StopCause::Requested));
        // 128 + SIGTERM.
        assert_eq!(only(&task).state, ContainerState::Exited { code: Some(143), reason: None });
    }
}

#[tokio::test]
async fn a_data_folder_may_have_a_path_longer_than_a_sockets_address() {
    // sockaddr_un(7): 108 bytes with the end.
    let data = tempfile::Builder::new().prefix(&"long-".repeat(30)).tempdir().unwrap();
    let mut host = Host::in_folder(data).await;
    let spec = spec([shell("web", "exec sleep 600")]);
    host.run(&spec).await;
    host.reopen_after(async {}).await;
    host.tasks().stop_task(&spec.task).await.unwrap();
    assert_eq!(host.end(&spec.task).await.phase, TaskPhase::Stopped);
}

fn kill_supervisor(folder: &std::path::Path) {
    let pid = supervisor_in(folder).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}
