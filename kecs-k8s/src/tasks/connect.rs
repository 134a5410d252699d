//! How a manager finds its cluster.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kecs_core::{BackendError, ErrorKind};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::sync::OnceCell;

use super::retry_after::heeding;
use super::{KubernetesTaskManager, answer};
use crate::config::KubernetesConfig;
use crate::error::backend_error;
use crate::health::{ApiHealth, Watch};
use crate::index::Index;
use crate::nodes::Nodes;
use crate::pod::Abilities;
use crate::reactor::{Clients, Reactor};
use crate::roles::Accounts;
use crate::usage::Kubelets;

impl KubernetesTaskManager {
    /// Reads how to reach the cluster and begins to watch. Needs a tokio runtime with I/O and time.
    ///
    /// That the API server answers is not needed: as long as it does not, calls are `Unavailable` and the watch tries again.
    ///
    /// # Errors
    ///
    /// `Invalid` where nothing says how to reach a cluster, or not in a form that can be used; the source tells why.
    pub async fn connect(config: KubernetesConfig) -> Result<Self, BackendError> {
        Self::with_access(access(&config).await?, config)
    }

    /// The same with what says how to reach the cluster.
    ///
    /// # Errors
    ///
    /// `Invalid` where that cannot be used.
    pub fn with_access(access: Config, config: KubernetesConfig) -> Result<Self, BackendError> {
        // A connection that is cut without a word would leave a watch waiting for ever; a log or a session may be silent.
        let mut for_watches = access.clone();
        for_watches.read_timeout = Some(config.watch_silence);
        let watching = usable(for_watches)?;
        let kubelets = Kubelets::new(Some(access.clone()), config.stats);
        Ok(Self::with_clients(usable(access)?, watching, kubelets, config))
    }

    /// The same with a client that is already there. It reaches the API server and no kubelet, so that nobody is asked what pods use.
    pub fn with_client(client: Client, config: KubernetesConfig) -> Self {
        let kubelets = Kubelets::new(None, config.stats);
        Self::with_clients(client.clone(), client, kubelets, config)
    }

    fn with_clients(client: Client, watching: Client, kubelets: Kubelets, config: KubernetesConfig) -> Self {
        let health = ApiHealth::new(config.clock.clone());
        let (index, dirty) = Index::new(config.provisioning_timeout);
        let index = Arc::new(index);
        let reactor = Reactor::new(index.clone(), config.clock.clone(), health.clone());
        let clients = Clients { calls: client.clone(), watch: health.of_watch(Watch::Pods, watching.clone()) };
        let reactor = tokio::spawn(reactor.run(clients, config.prefix.clone(), dirty)).abort_handle();
        let nodes = Nodes::default();
        let namespaces = Mutex::new(HashSet::new());
        let accounts = Accounts::default();
        Self { client, watching, config, index, health, abilities: OnceCell::new(), nodes, accounts, kubelets, namespaces, reactor }
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
    usable(access(config).await?)
}

fn usable(mut access: Config) -> Result<Client, BackendError> {
    access.connect_timeout = Some(Duration::from_secs(5));
    // By itself the client repeats what is answered with 429, 503 or 504 for minutes, and nobody is told.
    access.default_retry = false;
    Client::try_from(access).map(heeding).map_err(|error| unusable(error.into()))
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
