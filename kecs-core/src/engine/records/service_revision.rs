//! Service revisions: what a deployment deploys.

use kecs_model::ecs::ServiceRevision;
use serde::{Deserialize, Serialize};

use super::service::service_key;
use crate::engine::table::Record;

/// A service revision. Never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceRevisionRecord {
    /// The cluster's name, as part of the key.
    pub(crate) cluster: String,
    /// The service's name, as part of the key.
    pub(crate) service: String,
    /// The number that ends the ARN, and the id of the deployment, as part of the key.
    pub(crate) number: String,
    /// As clients see it.
    pub(crate) revision: ServiceRevision,
}

/// The key of a service's revision.
pub(crate) fn revision_key(cluster: &str, service: &str, number: &str) -> String {
    format!("{}/{number}", service_key(cluster, service))
}

impl Record for ServiceRevisionRecord {
    const TABLE: &'static str = "service-revision";

    fn key(&self) -> String {
        revision_key(&self.cluster, &self.service, &self.number)
    }
}
