//! How a [`ProcessTaskManager`](crate::ProcessTaskManager) is set up.

use std::path::PathBuf;

/// Settings of a [`ProcessTaskManager`](crate::ProcessTaskManager).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessConfig {
    /// Where tasks and volumes are kept; made if it is not there. Two managers may share it: neither runs a task twice.
    pub data_dir: PathBuf,
    /// How a task's supervisor is started.
    pub supervisor: SupervisorCommand,
    /// The `PATH` of containers that set none. Default: Docker's.
    pub search_path: String,
    /// How large one of the two files grows that keep a container's output, in bytes. Default: 10 MiB.
    pub log_file_size: u64,
}

impl ProcessConfig {
    /// The defaults, with what has none.
    pub fn new(data_dir: impl Into<PathBuf>, supervisor: SupervisorCommand) -> Self {
        Self {
            data_dir: data_dir.into(),
            supervisor,
            search_path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            log_file_size: 10 * 1024 * 1024,
        }
    }
}

/// How a task's supervisor is started: a program that ends in [`run_task_supervisor`](crate::run_task_supervisor).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorCommand {
    /// The program that runs now, with these arguments before the supervisor's own. It is found even after another file took its place.
    CurrentExe(Vec<String>),
    /// Another program, such as the `kecs-task-supervisor` that this crate builds.
    Path(PathBuf),
}

/// What becomes of the tasks when a manager is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessShutdown {
    /// They go on, and the next manager on the same data folder finds them.
    Leave,
    /// They are stopped, each with its own stop time-outs, and waited for.
    Stop,
}
