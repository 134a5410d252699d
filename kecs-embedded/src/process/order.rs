//! What a supervisor is told: a task, planned down to the words of each command line.
//!
//! It travels over a socket and is never written to a file, for it holds the containers' environments.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use kecs_core::TaskRef;
use kecs_core::task_spec::Condition;
use serde::{Deserialize, Serialize};

use super::record::BindingRecord;

/// One task for one supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TaskOrder {
    pub(super) task: TaskRef,
    pub(super) arn: String,
    /// The arguments with which the supervisor's own program does the last steps before a container's program.
    pub(super) exec_arguments: Vec<String>,
    /// How large one file of a container's output grows, in bytes.
    pub(super) log_file_size: u64,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) containers: Vec<ContainerOrder>,
}

/// One container.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ContainerOrder {
    pub(super) name: String,
    pub(super) essential: bool,
    pub(super) depends_on: Vec<DependencyOrder>,
    pub(super) start_timeout: Option<Duration>,
    pub(super) stop_timeout: Duration,
    pub(super) restart: Option<RestartOrder>,
    pub(super) health_check: Option<HealthCheckOrder>,
    pub(super) bindings: Vec<BindingRecord>,
    /// Whether it waits for those who read its output, and until the first of them came.
    pub(super) blocking_output: bool,
    pub(super) program: ProgramOrder,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DependencyOrder {
    pub(super) container: String,
    #[serde(with = "ConditionOrder")]
    pub(super) condition: Condition,
}

/// [`Condition`], as it travels.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Condition")]
enum ConditionOrder {
    Start,
    Complete,
    Success,
    Healthy,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RestartOrder {
    pub(super) ignored_exit_codes: Vec<i32>,
    pub(super) attempt_period: Duration,
}

#[derive(Serialize, Deserialize)]
pub(super) struct HealthCheckOrder {
    pub(super) arguments: Vec<String>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) start_period: Duration,
}

impl fmt::Debug for HealthCheckOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arguments: _, interval, timeout, retries, start_period } = self;
        f.debug_struct("HealthCheckOrder")
            .field("interval", interval)
            .field("timeout", timeout)
            .field("retries", retries)
            .field("start_period", start_period)
            .finish_non_exhaustive()
    }
}

/// How a program is run: what the exec stage needs to become it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ProgramOrder {
    /// The program and its arguments. Never empty.
    pub(super) arguments: Vec<String>,
    /// All of it: nothing is inherited.
    pub(super) environment: Vec<(String, String)>,
    /// Where it starts; absolute, or relative to the task's folder.
    pub(super) directory: PathBuf,
    /// As whom it runs; `None` is the supervisor's own user.
    pub(super) identity: Option<Identity>,
    pub(super) limits: Vec<Limit>,
    /// Neither it nor what it starts may gain rights by an exec.
    pub(super) no_new_privileges: bool,
}

impl fmt::Debug for ProgramOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arguments: _, environment: _, directory, identity, limits, no_new_privileges } = self;
        f.debug_struct("ProgramOrder")
            .field("directory", directory)
            .field("identity", identity)
            .field("limits", limits)
            .field("no_new_privileges", no_new_privileges)
            .finish_non_exhaustive()
    }
}

/// A command for a container that runs.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SessionOrder {
    pub(super) container: String,
    /// The program and its arguments. Never empty.
    pub(super) arguments: Vec<String>,
    /// The terminal that it gets.
    pub(super) terminal: Option<TerminalOrder>,
}

impl fmt::Debug for SessionOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { container, arguments: _, terminal } = self;
        f.debug_struct("SessionOrder").field("container", container).field("terminal", terminal).finish_non_exhaustive()
    }
}

/// A terminal's size.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct TerminalOrder {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

/// A user and its groups, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The supplementary groups.
    pub(super) groups: Vec<u32>,
}

/// A resource limit; `None` is unlimited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Limit {
    pub(super) name: String,
    pub(super) soft: Option<u64>,
    pub(super) hard: Option<u64>,
}
