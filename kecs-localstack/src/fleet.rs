//! The LocalStacks of one KECS: one that the clusters share, and one for each cluster that has settings of its own.

mod member;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use kecs_core::{AwsBackends, AwsHealth, AwsServiceBackend, BackendError, Body, ClusterRef, NoAwsServices, ServiceId};

pub use member::Member;

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
    /// By cluster; the shared one by [`SHARED`].
    members: RwLock<BTreeMap<Arc<str>, Arc<Member>>>,
}

impl LocalStacks {
    /// A fleet of none. Calls find no backend until one is [added](Self::add).
    pub fn new(deployer: Arc<dyn Deployer>, config: FleetConfig) -> Self {
        Self { deployer, config, members: RwLock::default() }
    }

    /// Gives a cluster a LocalStack of its own, or all the others theirs where it is [`SHARED`]. Needs a Tokio runtime. It is started now, or
    /// when it is first called, as [`FleetConfig::start`] says.
    ///
    /// # Errors
    ///
    /// What the settings ask for and cannot be had; [`LocalStackError::Exists`] where the cluster has one.
    pub fn add(&self, cluster: &str, config: LocalStackConfig) -> Result<(), LocalStackError> {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        if members.contains_key(cluster) {
            return Err(LocalStackError::Exists { cluster: cluster.to_owned() });
        }
        let member = Member::new(cluster, config, Arc::clone(&self.deployer), &self.config)?;
        members.insert(cluster.into(), Arc::new(member));
        Ok(())
    }

    /// Whether the cluster has one of its own.
    pub fn has_own(&self, cluster: &str) -> bool {
        cluster != SHARED && self.members().contains_key(cluster)
    }

    /// The LocalStack of a cluster: its own, or the shared one.
    pub fn member(&self, cluster: &str) -> Option<Arc<Member>> {
        let members = self.members();
        members.get(cluster).or_else(|| members.get(SHARED)).cloned()
    }

    /// The settings of a further LocalStack of which only the services are known: the shared one's, except for its port and its seed.
    pub(crate) fn like_the_shared(&self, services: Vec<String>) -> LocalStackConfig {
        let shared = self.member(SHARED).map(|member| LocalStackConfig::clone(&member.localstack().config())).unwrap_or_default();
        LocalStackConfig { enabled: true, services, port: None, seed: Seed::default(), ..shared }
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
        self.member(SHARED).is_some_and(|shared| shared.serves(service))
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

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        match self.member(SHARED) {
            Some(shared) => shared.call(service, request).await,
            None => NoAwsServices.call(service, request).await,
        }
    }
}

#[cfg(test)]
mod tests;
