//! A container instance, as far as placement looks at it.

use std::collections::{BTreeMap, BTreeSet};

use kecs_model::Timestamp;

use super::InstanceView;

/// A container instance that a task may go to.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// Its id, the last part of its ARN: what service events name.
    pub id: String,
    /// Only ACTIVE instances take tasks.
    pub status: InstanceStatus,
    /// Whether its agent is connected.
    pub agent_connected: bool,
    /// Its agent's version, such as `1.14.5`.
    pub agent_version: Option<String>,
    /// Its EC2 instance.
    pub ec2_instance_id: Option<String>,
    /// When it was registered.
    pub registered_at: Option<Timestamp>,
    /// Built-in and custom attributes; one without a value has an empty one.
    pub attributes: BTreeMap<String, String>,
    /// What its tasks have left.
    pub free: FreeResources,
    /// Host ports, TCP, that its tasks and the instance itself take.
    pub reserved_ports: BTreeSet<u16>,
    /// The same for UDP.
    pub reserved_ports_udp: BTreeSet<u16>,
    /// The tasks on it that are not stopped.
    pub tasks: Vec<PlacedTask>,
}

/// What is left of an instance's resources (`remainingResources`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreeResources {
    /// CPU units.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
    /// Whole GPUs.
    pub gpu: u64,
}

/// A task on an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedTask {
    /// Its group, such as `service:web`.
    pub group: String,
    /// Whether it is RUNNING: `runningTasksCount` counts only these.
    pub is_running: bool,
}

/// The status of a container instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Takes tasks.
    #[default]
    Active,
    /// Its service tasks move away, and it takes no others.
    Draining,
    /// It was deregistered, or has not yet finished registering.
    Inactive,
}

impl InstanceView for Candidate {
    fn agent_connected(&self) -> bool {
        self.agent_connected
    }

    fn agent_version(&self) -> Option<&str> {
        self.agent_version.as_deref()
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        self.ec2_instance_id.as_deref()
    }

    fn registered_at(&self) -> Option<Timestamp> {
        self.registered_at
    }

    fn running_tasks_count(&self) -> u64 {
        self.tasks.iter().filter(|task| task.is_running).count() as u64
    }

    fn task_groups(&self) -> Vec<&str> {
        self.tasks.iter().map(|task| task.group.as_str()).collect()
    }
}
