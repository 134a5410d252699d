//! What a supervisor tells: the task as it is, on its socket and in `state.json`. It holds no environment and no command line.

use std::net::IpAddr;

use kecs_core::task_spec::Protocol;
use kecs_core::{ContainerObservation, ContainerState, Health, NetworkBinding, StopCause, TaskObservation, TaskPhase, TaskRef};
use kecs_model::Timestamp;
use serde::{Deserialize, Serialize};

/// A task as its supervisor finds it.
///
/// A server may meet a supervisor that an older or newer version of it started: fields are only ever added, with a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TaskRecord {
    pub(super) task: TaskRef,
    pub(super) phase: TaskPhase,
    pub(super) cause: Option<StopCause>,
    /// The supervisor; `None` for a task that never had one.
    pub(super) supervisor: Option<ProcessRecord>,
    pub(super) containers: Vec<ContainerRecord>,
    pub(super) addresses: Vec<IpAddr>,
    /// In milliseconds since 1970, as all times here.
    pub(super) started_at: Option<i64>,
    pub(super) stopped_at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ContainerRecord {
    pub(super) name: String,
    pub(super) state: ContainerState,
    pub(super) health: Health,
    /// Its process, or the last one that it had.
    pub(super) process: Option<ProcessRecord>,
    pub(super) restarts: u32,
    pub(super) bindings: Vec<BindingRecord>,
}

/// A process that cannot be mistaken for a later one with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessRecord {
    pub(super) pid: i32,
    /// When it started, in clock ticks since the machine did; `None` where the system does not tell.
    pub(super) start: Option<u64>,
    /// The boot of the machine that it belongs to.
    pub(super) boot: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BindingRecord {
    pub(super) container_port: u16,
    pub(super) host_port: u16,
    #[serde(with = "ProtocolRecord")]
    pub(super) protocol: Protocol,
}

/// [`Protocol`], as it travels.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Protocol")]
enum ProtocolRecord {
    Tcp,
    Udp,
}

impl TaskRecord {
    /// Whether nothing can change any more.
    pub(super) fn is_final(&self) -> bool {
        self.phase == TaskPhase::Stopped
    }

    /// The same task, over for a reason that its supervisor could not tell itself. Exit codes that nobody saw stay unknown.
    pub(super) fn ended(mut self, cause: StopCause, reason: &str, at: Timestamp) -> Self {
        self.phase = TaskPhase::Stopped;
        self.cause.get_or_insert(cause);
        self.stopped_at = Some(at.as_millis());
        for container in &mut self.containers {
            if !matches!(container.state, ContainerState::Exited { .. }) {
                container.state = ContainerState::Exited { code: None, reason: Some(reason.to_owned()) };
            }
        }
        self
    }

    pub(super) fn observation(&self) -> TaskObservation {
        TaskObservation {
            task: self.task.clone(),
            phase: self.phase,
            cause: self.cause.clone(),
            containers: self.containers.iter().map(ContainerRecord::observation).collect(),
            addresses: self.addresses.clone(),
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: self.started_at.map(Timestamp::from_millis),
            stopped_at: self.stopped_at.map(Timestamp::from_millis),
        }
    }
}

impl ContainerRecord {
    fn observation(&self) -> ContainerObservation {
        ContainerObservation {
            name: self.name.clone(),
            state: self.state.clone(),
            health: self.health,
            runtime_id: self.process.as_ref().map(|process| process.pid.to_string()),
            image_digest: None,
            network_bindings: self.bindings.iter().map(BindingRecord::network_binding).collect(),
            restarts: self.restarts,
        }
    }
}

impl BindingRecord {
    fn network_binding(&self) -> NetworkBinding {
        NetworkBinding {
            bind_ip: IpAddr::from([0, 0, 0, 0]),
            container_port: self.container_port,
            host_port: self.host_port,
            protocol: self.protocol,
        }
    }
}
