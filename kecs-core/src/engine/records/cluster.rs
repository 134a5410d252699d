//! Clusters.

use kecs_model::ecs::{Cluster, Tag};
use serde::{Deserialize, Serialize};

use crate::engine::table::Record;

/// A cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClusterRecord {
    /// The name, once more, as the key.
    pub(crate) name: String,
    /// As clients see it, without counts, statistics and tags.
    pub(crate) cluster: Cluster,
    /// Its tags.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// Whether it was deleted: such a cluster stays describable for a while.
    #[serde(default)]
    pub(crate) inactive: bool,
}

impl Record for ClusterRecord {
    const TABLE: &'static str = "cluster";

    fn key(&self) -> String {
        self.name.clone()
    }
}
