//! Why a task was not placed, in ECS's words.

use std::fmt;

/// The message of the InvalidParameterException that RunTask answers where a cluster has no ACTIVE container instance.
pub const NO_CONTAINER_INSTANCES: &str = "No Container Instances were found in your cluster.";

/// What stands against an instance: the `reason` of a failure of RunTask or StartTask ("API failure reasons" of the developer guide).
///
/// In the order in which they are checked, so that a greater one came closer to taking the task. The order is ours; AWS documents none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It takes no tasks. Only for StartTask: RunTask and services pass it over.
    Inactive,
    /// Its agent is disconnected.
    Agent,
    /// It lacks an attribute that the task definition requires.
    Attribute,
    /// A `memberOf` constraint does not select it.
    MemberOf,
    /// A task of the group is on it already.
    DistinctInstance,
    /// Too few CPU units are left.
    Cpu,
    /// Too little memory is left.
    Memory,
    /// Too few GPUs are left.
    Gpu,
    /// A TCP host port is taken.
    Ports,
    /// A UDP host port is taken.
    PortsUdp,
}

impl Reason {
    /// The text in `failures[].reason`. `RESOURCE:` is followed by the name of the resource as DescribeContainerInstances has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "INACTIVE",
            Self::Agent => "AGENT",
            Self::Attribute => "ATTRIBUTE",
            Self::MemberOf => "MemberOf placement constraint unsatisfied.",
            Self::DistinctInstance => "DistinctInstance placement constraint unsatisfied.",
            Self::Cpu => "RESOURCE:CPU",
            Self::Memory => "RESOURCE:MEMORY",
            Self::Gpu => "RESOURCE:GPU",
            Self::Ports => "RESOURCE:PORTS",
            Self::PortsUdp => "RESOURCE:PORTS_UDP",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One instance that could not take the task: a member of RunTask's `failures`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementFailure {
    /// The instance's id.
    pub container_instance: String,
    /// What stood against it.
    pub reason: Reason,
}

/// No instance can take the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaceable {
    /// Each ACTIVE instance, in the order of the candidates; empty where there is none.
    pub failures: Vec<PlacementFailure>,
}

impl Unplaceable {
    /// The instance that came closest: the first of those whose reason was checked last.
    pub fn closest(&self) -> Option<&PlacementFailure> {
        // `max_by_key` keeps the last of equals.
        self.failures.iter().rev().max_by_key(|failure| failure.reason)
    }

    /// The message of the service event ("Service event messages" of the developer guide, with the parentheses that the API has).
    pub fn service_event(&self, service_name: &str) -> String {
        let what = format!(
            "(service {service_name}) was unable to place a task because no container instance met all of its requirements."
        );
        let why = match self.closest() {
            None => format!("Reason: {NO_CONTAINER_INSTANCES}"),
            Some(PlacementFailure { container_instance, reason }) => {
                let how = match reason {
                    Reason::Cpu => "has insufficient CPU units available.".to_owned(),
                    Reason::Memory => "has insufficient memory available.".to_owned(),
                    Reason::Ports | Reason::PortsUdp => "is already using a port required by your task.".to_owned(),
                    Reason::Attribute => "is missing an attribute required by your task.".to_owned(),
                    Reason::Inactive | Reason::Agent | Reason::MemberOf | Reason::DistinctInstance | Reason::Gpu => {
                        format!("encountered error \"{reason}\".")
                    }
                };
                format!("The closest matching (container-instance {container_instance}) {how}")
            }
        };
        format!("{what} {why} For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")
    }
}

impl fmt::Display for Unplaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.closest() {
            None => f.write_str("there is no active container instance"),
            Some(closest) => write!(f, "no container instance can take the task, the closest one for {}", closest.reason),
        }
    }
}

impl std::error::Error for Unplaceable {}
