//! Hosts of a backend that are container instances: what [`TaskManager::watch_instances`](crate::TaskManager::watch_instances) tells.

use std::collections::BTreeMap;

use futures::stream::BoxStream;

use crate::{BackendError, ClusterRef};

/// A host of the backend's that is a container instance of a cluster, as an ECS agent on it would register it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInstance {
    /// The cluster that it is of. One that does not exist is waited for.
    pub cluster: ClusterRef,
    /// The container instance's id: 32 lower-case hexadecimal digits, the same for as long as the host is that host. It is what
    /// [`TaskSpec::instance`](crate::TaskSpec::instance) names.
    pub id: String,
    /// What its operators call it; clients see it as `ec2InstanceId`.
    pub name: String,
    /// CPU units for tasks, 1024 for each vCPU.
    pub cpu: u32,
    /// MiB of memory for tasks.
    pub memory: u32,
    /// The ids of its GPUs.
    pub gpus: Vec<String>,
    /// Attributes, by name; the value may be empty. "Amazon ECS container instance attributes" has the names of ECS's own.
    pub attributes: BTreeMap<String, String>,
    /// What runs there in the place of the agent, and of Docker: versions, as `versionInfo` shows them.
    pub agent_version: Option<String>,
    /// See [`agent_version`](Self::agent_version).
    pub runtime_version: Option<String>,
    /// Whether it can take tasks; clients see it as `agentConnected`, and nothing is placed on an instance that is not.
    pub available: bool,
    /// Whether it [takes no tasks](crate::TaskManager::drain_instance) because that was asked for.
    pub drained: bool,
}

/// Something that happened to a backend's hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostEvent {
    /// All that there are. It is the first event of a watch, and may come again.
    Resynced(Vec<HostInstance>),
    /// One is there, or is not as it was.
    Observed(HostInstance),
    /// One is gone, or is of that cluster no more.
    Gone {
        /// The cluster that it was of.
        cluster: ClusterRef,
        /// Its id.
        id: String,
    },
}

/// The hosts of a backend, from a first [`HostEvent::Resynced`] on. An error ends it.
pub type HostStream = BoxStream<'static, Result<HostEvent, BackendError>>;
