//! Tasks as pods, made from the settings.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kecs_core::{BackendError, Report, RolePolicySource};
use kecs_k8s::{InjectionWebhook, KubernetesConfig, KubernetesTaskManager, Sidecar, TaskRoles, WebhookConfig};

use crate::failure::{Exit, Failure};
use crate::local_cluster::{self, Reached, Wanted};
use crate::settings::{ClusterTool, KubeRoles, KubernetesSettings, Runtime, Settings};
use crate::terminal;

/// The image that `cargo xtask image` makes, whose name for it is in `xtask/src/image.rs`: the step `cluster` runs pods with it, and so tells when they differ.
const SIDECAR_IMAGE: &str = concat!("kecs.io/kecs-sidecar:", env!("CARGO_PKG_VERSION"));
/// How long a cluster that nobody insists on may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which runtime it is, where the settings leave that to what is there.
pub(crate) async fn choose(settings: &Settings) -> Runtime {
    if settings.runtime != Runtime::Auto {
        return settings.runtime;
    }
    let answers = async {
        match KubernetesTaskManager::connect(config(&settings.kubernetes)).await {
            Ok(tasks) => tasks.check().await.is_ok(),
            Err(_) => false,
        }
    };
    let answers = terminal::patiently("looking for a Kubernetes cluster", tokio::time::timeout(PATIENCE, answers)).await;
    if answers == Ok(true) { Runtime::Kubernetes } else { Runtime::Process }
}

/// Makes the cluster of the data folder be there, and the settings know it.
///
/// # Errors
/// Those of [`local_cluster::ensure`].
pub(crate) fn make_cluster(tool: ClusterTool, settings: &mut Settings, data_dir: &Path) -> Result<(), Failure> {
    let prefix = config(&settings.kubernetes).prefix;
    let reached = match &settings.kubernetes.task_endpoint {
        Some(_) => Reached::AsSet,
        None if settings.listen.ip().is_unspecified() && settings.listen.port() != 0 => Reached::Here,
        None => Reached::Not,
    };
    let sidecar = sidecar_image(&settings.kubernetes);
    let made = local_cluster::ensure(&Wanted { tool, name: &prefix, sidecar, reached }, data_dir)?;
    settings.kubernetes.kubeconfig = Some(made.kubeconfig);
    if let Some(host) = made.host {
        let endpoint = format!("http://{host}:{}", settings.listen.port());
        terminal::remark(&format!("pods reach this endpoint at {endpoint}"));
        settings.kubernetes.task_endpoint = Some(endpoint);
        settings.allowed_hosts.push(host);
    }
    Ok(())
}

fn sidecar_image(settings: &KubernetesSettings) -> &str {
    settings.sidecar_image.as_deref().unwrap_or(SIDECAR_IMAGE)
}

/// Connects to the cluster, which need not answer yet. `policies` are those of roles, where there is an IAM.
///
/// # Errors
/// When nothing says how to reach one.
pub(super) async fn connect(
    settings: &KubernetesSettings,
    policies: Option<Arc<dyn RolePolicySource>>,
) -> Result<Arc<KubernetesTaskManager>, Failure> {
    let mut config = config(settings);
    if let (KubeRoles::Rights, Some(policies)) = (settings.roles, policies) {
        config.roles = TaskRoles::Rights(policies);
    }
    let tasks = KubernetesTaskManager::connect(config).await.map_err(|error| unreachable(&error))?;
    let checked = terminal::patiently("connecting to the Kubernetes cluster", tasks.check()).await;
    if let Err(error) = checked {
        terminal::remark(&format!("{}; tasks start when it answers", Report(&error)));
    }
    Ok(Arc::new(tasks))
}

/// Nothing says how to reach a cluster.
pub(super) fn unreachable(error: &BackendError) -> Failure {
    let to_do = "name a kubeconfig with --kubeconfig, let one be made with --create-cluster kind or k3d, or run tasks as processes with --runtime process";
    Failure::new(Exit::Config, Report(error), to_do)
}

/// Begins to give the sidecar to pods that ask for it, where the settings want that.
///
/// # Errors
/// When its address cannot be listened on.
pub(super) async fn webhook(settings: &Settings) -> Result<Option<InjectionWebhook>, Failure> {
    let KubernetesSettings { webhook, webhook_listen, webhook_failure, .. } = &settings.kubernetes;
    let Some(address) = webhook else { return Ok(None) };
    let mut wanted = WebhookConfig::new(address.clone());
    wanted.listen = webhook_listen.unwrap_or(wanted.listen);
    wanted.failure_policy = webhook_failure.unwrap_or(wanted.failure_policy);
    wanted.region.clone_from(&settings.region);
    let started = InjectionWebhook::start(wanted, &config(&settings.kubernetes)).await;
    started
        .map(Some)
        .map_err(|error| Failure::new(Exit::Temporary, Report(&error), "choose another address with --kube-webhook-listen"))
}

/// The URL by which containers know this endpoint.
pub(super) fn endpoint_of_tasks(settings: &KubernetesSettings) -> Option<String> {
    settings.task_endpoint.as_ref().map(|_| Sidecar::ENDPOINT.to_owned())
}

/// The library's configuration.
pub(super) fn config(settings: &KubernetesSettings) -> KubernetesConfig {
    let KubernetesSettings {
        kubeconfig,
        context,
        prefix,
        pull_policy,
        storage_class,
        efs,
        gpu_resource,
        nodes,
        roles,
        stats,
        task_endpoint,
        // See `sidecar_image`.
        sidecar_image: _,
        // Of the webhook, which is composed elsewhere.
        webhook: _,
        webhook_listen: _,
        webhook_failure: _,
        // Of LocalStack, which is deployed elsewhere.
        localstack_namespace: _,
        localstack_image: _,
    } = settings;
    let mut config = KubernetesConfig::default();
    config.kubeconfig.clone_from(kubeconfig);
    config.context.clone_from(context);
    if let Some(prefix) = prefix {
        config.prefix.clone_from(prefix);
    }
    config.image_pull_policy.clone_from(pull_policy);
    config.shared_volumes.storage_class.clone_from(storage_class);
    config.ebs_volumes.storage_class.clone_from(storage_class);
    if let Some(efs) = efs {
        config.efs.clone_from(efs);
    }
    if let Some(resource) = gpu_resource {
        config.gpu_resource.clone_from(resource);
    }
    config.nodes.clone_from(nodes);
    config.roles = match roles {
        KubeRoles::Off => TaskRoles::Ignored,
        // Who knows the policies is added where tasks run.
        KubeRoles::Accounts | KubeRoles::Rights => TaskRoles::Accounts,
    };
    config.stats = *stats;
    config.sidecar = task_endpoint.as_ref().map(|endpoint| {
        let mut sidecar = Sidecar::new(sidecar_image(settings), endpoint);
        sidecar.image_pull_policy.clone_from(pull_policy);
        sidecar
    });
    config
}
