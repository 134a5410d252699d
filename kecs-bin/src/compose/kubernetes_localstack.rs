//! LocalStack in the Kubernetes cluster that tasks run in: the seam of one library, kept by the other.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use kecs_core::Report;
use kecs_k8s::{DeployedLocalStack, KubernetesLocalStacks, LocalStackSettings, VolumeClass};
use kecs_localstack::{BaseUrl, DeployOrder, Deployer, Deployment, Emulator, LocalStackConfig, LocalStackError, SHARED};

use super::kubernetes;
use crate::failure::Failure;
use crate::settings::KubernetesSettings;

/// LocalStack's own image, without its tag, which is the version.
const IMAGE: &str = "localstack/localstack";
/// Where it listens in its container.
const LISTEN: &str = "0.0.0.0:4566";

/// Where pods reach it, by their sidecar.
const SIDECAR: &str = "127.0.0.1:4566";
/// The variable of its token.
const TOKEN: &str = "LOCALSTACK_AUTH_TOKEN";

/// Runs LocalStacks as Deployments.
#[derive(Debug)]
pub(super) struct KubernetesDeployer {
    stacks: KubernetesLocalStacks,
    image: String,
    pull_policy: Option<String>,
}

impl KubernetesDeployer {
    /// Reads how to reach the cluster, which need not answer yet.
    ///
    /// # Errors
    /// When nothing says how.
    pub(super) async fn connect(settings: &KubernetesSettings) -> Result<Self, Failure> {
        let namespace = settings.localstack_namespace.as_deref().unwrap_or(KubernetesLocalStacks::NAMESPACE);
        let stacks = KubernetesLocalStacks::connect(&kubernetes::config(settings), namespace).await;
        let stacks = stacks.map_err(|error| kubernetes::unreachable(&error))?;
        let image = settings.localstack_image.as_deref().unwrap_or(IMAGE).to_owned();
        Ok(Self { stacks, image, pull_policy: settings.pull_policy.clone() })
    }

    /// The LocalStacks themselves, for the end.
    pub(super) fn stacks(&self) -> KubernetesLocalStacks {
        self.stacks.clone()
    }

    fn settings(&self, name: &str, config: &LocalStackConfig) -> Result<LocalStackSettings, LocalStackError> {
        let mut settings = LocalStackSettings::new(format!("{}:{}", self.image, config.version()));
        settings.cluster = cluster(name).map(str::to_owned);
        settings.image_pull_policy.clone_from(&self.pull_policy);
        let mut deployed = config.clone();
        deployed.public_host.get_or_insert_with(|| SIDECAR.to_owned());
        settings.environment = deployed.localstack_variables(LISTEN)?;
        settings.token = config.token()?.map(|token| (TOKEN.to_owned(), token));
        settings.volume = config.persistence.then(VolumeClass::default);
        settings.start_timeout = config.timing.start;
        settings.stop_timeout = config.timing.stop;
        settings.forwarded_port = config.port;
        Ok(settings)
    }
}

#[async_trait]
impl Deployer for KubernetesDeployer {
    fn check(&self, config: &LocalStackConfig) -> Result<(), LocalStackError> {
        if config.emulator != Emulator::LocalStack {
            return Err(LocalStackError::NotHere { emulator: config.emulator.name(), place: "on Kubernetes" });
        }
        config.check()
    }

    async fn deploy(&self, order: DeployOrder) -> Result<Box<dyn Deployment>, LocalStackError> {
        self.check(&order.config)?;
        let settings = self.settings(&order.name, &order.config)?;
        let deployed = self.stacks.deploy(&settings, |what| (order.waiting)(what)).await?;
        let endpoint = deployed.endpoint().parse().expect("a name or an address, and a port, are a URL");
        Ok(Box::new(InCluster { endpoint, deployed }))
    }

    async fn names(&self) -> Result<Vec<String>, LocalStackError> {
        Ok(self.stacks.clusters().await?)
    }

    async fn retire(&self, name: &str) -> Result<(), LocalStackError> {
        Ok(self.stacks.retire(cluster(name)).await?)
    }

    async fn remove(&self, name: &str) -> Result<(), LocalStackError> {
        Ok(self.stacks.remove(cluster(name)).await?)
    }

    fn logs(&self, name: &str, tail: Option<usize>, follow: bool) -> BoxStream<'static, Result<String, LocalStackError>> {
        self.stacks.logs(cluster(name), tail, follow).map(|line| Ok(line?)).boxed()
    }
}

/// The cluster whose own LocalStack has this name.
fn cluster(name: &str) -> Option<&str> {
    (name != SHARED).then_some(name)
}

/// A LocalStack that was rolled out. It goes on without KECS, and the next KECS takes it up.
#[derive(Debug)]
struct InCluster {
    endpoint: BaseUrl,
    deployed: DeployedLocalStack,
}

#[async_trait]
impl Deployment for InCluster {
    fn endpoint(&self) -> &BaseUrl {
        &self.endpoint
    }

    fn is_ours(&self) -> bool {
        true
    }

    async fn ended(&mut self) -> String {
        self.deployed.ended().await
    }

    async fn stop(&mut self, grace: Duration) {
        if let Err(error) = self.deployed.stop(grace).await {
            tracing::warn!(error = %Report(&error), "a LocalStack in the cluster may still run");
        }
    }
}

#[cfg(test)]
mod tests {
    use kecs_core::SecretValue;

    use super::*;

    /// A deployer of a cluster that is never asked.
    async fn deployer() -> KubernetesDeployer {
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let text = "{clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}],
                     contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}";
        std::fs::write(&kubeconfig, text).unwrap();
        let settings = KubernetesSettings { kubeconfig: Some(kubeconfig), ..KubernetesSettings::default() };
        KubernetesDeployer::connect(&settings).await.unwrap()
    }

    #[tokio::test]
    async fn what_the_file_says_of_a_localstack_is_what_is_deployed() {
        let mut config = LocalStackConfig::default();
        config.services = vec!["s3".to_owned(), "states".to_owned()];
        config.persistence = true;
        config.port = Some(4510);
        config.auth_token = Some(SecretValue::new("ls-secret".to_owned()));
        config.custom_config.insert("DEBUG".to_owned(), "1".to_owned());
        let settings = deployer().await.settings("payments", &config).unwrap();
        assert_eq!((settings.image.as_str(), settings.cluster.as_deref()), ("localstack/localstack:4.14.0", Some("payments")));
        let given = |name: &str| settings.environment.get(name).map(String::as_str);
        let expected = [
            ("SERVICES", "s3,stepfunctions"),
            ("PERSISTENCE", "1"),
            ("DEBUG", "1"),
            ("GATEWAY_LISTEN", "0.0.0.0:4566"),
            // The sidecar's, behind which is the cluster's own.
            ("LOCALSTACK_HOST", "127.0.0.1:4566"),
        ];
        for (name, value) in expected {
            assert_eq!(given(name), Some(value), "{name}");
        }
        assert_eq!(given(TOKEN), None, "it is in a Secret");
        assert_eq!(settings.token.map(|(name, _)| name).as_deref(), Some(TOKEN));
        assert!(settings.volume.is_some());
        assert_eq!(settings.forwarded_port, Some(4510));
    }

    #[tokio::test]
    async fn the_shared_one_is_no_clusters_and_keeps_nothing() {
        let settings = deployer().await.settings(SHARED, &LocalStackConfig::default()).unwrap();
        assert_eq!((settings.cluster, settings.volume), (None, None));
    }

    #[tokio::test]
    async fn another_emulator_is_refused_by_name() {
        let mut config = LocalStackConfig::default();
        config.emulator = Emulator::Moto;
        let refusal = deployer().await.check(&config).unwrap_err().to_string();
        assert_eq!(refusal, "moto is not run on Kubernetes: leave emulator out");
    }
}
