//! The LocalStacks, made from the settings.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kecs_core::{AwsBackends, Body, Report, RolePolicySource, Scope, SecretValue};
use kecs_k8s::KubernetesLocalStacks;
use kecs_localstack::{
    AwsRoles, AwsSecrets, CloudWatchLogs, Deployer, EventBridge, ExternalDeployer, FleetConfig, LocalStackConfig, LocalStackError,
    LocalStacks, ProcessConfig, ProcessDeployer, S3Objects, SHARED, StartWhen, admin,
};
use kecs_model::ecs::{EcsApi, ListClustersRequest};
use kecs_server::{AdminRoutes, KecsBuilder, Running};
use tokio::task::JoinSet;

use super::kubernetes_localstack::KubernetesDeployer;
use super::own_rules::{Called, Runners, with_targets};
use crate::failure::{Exit, Failure};
use crate::settings::{BinarySecrets, LocalStackMode, OnExit, Runtime, Settings};

/// How long the delivery of the last events may take; it gives them two seconds itself.
const LAST_EVENTS: Duration = Duration::from_secs(3);

/// What was changed by `kecs localstack` and `kecs create-cluster`, in the data folder.
const CHANGES: &str = "localstack/changes.json";

/// The LocalStacks.
#[derive(Debug)]
pub(super) struct Fleet {
    stacks: Arc<LocalStacks>,
    /// Where they are in a Kubernetes cluster, in which they may outlive KECS.
    in_cluster: Option<KubernetesLocalStacks>,
}

impl Fleet {
    /// Knows what roles are allowed.
    pub(super) fn policies(&self) -> Arc<dyn RolePolicySource> {
        Arc::new(AwsRoles::new(Arc::clone(&self.stacks) as _))
    }
}

/// A fleet that has no member yet; `None` where there is to be no LocalStack.
pub(super) async fn fleet(settings: &Settings, data_dir: Option<&Path>) -> Result<Option<Fleet>, Failure> {
    let mut in_cluster = None;
    // Who names a Python wants a process.
    let names_python = settings.localstack_python.is_some() || settings.localstack_base_python.is_some();
    let is_in_cluster = settings.runtime == Runtime::Kubernetes && !names_python;
    let is_process = matches!(settings.localstack, LocalStackMode::Auto | LocalStackMode::On) && !is_in_cluster;
    if let Some(data_dir) = data_dir.filter(|_| !is_process) {
        let before = ProcessDeployer::new(ProcessConfig::new(data_dir));
        // Beside the start: nothing depends on it.
        tokio::spawn(async move {
            if let Err(error) = before.end_leftovers().await {
                tracing::warn!(error = %Report(&error), "a LocalStack that an earlier kecs left cannot be ended");
            }
        });
    }
    let deployer: Arc<dyn Deployer> = match (&settings.localstack, data_dir) {
        (LocalStackMode::Auto | LocalStackMode::On, _) if is_in_cluster => {
            let deployer = KubernetesDeployer::connect(&settings.kubernetes).await?;
            in_cluster = Some(deployer.stacks());
            Arc::new(deployer)
        }
        (LocalStackMode::At(url), _) => Arc::new(ExternalDeployer::new(url.clone())),
        (LocalStackMode::Auto | LocalStackMode::On, Some(data_dir)) => {
            let mut config = ProcessConfig::new(data_dir);
            config.ready_python.clone_from(&settings.localstack_python);
            config.python.clone_from(&settings.localstack_base_python);
            Arc::new(ProcessDeployer::new(config))
        }
        // Without a data folder nothing is kept, and there is nowhere to install it.
        (LocalStackMode::Off, _) | (_, None) => return Ok(None),
    };
    let has_settings = settings.clusters.iter().any(|cluster| cluster.localstack.is_some());
    let mut config = FleetConfig::default();
    config.start = match settings.localstack {
        LocalStackMode::Auto if !has_settings => StartWhen::Called,
        _ => StartWhen::Now,
    };
    let fleet = LocalStacks::new(deployer, config);
    let fleet = match data_dir.map(|folder| folder.join(CHANGES)) {
        Some(file) => fleet.with_changes(file.clone()).map_err(|error| {
            let what = format!("cannot read {}, where changes of LocalStack are kept ({error})", file.display());
            Failure::new(Exit::Data, what, "mend it, or remove it to begin with the settings")
        })?,
        None => fleet,
    };
    Ok(Some(Fleet { stacks: Arc::new(fleet), in_cluster }))
}

/// What answers for the other AWS services, and what KECS does there on its own behalf.
#[derive(Debug)]
pub(crate) struct Aws {
    fleet: Arc<LocalStacks>,
    in_cluster: Option<KubernetesLocalStacks>,
    /// Run the tasks of EventBridge's rules and of its scheduler's schedules.
    runners: Option<Runners>,
    called: Called,
    /// At work once the engine is, and until it is no more.
    work: JoinSet<()>,
    /// Goes on until nobody has the engine any more, and with what is left then.
    delivery: JoinSet<()>,
}

/// Gives a control plane what the fleet has for it and its tasks.
pub(super) fn wired(builder: KecsBuilder, fleet: Fleet, settings: &Settings) -> (KecsBuilder, Aws) {
    let Fleet { stacks: fleet, in_cluster } = fleet;
    let backends: Arc<dyn AwsBackends> = Arc::clone(&fleet) as _;
    let (shared, runners) = with_targets(Arc::clone(&fleet) as _);
    let called = Called::new(Arc::clone(&fleet), shared.clone());
    let builder = builder
        .aws(shared)
        .aws_of_clusters(called.clone())
        .secrets(AwsSecrets::new(Arc::clone(&backends)).binary_as_base64(settings.binary_secrets == BinarySecrets::Base64))
        .roles(AwsRoles::new(Arc::clone(&backends)).create_missing(settings.create_roles))
        .objects(S3Objects::new(Arc::clone(&backends)))
        .logs(CloudWatchLogs::new(backends))
        .admin(LocalStackRoutes(Some(Arc::clone(&fleet))));
    (builder, Aws { fleet, in_cluster, runners: Some(runners), called, work: JoinSet::new(), delivery: JoinSet::new() })
}

impl Aws {
    /// Begins, now that there is an engine and an endpoint: LocalStacks start, events are delivered, rules and schedules run tasks.
    ///
    /// # Errors
    /// When the settings ask for a LocalStack that cannot be had.
    pub(crate) async fn begin(&mut self, settings: &Settings, running: &Running) -> Result<(), Failure> {
        populate(&self.fleet, settings, &running.endpoint())?;
        let there = active_clusters(settings, running).await?;
        let restored = self.fleet.restore(|cluster| there.contains(cluster)).await;
        restored.map_err(|error| Failure::line(Exit::CannotCreate, Report(&error)))?;
        if std::io::stderr().is_terminal() {
            for member in self.fleet.status().keys().filter_map(|name| self.fleet.member(name)) {
                // Of no use to anybody when it ends.
                tokio::spawn(crate::localstack::follow_on_terminal(member.localstack().watch()));
            }
        }
        let engine = running.engine();
        if let Some((of_rules, of_schedules)) = self.runners.take() {
            self.work.spawn(of_rules.run(Arc::clone(engine) as _, engine.scopes()));
            self.work.spawn(of_schedules.run(Arc::clone(engine) as _, engine.scopes()));
        }
        self.work.spawn(self.called.clone().run(Arc::clone(engine)));
        let bridge = EventBridge::new(Arc::clone(&self.fleet) as _);
        let events = engine.events();
        self.delivery.spawn(async move { bridge.deliver(events).await });
        Ok(())
    }

    /// What [`end`](Self::end) does, in words.
    pub(crate) fn farewell(&self, on_exit: OnExit) -> &'static str {
        match (&self.in_cluster, on_exit) {
            (Some(_), OnExit::Leave) => "leaving LocalStack to the next start",
            _ => "ending LocalStack",
        }
    }

    /// Delivers what is left, and ends the LocalStacks, or leaves those in a cluster as tasks are left. To be called when the engine has ended.
    pub(crate) async fn end(mut self, on_exit: OnExit) {
        // Rules and schedules have nobody to run their tasks any more. Without them the engine is gone, and with it the events end.
        self.work.shutdown().await;
        let _ = tokio::time::timeout(LAST_EVENTS, self.delivery.join_next()).await;
        self.delivery.shutdown().await;
        if let Some(in_cluster) = self.in_cluster.as_ref().filter(|_| on_exit == OnExit::Leave) {
            in_cluster.leave();
        }
        self.fleet.stop().await;
        if let Some(in_cluster) = &self.in_cluster {
            in_cluster.settle().await;
        }
    }
}

/// Adds the shared LocalStack and those of clusters with settings of their own. `endpoint` is KECS's own: the URLs that the shared one hands out lead back
/// through it. Those of others lead to themselves: there is no place in them for the cluster, by whose path KECS would know whom a call is for.
fn populate(fleet: &LocalStacks, settings: &Settings, endpoint: &str) -> Result<(), Failure> {
    let token = settings.localstack_auth_token.clone().or_else(token_of_environment);
    let complete = |config: Option<&LocalStackConfig>| {
        let mut config = config.cloned().unwrap_or_default();
        config.auth_token.clone_from(&token);
        config.scope = Scope::new(settings.account.as_str(), settings.region.as_str());
        config
    };
    let named = |name: &str| settings.clusters.iter().find(|cluster| cluster.name == name);
    let mut shared = complete(named(SHARED).and_then(|cluster| cluster.localstack.as_ref()));
    shared.public_host.get_or_insert_with(|| endpoint.trim_start_matches("http://").to_owned());
    let add = |name: &str, config| {
        fleet.add(name, config).map_err(|error| {
            let what = format!("the LocalStack of cluster {name}: {}", Report(&error));
            Failure::line(if matches!(error, LocalStackError::Folder { .. }) { Exit::CannotCreate } else { Exit::Config }, what)
        })
    };
    add(SHARED, shared)?;
    for cluster in settings.clusters.iter().filter(|cluster| cluster.name != SHARED) {
        if let Some(config) = &cluster.localstack {
            add(&cluster.name, complete(Some(config)))?;
        }
    }
    Ok(())
}

/// The clusters of the account and region that `kecs create-cluster` makes them in.
async fn active_clusters(settings: &Settings, running: &Running) -> Result<HashSet<String>, Failure> {
    let ctx = settings.own_requests();
    let mut names = HashSet::new();
    let mut request = ListClustersRequest::default();
    loop {
        let page = running.engine().list_clusters(&ctx, request.clone()).await.map_err(crate::bug)?;
        names.extend(page.cluster_arns.iter().flatten().filter_map(|arn| Some(arn.rsplit_once('/')?.1.to_owned())));
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            return Ok(names);
        }
    }
}

/// The variable that LocalStack itself reads.
fn token_of_environment() -> Option<SecretValue> {
    std::env::var("LOCALSTACK_AUTH_TOKEN").ok().filter(|token| !token.is_empty()).map(SecretValue::new)
}

/// The admin API of the LocalStacks, mounted; where there are none, to say so.
#[derive(Debug)]
pub(super) struct LocalStackRoutes(pub(super) Option<Arc<LocalStacks>>);

#[async_trait]
impl AdminRoutes for LocalStackRoutes {
    fn name(&self) -> &'static str {
        "localstack"
    }

    async fn answer(&self, path: &str, request: Request<Bytes>) -> Response<Body> {
        admin::answer(self.0.as_deref(), path, request).await
    }
}
