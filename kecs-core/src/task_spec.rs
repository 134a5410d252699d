//! A task as a backend sees it: resolved, defaulted, and free of ECS's wire shapes.
//!
//! Only `kecs_core::resolve` makes a [`TaskSpec`]. Its types are plain data with public fields and no `Default`, made to be
//! destructured without `..`: a new field stops every backend from compiling until it is honoured or refused with a reason.

mod artifact;
mod container;
mod environment;
mod log_router;
mod volume;

pub use artifact::{Artifact, Checksum};
pub use container::{
    Condition, ContainerSpec, Dependency, Device, HealthCheck, HealthCommand, LinuxParameters, LogConfiguration, PortMapping,
    Protocol, RestartPolicy, Tmpfs, Ulimit,
};
pub use environment::EnvValue;
pub use log_router::{FLUENT_PORT, LogRouter, Route, RouterInclude, RouterInputs, RouterKind};
pub use volume::{Mount, Volume, VolumeSource};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::TaskRef;

/// Everything that a backend needs to run one task.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Which task this is; the key of every later call.
    pub task: TaskRef,
    /// The task's ARN in long format.
    pub arn: Arc<str>,
    /// The task definition's family.
    pub family: Arc<str>,
    /// The task definition's revision.
    pub revision: i32,
    /// The task's group: `service:<name>`, `family:<family>` or what the caller chose. A label for people, never an identity.
    pub group: Arc<str>,
    /// The id of the container instance that the task was placed on; `None` where the backend chooses.
    pub instance: Option<Arc<str>>,
    /// The ARN of the task's role, for backends that can show containers who they are. Its credentials are no backend's to give.
    pub role: Option<Arc<str>>,
    /// The whole task's CPU, in units of 1/1024 of a processor; `None` is unlimited.
    pub cpu: Option<u32>,
    /// The whole task's memory in MiB; `None` is unlimited.
    pub memory: Option<u32>,
    /// How the task meets the network.
    pub network_mode: NetworkMode,
    /// With whom the task's containers share process ids.
    pub pid_mode: NamespaceMode,
    /// With whom the task's containers share IPC.
    pub ipc_mode: NamespaceMode,
    /// The operating system and processor that the images are for; `None` is the backend's own.
    pub platform: Option<Platform>,
    /// Scratch space for the task, in GiB, where the user set it.
    pub ephemeral_storage: Option<u32>,
    /// The task's volumes, by name.
    pub volumes: Vec<Volume>,
    /// The task's containers in the order of the task definition. Never empty; at least one is essential.
    pub containers: Vec<ContainerSpec>,
    /// The task's tags, for backends that can show them.
    pub tags: BTreeMap<String, String>,
}

/// ECS's network modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// A network interface of the task's own.
    AwsVpc,
    /// Behind the host's address translation; host ports may be dynamic.
    Bridge,
    /// The host's own network.
    Host,
    /// No network.
    None,
}

/// With whom containers share a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceMode {
    /// The backend's default: each container its own, or the task's.
    Default,
    /// The containers of the task share one.
    Task,
    /// The host's.
    Host,
    /// Each container its own, sharing with none.
    Private,
}

/// What the images are built for: ECS's `runtimePlatform`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Such as `LINUX` or `WINDOWS_SERVER_2022_CORE`.
    pub operating_system: String,
    /// `X86_64` or `ARM64`.
    pub cpu_architecture: String,
}
