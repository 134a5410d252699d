//! Service deployments: the history of what was deployed, and how it went.

use kecs_model::ecs::{ServiceDeployment, ServiceDeploymentStatus};
use serde::{Deserialize, Serialize};

use super::service::service_key;
use crate::engine::table::Record;

/// A service deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceDeploymentRecord {
    /// The cluster's name, as part of the key.
    pub(crate) cluster: String,
    /// The service's name, as part of the key.
    pub(crate) service: String,
    /// The id that ends the ARN, as part of the key.
    pub(crate) id: String,
    /// As clients see it. The counts of its revisions, and of its circuit breaker, are those of its end; until then they are counted when it
    /// is described.
    pub(crate) deployment: ServiceDeployment,
    /// The number of the revision that is deployed.
    pub(crate) target: String,
    /// The numbers of the revisions that are replaced.
    #[serde(default)]
    pub(crate) sources: Vec<String>,
}

/// The key of a service's deployment.
pub(crate) fn deployment_key(cluster: &str, service: &str, id: &str) -> String {
    format!("{}/{id}", service_key(cluster, service))
}

impl ServiceDeploymentRecord {
    /// Whether it goes on.
    pub(crate) fn ongoing(&self) -> bool {
        use ServiceDeploymentStatus::{InProgress, Pending, RollbackInProgress, RollbackRequested, StopRequested};
        matches!(self.deployment.status, Some(Pending | InProgress | StopRequested | RollbackRequested | RollbackInProgress))
    }
}

impl Record for ServiceDeploymentRecord {
    const TABLE: &'static str = "service-deployment";

    fn key(&self) -> String {
        deployment_key(&self.cluster, &self.service, &self.id)
    }
}
