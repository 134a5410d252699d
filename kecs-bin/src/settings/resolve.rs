//! One typed answer from all sources.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use kecs_core::{DefaultCredentials, Scope, SecretValue};
use kecs_k8s::{EfsBacking, FailurePolicy, NodeInstances, PodStats, WebhookAddress};
use kecs_model::RequestContext;

use super::clusters::ClusterSettings;
use super::layer::{Layer, Origin, Raw};
use super::values::{
    self, AccessKeyPair, AuthMode, BadValue, BinarySecrets, ClusterTool, KubeRoles, LocalStackMode, OnExit, Runtime, State,
    kubernetes,
};
use crate::failure::{Exit, Failure};
use crate::logging::LogFilter;

/// What `kecs start` is to do.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    /// Whether somebody named the data folder: then it is used even where nothing needs one.
    pub(crate) data_dir_is_named: bool,
    pub(crate) runtime: Runtime,
    /// What makes a Kubernetes cluster, where one is to be made.
    pub(crate) create_cluster: Option<ClusterTool>,
    pub(crate) kubernetes: KubernetesSettings,
    pub(crate) state: State,
    pub(crate) localstack: LocalStackMode,
    pub(crate) localstack_python: Option<PathBuf>,
    pub(crate) localstack_base_python: Option<PathBuf>,
    pub(crate) localstack_auth_token: Option<SecretValue>,
    /// The clusters that are made at the start, each with what the file says of its LocalStack.
    pub(crate) clusters: Vec<ClusterSettings>,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) auth: AuthMode,
    pub(crate) access_keys: Vec<AccessKeyPair>,
    pub(crate) task_credentials: DefaultCredentials,
    pub(crate) create_roles: bool,
    pub(crate) binary_secrets: BinarySecrets,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) insecure: bool,
    pub(crate) on_exit: OnExit,
    pub(crate) log: LogFilter,
}

/// What the settings say of Kubernetes; what they do not say is the library's default.
#[derive(Debug, Default)]
pub(crate) struct KubernetesSettings {
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) pull_policy: Option<String>,
    /// The StorageClass of volumes that are claims.
    pub(crate) storage_class: Option<String>,
    pub(crate) efs: Option<EfsBacking>,
    pub(crate) gpu_resource: Option<String>,
    /// Which nodes are container instances.
    pub(crate) nodes: NodeInstances,
    /// What the roles of tasks are in the cluster.
    pub(crate) roles: KubeRoles,
    /// Whether kubelets are asked what pods use.
    pub(crate) stats: PodStats,
    /// Where pods reach this endpoint; with it each gets a sidecar.
    pub(crate) task_endpoint: Option<String>,
    pub(crate) sidecar_image: Option<String>,
    /// Where the API server reaches the webhook; `None` where there is none.
    pub(crate) webhook: Option<WebhookAddress>,
    /// Where the webhook answers, if not by default.
    pub(crate) webhook_listen: Option<SocketAddr>,
    /// What becomes of pods that ask while it does not answer, if not the default.
    pub(crate) webhook_failure: Option<FailurePolicy>,
    /// The namespace of LocalStacks.
    pub(crate) localstack_namespace: Option<String>,
    /// The image of LocalStacks, without its tag.
    pub(crate) localstack_image: Option<String>,
}

impl Settings {
    /// What KECS asks of itself: in the account and region of requests that name none.
    pub(crate) fn own_requests(&self) -> RequestContext {
        RequestContext { account: self.account.as_str().into(), region: self.region.as_str().into(), ..RequestContext::local() }
    }

    /// Reads the values; earlier layers win. `home` and `xdg_data_home` are the environment's.
    ///
    /// # Errors
    /// When a value cannot be read, or values contradict each other.
    pub(crate) fn resolve(layers: &[Layer]) -> Result<Self, Failure> {
        let sources = Sources(layers);
        let state = sources.parsed("state")?.unwrap_or(State::File);
        let create_cluster = sources.parsed("create-cluster")?;
        let usual_runtime = if create_cluster.is_some() { Runtime::Kubernetes } else { Runtime::Process };
        let region = sources.one("region", values::region)?.unwrap_or_else(|| "us-east-1".to_owned());
        let account = sources.one("account", values::account_id)?.unwrap_or_else(|| "000000000000".to_owned());
        let scope = Scope::new(account.as_str(), region.as_str());
        let settings = Self {
            listen: sources.one("listen", values::address)?.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5373))),
            data_dir: data_dir(layers)?,
            data_dir_is_named: sources.find("data-dir").is_some(),
            runtime: sources.parsed("runtime")?.unwrap_or(usual_runtime),
            create_cluster,
            kubernetes: KubernetesSettings {
                kubeconfig: sources.one("kubeconfig", values::path)?,
                context: sources.one("kube-context", |name| Ok(name.to_owned()))?,
                prefix: sources.one("kube-prefix", kubernetes::prefix)?,
                pull_policy: sources.one("kube-pull-policy", kubernetes::pull_policy)?,
                storage_class: sources.one("kube-storage-class", kubernetes::storage_class)?,
                efs: sources.one("kube-efs", kubernetes::efs)?,
                gpu_resource: sources.one("kube-gpu-resource", kubernetes::qualified_name)?,
                nodes: sources.one("kube-nodes", |text| kubernetes::nodes(text, &scope))?.unwrap_or(NodeInstances::Labelled(scope)),
                roles: sources.parsed("kube-roles")?.unwrap_or_default(),
                stats: sources.one("kube-stats", kubernetes::pod_stats)?.unwrap_or_default(),
                task_endpoint: sources.one("task-endpoint", values::http_url)?,
                sidecar_image: sources.one("sidecar-image", |image| Ok(image.to_owned()))?,
                webhook: sources.one("kube-webhook", kubernetes::webhook)?.flatten(),
                webhook_listen: sources.one("kube-webhook-listen", values::address)?,
                webhook_failure: sources.one("kube-webhook-failure-policy", kubernetes::failure_policy)?,
                localstack_namespace: sources.one("kube-localstack-namespace", kubernetes::namespace)?,
                localstack_image: sources.one("kube-localstack-image", kubernetes::untagged_image)?,
            },
            state,
            localstack: sources.parsed("localstack")?.unwrap_or(LocalStackMode::Auto),
            localstack_python: sources.one("localstack-python", values::path)?,
            localstack_base_python: sources.one("localstack-base-python", values::path)?,
            localstack_auth_token: sources.one("localstack-auth-token", |token| Ok(SecretValue::new(token.to_owned())))?,
            clusters: layers.iter().flat_map(|layer| layer.clusters.iter().cloned()).collect(),
            region,
            account,
            auth: sources.parsed("auth")?.unwrap_or(AuthMode::Off),
            access_keys: sources.many("access-keys", str::parse)?,
            task_credentials: sources.one("task-credentials", values::task_credentials)?.unwrap_or_default(),
            create_roles: sources.one("create-roles", values::on_off)?.unwrap_or(true),
            binary_secrets: sources.parsed("binary-secrets")?.unwrap_or_default(),
            allowed_hosts: sources.many("allowed-hosts", |name| Ok(name.to_owned()))?,
            allowed_origins: sources.many("allowed-origins", |origin| Ok(origin.to_owned()))?,
            insecure: sources.one("insecure", values::switch)?.unwrap_or(false),
            on_exit: sources.parsed("on-exit")?.unwrap_or(match state {
                State::File => OnExit::Leave,
                State::Memory => OnExit::Stop,
            }),
            log: sources.parsed("log")?.unwrap_or_default(),
        };
        settings.check(&sources)?;
        Ok(settings)
    }

    /// Whether anything is to be kept in the data folder.
    pub(crate) fn uses_data_dir(&self) -> bool {
        self.state == State::File
            || matches!(self.runtime, Runtime::Process | Runtime::Auto)
            || self.data_dir_is_named
            || self.create_cluster.is_some()
            || self.localstack == LocalStackMode::On
            || !self.clusters.is_empty()
    }

    fn check(&self, sources: &Sources<'_>) -> Result<(), Failure> {
        let refuse = |name: &str, what: String, to_do: &str| {
            let exit = sources.find(name).map_or(Exit::Usage, |raw| raw.origin.exit());
            Err(Failure::new(exit, what, to_do))
        };
        if self.auth == AuthMode::Required && self.access_keys.is_empty() {
            let to_do = "set access-keys in the configuration file, or KECS_ACCESS_KEYS=ID:SECRET";
            return refuse("auth", "auth is required but there are no access keys".to_owned(), to_do);
        }
        if !self.listen.ip().to_canonical().is_loopback() && self.auth == AuthMode::Off && !self.insecure {
            let what = format!("{} can be reached from other machines, and requests need no signature", self.listen);
            return refuse("listen", what, "set auth to required with access-keys, or accept the risk with --insecure");
        }
        if self.create_cluster.is_some() {
            if !matches!(self.runtime, Runtime::Kubernetes | Runtime::Auto) {
                let what = format!("tasks do not run on the cluster that is to be made, with the runtime {}", self.runtime);
                return refuse("create-cluster", what, "leave out the runtime, or set it to kubernetes");
            }
            if self.kubernetes.kubeconfig.is_some() || self.kubernetes.context.is_some() {
                let what = "there is a cluster that is to be made, and another one that is to be used".to_owned();
                return refuse("create-cluster", what, "leave out kubeconfig and kube-context");
            }
        }
        if self.kubernetes.webhook.is_some() && self.kubernetes.task_endpoint.is_none() {
            let what =
                "a webhook without task-endpoint has nothing to inject: a sidecar has to know where pods reach KECS".to_owned();
            return refuse("kube-webhook", what, "set task-endpoint to a URL such as http://kecs.kecs-system:5373");
        }
        if self.state == State::Memory && self.on_exit == OnExit::Leave && self.runtime != Runtime::Memory {
            let what = "on-exit leave with state memory would leave tasks that nothing knows any more".to_owned();
            return refuse("on-exit", what, "use --on-exit stop, or --state file");
        }
        Ok(())
    }
}

/// The data folder: the named one, or the user's. A relative path in the file is relative to the file.
///
/// # Errors
/// When none is named and the user has no home.
pub(crate) fn data_dir(layers: &[Layer]) -> Result<PathBuf, Failure> {
    if let Some(raw) = Sources(layers).find("data-dir") {
        let named = values::path(raw.single("data-dir")?).map_err(|bad| raw.failure(&bad))?;
        return Ok(match &raw.origin {
            Origin::File { folder, .. } => folder.join(named),
            Origin::Flag(_) | Origin::Variable(_) => named,
        });
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("kecs"))
        .ok_or_else(|| Failure::new(Exit::Usage, "there is no home folder to keep data in", "name one with --data-dir"))
}

/// The layers, the first of which wins.
struct Sources<'a>(&'a [Layer]);

impl<'a> Sources<'a> {
    fn find(&self, name: &str) -> Option<&'a Raw> {
        self.0.iter().find_map(|layer| layer.values.get(name))
    }

    fn one<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, BadValue>) -> Result<Option<T>, Failure> {
        let Some(raw) = self.find(name) else { return Ok(None) };
        read(raw.single(name)?).map(Some).map_err(|bad| raw.failure(&bad))
    }

    fn parsed<T: FromStr<Err = BadValue>>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.one(name, str::parse)
    }

    fn many<T>(&self, name: &str, read: impl Fn(&str) -> Result<T, BadValue>) -> Result<Vec<T>, Failure> {
        let Some(raw) = self.find(name) else { return Ok(Vec::new()) };
        raw.values.iter().map(|value| read(value).map_err(|bad| raw.failure(&bad))).collect()
    }
}

impl Raw {
    fn single(&self, name: &str) -> Result<&str, Failure> {
        match self.values.as_slice() {
            [value] if !value.is_empty() => Ok(value),
            _ => Err(self.failure(&BadValue(format!("{name} takes one value")))),
        }
    }

    fn failure(&self, bad: &BadValue) -> Failure {
        Failure::new(self.origin.exit(), &self.origin, &bad.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(flags: &[(&'static str, &str)]) -> Layer {
        Layer::of_flags(flags.iter().map(|(name, value)| (*name, Raw::flag(name, vec![(*value).to_owned()]))))
    }

    fn environment(variables: &[(&str, &str)]) -> Layer {
        Layer::of_environment(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into())).unwrap()
    }

    fn resolve(layers: &[Layer]) -> Settings {
        Settings::resolve(layers).unwrap()
    }

    fn refused(layers: &[Layer]) -> (Exit, String) {
        let failure = Settings::resolve(layers).unwrap_err();
        (failure.exit(), failure.to_string())
    }

    #[test]
    fn the_flag_wins_over_the_variable_and_the_variable_over_the_default() {
        let both =
            [flags(&[("region", "eu-west-1")]), environment(&[("KECS_REGION", "ap-south-1"), ("KECS_ACCOUNT", "123456789012")])];
        let settings = resolve(&both);
        assert_eq!((settings.region.as_str(), settings.account.as_str()), ("eu-west-1", "123456789012"));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:5373");
    }

    #[test]
    fn a_variable_holds_a_list_with_commas() {
        let settings = resolve(&[environment(&[("KECS_ALLOWED_HOSTS", "kecs.test, ecs.test")])]);
        assert_eq!(settings.allowed_hosts, ["kecs.test", "ecs.test"]);
    }

    #[test]
    fn a_bad_value_is_named_by_where_it_was_written() {
        assert_eq!(
            refused(&[environment(&[("KECS_LISTEN", "5373")])]),
            (Exit::Usage, "KECS_LISTEN: '5373' is not an address: write HOST:PORT, as in 127.0.0.1:5373".to_owned())
        );
        assert_eq!(
            refused(&[flags(&[("runtime", "docker")])]),
            (Exit::Usage, "--runtime: 'docker' is not one of process, memory, kubernetes, auto".to_owned())
        );
    }

    #[test]
    fn an_address_that_others_reach_needs_signatures_or_insecure() {
        assert!(refused(&[flags(&[("listen", "0.0.0.0:5373")])]).1.contains("can be reached from other machines"));
        assert!(resolve(&[flags(&[("listen", "0.0.0.0:5373"), ("insecure", "true")])]).insecure);
        let signed = environment(&[("KECS_LISTEN", "0.0.0.0:1"), ("KECS_AUTH", "required"), ("KECS_ACCESS_KEYS", "A:b")]);
        assert_eq!(resolve(&[signed]).auth, AuthMode::Required);
    }

    #[test]
    fn required_signatures_need_a_key() {
        assert!(refused(&[flags(&[("auth", "required")])]).1.contains("no access keys"));
    }

    #[test]
    fn a_webhook_needs_to_know_where_pods_reach_kecs() {
        let alone = flags(&[("kube-webhook", "kecs-system/kecs")]);
        assert!(refused(&[alone]).1.contains("set task-endpoint"));
        let whole = flags(&[("kube-webhook", "kecs-system/kecs"), ("task-endpoint", "http://kecs.kecs-system:5373")]);
        assert!(resolve(&[whole]).kubernetes.webhook.is_some());
        assert_eq!(resolve(&[flags(&[("kube-webhook", "off")])]).kubernetes.webhook, None);
    }

    #[test]
    fn tasks_run_on_the_cluster_that_is_made() {
        assert_eq!(resolve(&[flags(&[("create-cluster", "kind")])]).runtime, Runtime::Kubernetes);
        let elsewhere = flags(&[("create-cluster", "k3d"), ("runtime", "process")]);
        assert!(refused(&[elsewhere]).1.contains("leave out the runtime"));
        let another = flags(&[("create-cluster", "k3d"), ("kubeconfig", "mine")]);
        assert!(refused(&[another]).1.contains("leave out kubeconfig"));
    }

    #[test]
    fn tasks_are_stopped_at_the_end_where_nothing_would_know_them_again() {
        assert_eq!(resolve(&[Layer::default()]).on_exit, OnExit::Leave);
        assert_eq!(resolve(&[flags(&[("state", "memory")])]).on_exit, OnExit::Stop);
        assert!(refused(&[flags(&[("state", "memory"), ("on-exit", "leave")])]).1.contains("use --on-exit stop"));
    }
}
