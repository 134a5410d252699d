//! What is written on a task's pod, so that whoever finds it can carry on: the rules by which it runs, and that it is to end.
//!
//! Values of the environment are no part of it.

use std::collections::BTreeMap;
use std::time::Duration;

use kecs_core::task_spec::{Condition, Protocol, RestartPolicy};
use kecs_core::{StopCause, TaskRef};
use kecs_model::Timestamp;
use serde::{Deserialize, Serialize};

/// A task by ECS's rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskPlan {
    pub(crate) task: TaskRef,
    /// Whether the pod's addresses are the task's own, not the node's (network modes `awsvpc` and `bridge`).
    pub(crate) own_address: bool,
    /// In the order of the task definition.
    pub(crate) containers: Vec<ContainerPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_router: Option<LogRouterPlan>,
}

/// The container that gets the output of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRouterPlan {
    /// The router's name.
    pub(crate) container: String,
    /// The names of those that log to it.
    pub(crate) senders: Vec<String>,
}

/// A container by ECS's rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContainerPlan {
    /// As the task definition has it.
    pub(crate) name: String,
    /// As the pod has it.
    pub(crate) part: String,
    pub(crate) image: String,
    pub(crate) essential: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) needs: Vec<Need>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) stop_timeout: Duration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restart: Option<RestartPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<HealthPlan>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) bindings: Vec<BindingPlan>,
}

/// What has to be so before a container starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Need {
    /// The other container's name.
    pub(crate) container: String,
    #[serde(with = "ConditionName")]
    pub(crate) condition: Condition,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Condition", rename_all = "UPPERCASE")]
enum ConditionName {
    Start,
    Complete,
    Success,
    Healthy,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestartPlan {
    pub(crate) ignored_exit_codes: Vec<i32>,
    pub(crate) attempt_period: Duration,
}

impl From<&RestartPolicy> for RestartPlan {
    fn from(policy: &RestartPolicy) -> Self {
        let RestartPolicy { ignored_exit_codes, attempt_period } = policy;
        Self { ignored_exit_codes: ignored_exit_codes.clone(), attempt_period: *attempt_period }
    }
}

impl RestartPlan {
    /// Whether a container that ended with `code` is started again, if it ran for long enough.
    pub(crate) fn covers(&self, code: i32) -> bool {
        !self.ignored_exit_codes.contains(&code)
    }
}

/// When a container that was never healthy is unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HealthPlan {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) start_period: Duration,
}

impl HealthPlan {
    /// How long after the start as many checks as `retries` have failed for certain, if none has passed.
    pub(crate) fn verdict_after(&self) -> Duration {
        let grace = self.start_period.max(self.interval);
        grace + (self.interval + self.timeout) * self.retries
    }
}

/// A port of the node that is a container's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BindingPlan {
    pub(crate) container_port: u16,
    pub(crate) host_port: u16,
    #[serde(with = "ProtocolName")]
    pub(crate) protocol: Protocol,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Protocol", rename_all = "UPPERCASE")]
enum ProtocolName {
    Tcp,
    Udp,
}

/// That a task ends, written when its end begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StopOrder {
    pub(crate) cause: StopCause,
    pub(crate) at: Timestamp,
    /// When each container was told to end, by its name in the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) told: BTreeMap<String, Timestamp>,
}

impl StopOrder {
    pub(crate) fn new(cause: StopCause, at: Timestamp) -> Self {
        Self { cause, at, told: BTreeMap::new() }
    }
}
