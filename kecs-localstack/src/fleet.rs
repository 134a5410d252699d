//! The LocalStacks of one KECS: one that the clusters share, and one for each cluster that has settings of its own.

mod changes;
mod member;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use kecs_core::{
    AwsBackends, AwsHealth, AwsServiceBackend, BackendError, Body, ClusterRef, NoAwsServices, ServiceId, well_formed_cluster_name,
};
use tokio::sync::watch;

pub use member::Member;

use changes::{Change, Changes};

use crate::{Deployer, LocalStackConfig, LocalStackError, LocalStackStatus, Seed};

/// The name of the LocalStack that clusters share, and of the cluster whose settings it has.
pub const SHARED: &str = "default";

/// When a LocalStack is started that nobody asked to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartWhen {
    /// At once.
    Now,
    /// With the first call.
    Called,
}

/// How [`LocalStacks`] starts what it has, and how long a call waits for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetConfig {
    /// When a LocalStack is started that nobody asked to start. Default: when it is first called.
    pub start: StartWhen,
    /// How long a call waits for a LocalStack that is on its way before it is refused with the reason. Default: 45 s, so that the answer comes
    /// before the 60 s after which AWS's clients give up and know nothing.
    pub patience: Duration,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self { start: StartWhen::Called, patience: Duration::from_secs(45) }
    }
}

/// Knows and manages each cluster's LocalStack. As a backend it is the shared one. Dropping it ends those that are KECS's own.
#[derive(Debug)]
pub struct LocalStacks {
    deployer: Arc<dyn Deployer>,
    config: FleetConfig,
    /// What was changed while KECS ran, and is to hold in its next run.
    changes: Option<Arc<Changes>>,
    /// By cluster; the shared one by [`SHARED`].
    members: RwLock<BTreeMap<Arc<str>, Arc<Member>>>,
    /// The clusters with one of their own, for who follows them.
    own: watch::Sender<BTreeSet<Arc<str>>>,
}

impl LocalStacks {
    /// A fleet of none. Calls find no backend until one is [added](Self::add).
    pub fn new(deployer: Arc<dyn Deployer>, config: FleetConfig) -> Self {
        Self { deployer, config, changes: None, members: RwLock::default(), own: watch::Sender::default() }
    }

    /// Keeps what is changed by [`update_services`](Self::update_services) and [`make`](Self::make) in a file, and takes up what earlier runs kept
    /// there. To be called before anything is added.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn with_changes(mut self, file: PathBuf) -> io::Result<Self> {
        self.changes = Some(Arc::new(Changes::read(file)?));
        Ok(self)
    }

    /// Gives a cluster a LocalStack of its own, or all the others theirs where it is [`SHARED`]. Needs a Tokio runtime. It is started now, or
    /// when it is first called, as [`FleetConfig::start`] says. Where its services were changed in an earlier run, and the settings are still
    /// the same, it has the changed ones.
    ///
    /// # Errors
    ///
    /// What the settings ask for and cannot be had; [`LocalStackError::Exists`] where the cluster has one, [`LocalStackError::ClusterName`] where it is no
    /// cluster's name.
    pub fn add(&self, cluster: &str, config: LocalStackConfig) -> Result<(), LocalStackError> {
        let configured = Some(config.services.clone());
        let changed = self.changes.as_ref().and_then(|changes| changes.of(cluster, &config.services));
        if let Some(services) = changed {
            let changed = LocalStackConfig { services, ..config.clone() };
            match self.insert(cluster, changed, configured.clone()) {
                Err(error) if !matches!(error, LocalStackError::Exists { .. }) => {
                    let reason = kecs_core::Report(&error).to_string();
                    tracing::warn!(cluster, reason, "the services of an earlier change cannot be had any more");
                }
                outcome => return outcome.map(drop),
            }
        }
        self.insert(cluster, config, configured).map(drop)
    }

    /// Gives a cluster a LocalStack of its own that is like the shared one but for its services, and starts it. It is there in later runs, too.
    /// Dropping the future may leave it made and not kept.
    ///
    /// # Errors
    /// As for [`add`](Self::add); [`LocalStackError::NotKept`] where it is there, but later runs will not know of it.
    pub async fn make(&self, cluster: &str, services: Vec<String>) -> Result<Arc<Member>, LocalStackError> {
        let member = self.insert(cluster, self.like_the_shared(services.clone()), None)?;
        member.localstack().start();
        self.keep(cluster, Some(Change { configured: None, services })).await?;
        Ok(member)
    }

    /// Takes back what [`make`](Self::make) made, with all that is in it. Nothing for a cluster whose LocalStack the settings gave it, or that has none.
    ///
    /// # Errors
    /// What [`Deployer::remove`] says; [`LocalStackError::NotKept`] where it will be there again in the next run.
    pub async fn unmake(&self, cluster: &str) -> Result<(), LocalStackError> {
        let member = {
            let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
            let is_made = members.get(cluster).is_some_and(|member| member.configured().is_none());
            if is_made { members.remove(cluster) } else { None }
        };
        let Some(member) = member else { return Ok(()) };
        self.own.send_modify(|own| {
            own.remove(cluster);
        });
        member.localstack().stop().await;
        self.keep(cluster, None).await?;
        self.deployer.remove(cluster).await
    }

    /// Makes again what [`make`](Self::make) made in earlier runs, for the clusters that are still there; the others are forgotten. What is then there of a
    /// LocalStack whose cluster is gone is removed, and of one whose cluster has none any more it is ended. To be called when those of the settings were [added](Self::add), which come first.
    ///
    /// # Errors
    /// [`LocalStackError::NotKept`]. One that cannot be had any more is left out, and one that cannot be removed stays, with a warning in the log.
    pub async fn restore(&self, is_there: impl Fn(&str) -> bool) -> Result<(), LocalStackError> {
        for (cluster, services) in self.changes.iter().flat_map(|changes| changes.made()) {
            if !is_there(&cluster) || self.has_own(&cluster) {
                self.keep(&cluster, None).await?;
            } else if let Err(error) = self.insert(&cluster, self.like_the_shared(services), None) {
                let reason = kecs_core::Report(&error).to_string();
                tracing::warn!(cluster, reason, "the LocalStack of an earlier run cannot be had any more");
            }
        }
        let others = self.deployer.names().await.unwrap_or_else(|error| {
            let reason = kecs_core::Report(&error).to_string();
            tracing::warn!(reason, "the LocalStacks of earlier runs are not known: those that no cluster has any more stay");
            Vec::new()
        });
        for name in others.into_iter().filter(|name| !self.members().contains_key(name.as_str())) {
            // What a cluster has no more since the settings are others is kept for the case that they are as before again.
            let ended = if is_there(&name) { self.deployer.retire(&name).await } else { self.deployer.remove(&name).await };
            if let Err(error) = ended {
                let reason = kecs_core::Report(&error).to_string();
                tracing::warn!(name, reason, "a LocalStack that no cluster has any more is still there");
            }
        }
        Ok(())
    }

    /// Changes the services of a cluster's LocalStack as [`LocalStack::update_services`](crate::LocalStack::update_services) does, in later runs too.
    ///
    /// # Errors
    /// As there; [`LocalStackError::NotKept`] where they are changed, but later runs will not know of it.
    pub async fn update_services(
        &self,
        member: &Member,
        enable: &[String],
        disable: &[String],
        patience: Duration,
    ) -> Result<LocalStackStatus, LocalStackError> {
        let before = member.localstack().config();
        let outcome = member.localstack().update_services(enable, disable, patience).await;
        // Also where it is not up yet: what it is asked to be has changed.
        let services = &member.localstack().config().services;
        if *services != before.services {
            let configured = member.configured().map(<[String]>::to_vec);
            let as_configured = configured.as_ref() == Some(services);
            let change = Change { configured, services: services.clone() };
            self.keep(member.name(), Some(change).filter(|_| !as_configured)).await?;
        }
        outcome
    }

    fn insert(
        &self,
        cluster: &str,
        config: LocalStackConfig,
        configured: Option<Vec<String>>,
    ) -> Result<Arc<Member>, LocalStackError> {
        // It becomes the name of a folder.
        if !well_formed_cluster_name(cluster) {
            return Err(LocalStackError::ClusterName);
        }
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        if members.contains_key(cluster) {
            return Err(LocalStackError::Exists { cluster: cluster.to_owned() });
        }
        let member = Arc::new(Member::new(cluster, config, configured, Arc::clone(&self.deployer), &self.config)?);
        members.insert(cluster.into(), Arc::clone(&member));
        if cluster != SHARED {
            self.own.send_modify(|own| {
                own.insert(cluster.into());
            });
        }
        Ok(member)
    }

    async fn keep(&self, cluster: &str, change: Option<Change>) -> Result<(), LocalStackError> {
        let Some(changes) = self.changes.clone() else { return Ok(()) };
        let cluster = cluster.to_owned();
        let kept = tokio::task::spawn_blocking(move || changes.keep(&cluster, change)).await;
        let kept = kept.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        kept.map_err(|source| LocalStackError::NotKept { source })
    }

    /// Whether the cluster has one of its own.
    pub fn has_own(&self, cluster: &str) -> bool {
        cluster != SHARED && self.members().contains_key(cluster)
    }

    /// Follows which clusters have one of their own.
    pub fn own(&self) -> watch::Receiver<BTreeSet<Arc<str>>> {
        self.own.subscribe()
    }

    /// The LocalStack of a cluster: its own, or the shared one.
    pub fn member(&self, cluster: &str) -> Option<Arc<Member>> {
        let members = self.members();
        members.get(cluster).or_else(|| members.get(SHARED)).cloned()
    }

    /// The settings of a further LocalStack of which only the services are known: the shared one's, except for its addresses and its seed.
    fn like_the_shared(&self, services: Vec<String>) -> LocalStackConfig {
        let shared = self.member(SHARED).map(|member| LocalStackConfig::clone(&member.localstack().config())).unwrap_or_default();
        LocalStackConfig { enabled: true, services, port: None, public_host: None, seed: Seed::default(), ..shared }
    }

    /// How each is, by cluster; the shared one is `default`.
    pub fn status(&self) -> BTreeMap<Arc<str>, LocalStackStatus> {
        self.members().iter().map(|(name, member)| (Arc::clone(name), member.localstack().status())).collect()
    }

    /// Ends all of them, side by side, and waits until they are gone.
    pub async fn stop(&self) {
        let members: Vec<_> = self.members().values().cloned().collect();
        futures::future::join_all(members.iter().map(|member| member.localstack().stop())).await;
    }

    fn members(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<Arc<str>, Arc<Member>>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AwsBackends for LocalStacks {
    fn of(&self, cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend> {
        match self.member(&cluster.name) {
            Some(member) => member,
            None => Arc::new(NoAwsServices),
        }
    }
}

#[async_trait]
impl AwsServiceBackend for LocalStacks {
    fn serves(&self, service: &ServiceId) -> bool {
        self.members().get(SHARED).is_some_and(|shared| shared.serves(service))
    }

    fn endpoint(&self, service: &ServiceId) -> Option<String> {
        self.member(SHARED)?.endpoint(service)
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        match self.member(SHARED) {
            Some(shared) => shared.health().await,
            None => NoAwsServices.health().await,
        }
    }

    fn hands_on(&self, service: &ServiceId) -> Option<Arc<dyn AwsServiceBackend>> {
        self.members().get(SHARED)?.hands_on(service)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        match self.member(SHARED) {
            Some(shared) => shared.call(service, request).await,
            None => NoAwsServices.call(service, request).await,
        }
    }
}

#[cfg(test)]
mod tests;
