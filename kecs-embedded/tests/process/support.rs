//! A manager in a folder of its own, and what tests ask of it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kecs_core::testing::{ContainerBuilder, container};
use kecs_core::{
    ContainerObservation, ContainerState, LogQuery, StopCause, TaskEvent, TaskManager, TaskObservation, TaskPhase, TaskRef,
    TaskSpec,
};
use kecs_embedded::{ProcessConfig, ProcessShutdown, ProcessTaskManager, SupervisorCommand};
use tempfile::TempDir;

/// Larger than the output of any test that does not say another.
const LOG_FILE_SIZE: u64 = 10 << 20;

/// A data folder and a manager on it.
pub(crate) struct Host {
    data: TempDir,
    log_file_size: u64,
    manager: Option<ProcessTaskManager>,
}

impl Host {
    pub(crate) async fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap()).await
    }

    pub(crate) async fn in_folder(data: TempDir) -> Self {
        Self::keeping(data, LOG_FILE_SIZE).await
    }

    /// With files of output that grow to so many bytes.
    pub(crate) async fn keeping(data: TempDir, log_file_size: u64) -> Self {
        let manager = open(data.path(), log_file_size).await;
        Self { data, log_file_size, manager: Some(manager) }
    }

    pub(crate) fn tasks(&self) -> &ProcessTaskManager {
        self.manager.as_ref().expect("it is away only while it is opened again")
    }

    /// Ends the manager as a server's end does, does something, and opens another one.
    pub(crate) async fn reopen_after(&mut self, work: impl Future<Output = ()>) {
        let manager = self.manager.take().expect("it is away only here");
        manager.shutdown(ProcessShutdown::Leave).await.unwrap();
        drop(manager);
        work.await;
        self.manager = Some(open(self.data.path(), self.log_file_size).await);
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn folder(&self, task: &TaskRef) -> PathBuf {
        self.data.path().join("tasks").join(task.id.to_string())
    }

    pub(crate) async fn ensure(&self, spec: &TaskSpec) {
        self.tasks().ensure_task(spec).await.unwrap();
    }

    /// Starts the task and waits until all of it runs.
    pub(crate) async fn run(&self, spec: &TaskSpec) -> TaskObservation {
        self.ensure(spec).await;
        self.until(&spec.task, |task| task.phase >= TaskPhase::Running).await
    }

    /// Starts the task and waits for its end.
    pub(crate) async fn run_to_end(&self, spec: &TaskSpec) -> TaskObservation {
        self.ensure(spec).await;
        self.end(&spec.task).await
    }

    pub(crate) async fn end(&self, task: &TaskRef) -> TaskObservation {
        self.until(task, |task| task.phase == TaskPhase::Stopped).await
    }

    /// The first observation of the task that is as wanted.
    pub(crate) async fn until(&self, task: &TaskRef, mut is_wanted: impl FnMut(&TaskObservation) -> bool) -> TaskObservation {
        let mut events = self.tasks().watch_tasks(&task.cluster);
        in_time("the task to be as wanted", async {
            loop {
                let seen = match events.next().await.expect("the watch goes on").unwrap() {
                    TaskEvent::Resynced(all) => all,
                    TaskEvent::Observed(one) => vec![one],
                    other => panic!("{other:?}"),
                };
                if let Some(found) = seen.into_iter().find(|seen| seen.task == *task && is_wanted(seen)) {
                    return found;
                }
            }
        })
        .await
    }

    /// All that a container wrote, in lines.
    pub(crate) async fn output(&self, task: &TaskRef, container: &str) -> Vec<String> {
        let lines = self.tasks().logs(task, container, LogQuery::follow()).await.unwrap();
        let lines = in_time("the log to end", lines.try_collect::<Vec<_>>()).await.unwrap();
        lines.iter().map(|line| String::from_utf8_lossy(&line.line).into_owned()).collect()
    }

    /// The first line that a container writes.
    pub(crate) async fn first_line(&self, task: &TaskRef, container: &str) -> String {
        let mut lines = self.tasks().logs(task, container, LogQuery::follow()).await.unwrap();
        let line = in_time("a line of output", lines.next()).await.expect("the container writes").unwrap();
        String::from_utf8_lossy(&line.line).into_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A test that failed, or needs no end of its task, must not leave processes.
        let tasks = std::fs::read_dir(self.data.path().join("tasks")).into_iter().flatten().flatten();
        for task in tasks {
            let left = running_of(task.file_name().to_str().unwrap());
            for pid in supervisor_in(&task.path()).into_iter().chain(left) {
                // It may have ended by itself.
                let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL);
            }
        }
    }
}

/// The processes of a task, wherever they are.
pub(crate) fn running_of(task: &str) -> Vec<i32> {
    kecs_process::ids().filter(|&pid| kecs_process::value(pid, "KECS_TASK_ID").is_some_and(|mark| mark == task)).collect()
}

async fn open(data: &Path, log_file_size: u64) -> ProcessTaskManager {
    let supervisor = SupervisorCommand::Path(env!("CARGO_BIN_EXE_kecs-task-supervisor").into());
    let mut config = ProcessConfig::new(data, supervisor);
    config.log_file_size = log_file_size;
    ProcessTaskManager::open(config).await.unwrap()
}

/// The process id of the living supervisor of a task's folder, as the state there tells it.
pub(crate) fn supervisor_in(folder: &Path) -> Option<i32> {
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("state.json")).ok()?).ok()?;
    let pid = state["supervisor"]["pid"].as_i64()?;
    (state["phase"] != "Stopped").then_some(i32::try_from(pid).unwrap())
}

/// A container that runs a line of shell.
pub(crate) fn shell(name: &str, line: &str) -> ContainerBuilder {
    container(name).command(["/bin/sh", "-c", line])
}

/// Fails instead of hanging; long enough for a busy machine.
pub(crate) async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(30), work).await;
    done.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) fn only(task: &TaskObservation) -> &ContainerObservation {
    assert_eq!(task.containers.len(), 1);
    &task.containers[0]
}

pub(crate) fn named<'a>(task: &'a TaskObservation, name: &str) -> &'a ContainerObservation {
    task.containers.iter().find(|container| container.name == name).unwrap()
}

pub(crate) fn code(container: &ContainerObservation) -> Option<i32> {
    match &container.state {
        ContainerState::Exited { code, .. } => *code,
        other => panic!("it has not ended: {other:?}"),
    }
}

pub(crate) fn failed_to_start(task: &TaskObservation) -> &str {
    match &task.cause {
        Some(StopCause::FailedToStart { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn pid(container: &ContainerObservation) -> i32 {
    container.runtime_id.as_ref().unwrap().parse().unwrap()
}

/// Whether a process runs; one that has ended and was not asked for its exit code does not.
pub(crate) fn is_running(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat[stat.rfind(')').unwrap()..].trim_start_matches(')').trim().starts_with('Z'))
}
