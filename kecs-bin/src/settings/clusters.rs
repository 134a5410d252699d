//! `clusters:` of the configuration file: the clusters that are made at the start, and the LocalStack of each.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use kecs_localstack::LocalStackConfig;
use serde::Deserialize;

use super::values::{BadValue, in_home};

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
    /// Makes what is relative to the file, or to the home folder, absolute.
    pub(super) fn relative_to(&mut self, folder: &Path) -> Result<(), BadValue> {
        let Some(localstack) = &mut self.localstack else { return Ok(()) };
        for file in localstack.files_mut() {
            *file = folder.join(in_home(file)?);
        }
        Ok(())
    }
}

/// What cannot be of several clusters, and the way out; `None` if all is well.
pub(super) fn contradiction(clusters: &[ClusterSettings]) -> Option<String> {
    let mut names = HashSet::new();
    let mut ports = HashMap::new();
    for ClusterSettings { name, localstack } in clusters {
        if !names.insert(name) {
            return Some(format!("cluster {name} is there twice: leave one out"));
        }
        let port = localstack.as_ref().filter(|localstack| localstack.enabled).and_then(|localstack| localstack.port);
        // Two LocalStacks that start together both find it free, and listen on it side by side.
        if let Some((port, other)) = port.and_then(|port| Some((port, ports.insert(port, name)?))) {
            return Some(format!("clusters {other} and {name} both have port {port}: leave it out for a free one"));
        }
    }
    None
}
