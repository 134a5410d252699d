//! Task sets of services with the EXTERNAL deployment controller.

use kecs_model::ecs::{Tag, TaskSet};
use serde::{Deserialize, Serialize};

use super::service::service_key;
use crate::engine::table::Record;

/// A task set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskSetRecord {
    /// The cluster's name, as part of the key.
    pub(crate) cluster: String,
    /// The service's name, as part of the key.
    pub(crate) service: String,
    /// `ecs-svc/<n>`, as part of the key, and `startedBy` of its tasks.
    pub(crate) id: String,
    /// As clients see it, without counts, stability and tags.
    pub(crate) task_set: TaskSet,
    /// Its tags.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// The `clientToken` that it was created with.
    #[serde(default)]
    pub(crate) client_token: Option<String>,
}

/// The key of a service's task set.
pub(crate) fn task_set_key(cluster: &str, service: &str, id: &str) -> String {
    format!("{}/{id}", service_key(cluster, service))
}

impl TaskSetRecord {
    /// Whether it has this status.
    pub(crate) fn is(&self, status: &str) -> bool {
        self.task_set.status.as_deref() == Some(status)
    }
}

impl Record for TaskSetRecord {
    const TABLE: &'static str = "task-set";

    fn key(&self) -> String {
        task_set_key(&self.cluster, &self.service, &self.id)
    }
}
