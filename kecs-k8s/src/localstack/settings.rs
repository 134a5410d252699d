//! What a LocalStack in a cluster is asked to be.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use kecs_core::SecretValue;

use crate::config::VolumeClass;

/// Settings of one LocalStack in a Kubernetes cluster.
#[derive(Clone)]
#[non_exhaustive]
pub struct LocalStackSettings {
    /// The ECS cluster that has it for itself; `None` is the one that all others share.
    pub cluster: Option<String>,
    /// Its image with a tag that stays what it is, such as `localstack/localstack:4.14.0`.
    pub image: String,
    /// When its image is pulled; `None` (the default) is Kubernetes' own rule.
    pub image_pull_policy: Option<String>,
    /// The variables of its container.
    pub environment: BTreeMap<String, String>,
    /// The variable of its licence's token, and the token, which is kept in a Secret. Default: none.
    pub token: Option<(String, SecretValue)>,
    /// The volume that keeps its files across restarts. Default (`None`): they go with its pod.
    pub volume: Option<VolumeClass>,
    /// What a node must have free for it. Default: a tenth of a processor and 512 MiB.
    pub requests: BTreeMap<String, String>,
    /// How long its program may take to answer for the first time, in whole seconds. Default: 2 minutes.
    pub start_timeout: Duration,
    /// How long it may take to end upon SIGTERM, in whole seconds. Default: 10 s.
    pub stop_timeout: Duration,
    /// Whether it is reached through the API server also where its Service could be. Default: no.
    pub always_forward: bool,
    /// The port of loopback on which it is forwarded where its Service cannot be reached. Default: a free one.
    pub forwarded_port: Option<u16>,
}

impl LocalStackSettings {
    /// The shared one of this image, and the defaults.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            cluster: None,
            image: image.into(),
            image_pull_policy: None,
            environment: BTreeMap::new(),
            token: None,
            volume: None,
            requests: [("cpu", "100m"), ("memory", "512Mi")].map(|(of, much)| (of.to_owned(), much.to_owned())).into(),
            start_timeout: Duration::from_mins(2),
            stop_timeout: Duration::from_secs(10),
            always_forward: false,
            forwarded_port: None,
        }
    }
}

impl fmt::Debug for LocalStackSettings {
    /// Without the values of its environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalStackSettings")
            .field("cluster", &self.cluster)
            .field("image", &self.image)
            .field("environment", &self.environment.keys().collect::<Vec<_>>())
            .field("volume", &self.volume)
            .finish_non_exhaustive()
    }
}
