//! `clusters:` of the configuration file: the clusters that are made at the start, and the LocalStack of each.

use std::path::Path;

use kecs_localstack::LocalStackConfig;
use serde::Deserialize;

/// One cluster of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterSettings {
    /// Its name.
    pub(crate) name: String,
    /// Its LocalStack: one of its own, or the shared one where the cluster is `default`. `None` shares.
    #[serde(default)]
    pub(crate) localstack: Option<LocalStackConfig>,
}

impl ClusterSettings {
    /// Makes what is relative to the file absolute.
    pub(super) fn relative_to(&mut self, folder: &Path) {
        if let Some(localstack) = &mut self.localstack {
            localstack.relative_to(folder);
        }
    }
}
