//! What a backend sees of a task: facts, in a backend's words. Core alone turns them into ECS's states.

use std::net::IpAddr;

use kecs_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::TaskRef;
use crate::task_spec::Protocol;

/// A task as its backend finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskObservation {
    /// Which task.
    pub task: TaskRef,
    /// How far it is.
    pub phase: TaskPhase,
    /// Why it ends or ended; `None` while nothing has made it end.
    pub cause: Option<StopCause>,
    /// Its containers, in any order; one that the backend has not begun with may be missing.
    pub containers: Vec<ContainerObservation>,
    /// The addresses by which the task is reached, where it has its own or a bridge's (network modes `awsvpc` and `bridge`).
    pub addresses: Vec<IpAddr>,
    /// When the first image pull began.
    pub pull_started_at: Option<Timestamp>,
    /// When the last image pull ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// When all containers had started.
    pub started_at: Option<Timestamp>,
    /// When the last container ended.
    pub stopped_at: Option<Timestamp>,
}

impl TaskObservation {
    /// A task of which nothing is seen yet but how far it is.
    pub fn new(task: TaskRef, phase: TaskPhase) -> Self {
        Self {
            task,
            phase,
            cause: None,
            containers: Vec::new(),
            addresses: Vec::new(),
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopped_at: None,
        }
    }
}

/// How far a backend is with a task. Phases only go forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskPhase {
    /// Accepted; no host has been found for it yet. Told only by backends that [place tasks](crate::TaskCapabilities::places).
    Provisioning,
    /// Accepted, and where it is to run is known; not all containers have started.
    Starting,
    /// Every container has started (some may have ended as they should).
    Running,
    /// Containers are being stopped.
    Stopping,
    /// Every container has ended. Final.
    Stopped,
}

/// Why a task ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StopCause {
    /// [`stop_task`](crate::TaskManager::stop_task) was called.
    Requested,
    /// An essential container ended by itself.
    EssentialContainerExited,
    /// The task could not be started.
    FailedToStart {
        /// ECS's text, such as `CannotStartContainerError: …`.
        reason: String,
    },
    /// The task is gone and nobody saw how.
    Lost {
        /// What is known.
        reason: String,
    },
}

/// A container as its backend finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerObservation {
    /// The container's name in the task definition.
    pub name: String,
    /// How far it is.
    pub state: ContainerState,
    /// What its health check says; `Unknown` without one.
    pub health: Health,
    /// The backend's own id for it: a container id, or a process id.
    pub runtime_id: Option<String>,
    /// The digest of the image that runs.
    pub image_digest: Option<String>,
    /// The ports that are really bound.
    pub network_bindings: Vec<NetworkBinding>,
    /// Restarts in place, by its restart policy.
    pub restarts: u32,
}

/// How far a container is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerState {
    /// Not started: waiting for others, or being made ready.
    Pending,
    /// Started.
    Running,
    /// Ended, and not to be restarted.
    Exited {
        /// The exit code, 128 + signal where a signal ended it; `None` where it never ran or nobody saw it.
        code: Option<i32>,
        /// ECS's `reason`, such as `OutOfMemoryError: Container killed due to memory usage`.
        reason: Option<String>,
    },
}

/// ECS's `HealthStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Health {
    /// No health check, or no verdict yet.
    #[default]
    Unknown,
    /// The last check passed.
    Healthy,
    /// As many checks in a row failed as `retries` says.
    Unhealthy,
}

/// A container's port on the host: ECS's `networkBinding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkBinding {
    /// The address that it is bound to on the host.
    pub bind_ip: IpAddr,
    /// The port in the container.
    pub container_port: u16,
    /// The port on the host.
    pub host_port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}
