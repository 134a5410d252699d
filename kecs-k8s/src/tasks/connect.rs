//! How a manager finds its cluster.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kecs_core::{BackendError, ErrorKind};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::sync::OnceCell;

use super::{KubernetesTaskManager, answer};
use crate::config::KubernetesConfig;
use crate::error::backend_error;
use crate::index::Index;
use crate::nodes::Nodes;
use crate::pod::Abilities;
use crate::reactor::Reactor;

impl KubernetesTaskManager {
    /// Reads how to reach the cluster and begins to watch. Needs a tokio runtime with I/O and time.
    ///
    /// That the API server answers is not needed: as long as it does not, calls are `Unavailable` and the watch tries again.
    ///
    /// # Errors
    ///
    /// `Invalid` where nothing says how to reach a cluster, or not in a form that can be used; the source tells why.
    pub async fn connect(config: KubernetesConfig) -> Result<Self, BackendError> {
        Ok(Self::with_client(client(&config).await?, config))
    }

    /// The same with a client that is already there.
    pub fn with_client(client: Client, config: KubernetesConfig) -> Self {
        let (index, dirty) = Index::new(config.provisioning_timeout);
        let index = Arc::new(index);
        let reactor = Reactor::new(index.clone(), config.clock.clone());
        let reactor = tokio::spawn(reactor.run(client.clone(), config.prefix.clone(), dirty)).abort_handle();
        let nodes = Nodes::default();
        Self { client, config, index, abilities: OnceCell::new(), nodes, namespaces: Mutex::new(HashSet::new()), reactor }
    }

    /// Asks whether the API server answers, and what version it is.
    ///
    /// # Errors
    ///
    /// Why it does not; `Unavailable` and `Timeout` may pass.
    pub async fn check(&self) -> Result<(), BackendError> {
        self.abilities().await.map(drop)
    }

    /// What the cluster can do; asked once.
    pub(super) async fn abilities(&self) -> Result<Abilities, BackendError> {
        const ASKING: &str = "cannot ask for the version of Kubernetes";
        let ask = async || -> Result<Abilities, BackendError> {
            let version = answer(ASKING, self.client.apiserver_version()).await?;
            let minor = version.map_err(|error| backend_error(ASKING, error))?.minor;
            // Some distributions write "30+".
            let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
            Ok(Abilities::of(digits.parse().unwrap_or(0)))
        };
        self.abilities.get_or_try_init(ask).await.copied()
    }
}

/// A client of the cluster that a configuration means. Nothing is asked yet.
pub(crate) async fn client(config: &KubernetesConfig) -> Result<Client, BackendError> {
    let mut access = access(config).await?;
    access.connect_timeout = Some(Duration::from_secs(5));
    Client::try_from(access).map_err(|error| unusable(error.into()))
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn unusable(error: Cause) -> BackendError {
    BackendError::new(ErrorKind::Invalid, "nothing usable says how to reach a Kubernetes cluster").with_source(error)
}

async fn access(config: &KubernetesConfig) -> Result<Config, BackendError> {
    let options = KubeConfigOptions { context: config.context.clone(), ..KubeConfigOptions::default() };
    match (&config.kubeconfig, &config.context) {
        (Some(path), _) => {
            let file = Kubeconfig::read_from(path).map_err(|error| unusable(error.into()))?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|error| unusable(error.into()))
        }
        (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(|error| unusable(error.into())),
        (None, None) => Config::infer().await.map_err(|error| unusable(error.into())),
    }
}
