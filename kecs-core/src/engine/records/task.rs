//! Tasks.

use std::net::IpAddr;

use kecs_model::Timestamp;
use kecs_model::ecs::{Tag, Task, TaskVolumeConfiguration};
use serde::{Deserialize, Serialize};

use crate::engine::table::Record;
use crate::{ClusterRef, TaskId, TaskRef};

/// A task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TaskRecord {
    /// The id, as the key.
    pub(crate) id: TaskId,
    /// The cluster that it runs in.
    pub(crate) cluster: ClusterRef,
    /// As clients see it, without tags.
    pub(crate) task: Task,
    /// Its tags.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// Who started it and looks after it. Never read off `group`, which anybody may set.
    #[serde(default)]
    pub(crate) owner: Owner,
    /// Protection from scale-in.
    #[serde(default)]
    pub(crate) protection: Option<Protection>,
    /// The `clientToken` and referenceId that it was started with.
    #[serde(default)]
    pub(crate) client_token: Option<String>,
    /// The containers that have a health check, whose health decides the task's.
    #[serde(default)]
    pub(crate) health_checked: Vec<String>,
    /// The network mode of its task definition, which decides how addresses are shown.
    #[serde(default)]
    pub(crate) network_mode: Option<String>,
    /// Where it is reached, as the backend told first. Shown to clients in network mode `awsvpc` only, and to the task itself.
    #[serde(default)]
    pub(crate) addresses: Vec<IpAddr>,
    /// The ARN of its role, by which it is found.
    #[serde(default)]
    pub(crate) role: Option<String>,
    /// Its Amazon EBS volume.
    #[serde(default)]
    pub(crate) volume: Option<ManagedVolume>,
    /// What its service's scheduler made of it so far.
    #[serde(default)]
    pub(crate) standing: Standing,
    /// Whether the backend may have it, however far it is.
    #[serde(default)]
    pub(crate) handed: bool,
}

/// An Amazon EBS volume that is made for a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ManagedVolume {
    /// `vol-…`.
    pub(crate) id: String,
    /// What was asked for.
    pub(crate) configuration: TaskVolumeConfiguration,
}

impl ManagedVolume {
    /// Whether it stays when the task has ended: "if no value is specified, the default value … true is used" (deleteOnTermination).
    pub(crate) fn kept(&self) -> bool {
        let managed = self.configuration.managed_ebs_volume.as_ref();
        let policy = managed.and_then(|managed| managed.termination_policy.as_ref());
        policy.is_some_and(|policy| policy.delete_on_termination == Some(false))
    }
}

/// What a service's scheduler made of a task, so that each task counts once, also after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// Nothing yet.
    #[default]
    New,
    /// It was counted as healthy.
    Proven,
    /// Its end was taken note of.
    Closed,
}

/// Who looks after a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    /// Nobody: RunTask or StartTask.
    #[default]
    Caller,
    /// A service's deployment, or one of its task sets.
    Service {
        /// The service's name.
        service: String,
        /// What `startedBy` says: `ecs-svc/<n>`, of the deployment or the task set.
        deployment: String,
    },
}

/// A task's protection from scale-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Protection {
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

impl TaskRecord {
    /// How backends know it.
    pub(crate) fn task_ref(&self) -> TaskRef {
        TaskRef { cluster: self.cluster.clone(), id: self.id }
    }

    /// The ECS state that it is in.
    pub(crate) fn last_status(&self) -> &str {
        self.task.last_status.as_deref().unwrap_or_default()
    }

    /// Whether it is to run.
    pub(crate) fn wanted(&self) -> bool {
        self.task.desired_status.as_deref() == Some("RUNNING")
    }

    /// Whether its life is over.
    pub(crate) fn stopped(&self) -> bool {
        self.last_status() == "STOPPED"
    }

    /// Whether the deployment or task set `ecs-svc/<n>` launched it.
    pub(crate) fn launched_by(&self, id: &str) -> bool {
        matches!(&self.owner, Owner::Service { deployment, .. } if deployment == id)
    }

    /// The service that looks after it.
    pub(crate) fn service(&self) -> Option<&str> {
        match &self.owner {
            Owner::Caller => None,
            Owner::Service { service, .. } => Some(service),
        }
    }

    /// The family of its task definition.
    pub(crate) fn family(&self) -> Option<&str> {
        let (_, name) = self.task.task_definition_arn.as_deref()?.split_once('/')?;
        Some(name.rsplit_once(':')?.0)
    }
}

impl Record for TaskRecord {
    const TABLE: &'static str = "task";

    fn key(&self) -> String {
        self.id.to_string()
    }
}
