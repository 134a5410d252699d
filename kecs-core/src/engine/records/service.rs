//! Services and their deployments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kecs_model::Timestamp;
use kecs_model::ecs::{DeploymentController, DeploymentControllerType, DeploymentRolloutState, SchedulingStrategy, Service, Tag};
use serde::{Deserialize, Serialize};

use crate::engine::table::{Record, Table};
use crate::engine::tx::Tx;

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceRecord {
    /// The name of its cluster, as part of the key.
    pub(crate) cluster: String,
    /// Its own name, as part of the key.
    pub(crate) name: String,
    /// As clients see it, without counts, deployments, task sets, events and tags.
    pub(crate) service: Service,
    /// Its tags.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// The `clientToken` that it was created with.
    #[serde(default)]
    pub(crate) client_token: Option<String>,
    /// The namespace of its Service Connect configuration, where that is enabled.
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    /// The PRIMARY deployment, then the ACTIVE ones that it replaces, newest first. Empty where task sets take their place.
    #[serde(default)]
    pub(crate) deployments: Vec<DeploymentRecord>,
    /// The number of the deployment that completed last: what a rollback goes back to.
    #[serde(default)]
    pub(crate) last_completed: Option<String>,
    /// How launches are slowed down.
    #[serde(default)]
    pub(crate) throttle: Throttle,
    /// What keeps the scheduler from going on, as its event told it, and when: told again only when it changes, or after hours.
    #[serde(default)]
    pub(crate) obstacle: Option<(String, Timestamp)>,
    /// Whether the steady state was told.
    #[serde(default)]
    pub(crate) steady: bool,
    /// Since when it is INACTIVE.
    #[serde(default)]
    pub(crate) inactive_since: Option<Timestamp>,
}

/// A rolling deployment of a service: one of `deployments[]`. What it deploys is the service revision of the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeploymentRecord {
    /// The digits of `ecs-svc/<n>`, and of the revision's ARN.
    pub(crate) number: String,
    /// The id of the service deployment that it is, or was last, a part of.
    pub(crate) service_deployment: String,
    /// When the deployment began.
    pub(crate) created_at: Timestamp,
    /// When its state changed last.
    pub(crate) updated_at: Timestamp,
    /// `rolloutState`.
    pub(crate) rollout_state: DeploymentRolloutState,
    /// `rolloutStateReason`.
    pub(crate) reason: String,
    /// `failedTasks`: tasks that failed one after the other.
    #[serde(default)]
    pub(crate) failed_tasks: i32,
    /// What the circuit breaker compares with its threshold.
    #[serde(default)]
    pub(crate) failures: i32,
    /// Whether it undoes a deployment that failed.
    #[serde(default)]
    pub(crate) rollback: bool,
}

/// How a service's launches are slowed down when its tasks keep failing ("Service throttle logic").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Throttle {
    /// How many rounds of launches failed in a row.
    pub(crate) rounds: u32,
    /// No launch before this time.
    pub(crate) until: Option<Timestamp>,
}

impl DeploymentRecord {
    /// `ecs-svc/<n>`.
    pub(crate) fn id(&self) -> String {
        format!("ecs-svc/{}", self.number)
    }
}

/// The key of a service: no name holds a slash.
pub(crate) fn service_key(cluster: &str, service: &str) -> String {
    format!("{cluster}/{service}")
}

impl ServiceRecord {
    /// Whether it is ACTIVE.
    pub(crate) fn active(&self) -> bool {
        self.service.status.as_deref() == Some("ACTIVE")
    }

    /// Whether it is DRAINING.
    pub(crate) fn draining(&self) -> bool {
        self.service.status.as_deref() == Some("DRAINING")
    }

    /// `desiredCount`.
    pub(crate) fn desired(&self) -> usize {
        usize::try_from(self.service.desired_count.unwrap_or(0)).unwrap_or(0)
    }

    /// Whether it runs one task on each container instance.
    pub(crate) fn daemon(&self) -> bool {
        self.service.scheduling_strategy == Some(SchedulingStrategy::Daemon)
    }

    /// Whether its task sets are somebody else's to make.
    pub(crate) fn external(&self) -> bool {
        matches!(
            &self.service.deployment_controller,
            Some(DeploymentController { r#type: Some(DeploymentControllerType::External) })
        )
    }

    /// The PRIMARY deployment.
    pub(crate) fn primary(&self) -> Option<&DeploymentRecord> {
        self.deployments.first()
    }
}

impl Record for ServiceRecord {
    const TABLE: &'static str = "service";

    fn key(&self) -> String {
        service_key(&self.cluster, &self.name)
    }
}

/// All services of a scope, INACTIVE ones included until they are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Services {
    records: Table<ServiceRecord>,
    /// How many are ACTIVE, by cluster.
    active: HashMap<String, i32>,
    /// The keys of those that are ACTIVE, by the Cloud Map namespace of their Service Connect configuration.
    namespaces: BTreeMap<String, BTreeSet<String>>,
    /// The names of the ACTIVE services that wait for container instances, by cluster.
    waiting: HashMap<String, BTreeSet<String>>,
    /// When each service is to be looked at next, where a timer was set.
    pub(crate) wakes: HashMap<String, Timestamp>,
}

impl Services {
    /// The service of this cluster with this name, whatever its status.
    pub(crate) fn get(&self, cluster: &str, name: &str) -> Option<&Arc<ServiceRecord>> {
        self.records.get(&service_key(cluster, name))
    }

    /// All services, for start-up.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ServiceRecord>> {
        self.records.iter()
    }

    /// The services of a cluster whose names come after `after`, in order. `prefix` is the cluster's name with a slash.
    pub(crate) fn of<'a>(&'a self, prefix: &'a str, after: Option<&str>) -> impl Iterator<Item = &'a Arc<ServiceRecord>> + use<'a> {
        let after = after.map(|after| format!("{prefix}{after}"));
        self.records.range(prefix, after.as_deref()).map(|(_, record)| record)
    }

    /// How many services of a cluster are ACTIVE.
    pub(crate) fn active_count(&self, cluster: &str) -> i32 {
        self.active.get(cluster).copied().unwrap_or(0)
    }

    /// The names of the ACTIVE services of a cluster that wait for container instances: daemons, which want one task on each, and those that
    /// could not place a task.
    pub(crate) fn waiting(&self, cluster: &str) -> impl Iterator<Item = &String> {
        self.waiting.get(cluster).into_iter().flatten()
    }

    /// The keys of the ACTIVE services of a namespace after `after`, in order.
    pub(crate) fn in_namespace<'a>(&'a self, namespace: &str, after: Option<&'a str>) -> impl Iterator<Item = &'a String> {
        let keys = self.namespaces.get(namespace);
        keys.into_iter().flatten().filter(move |key| after.is_none_or(|after| key.as_str() > after))
    }

    /// Inserts or replaces a service, here and in the store.
    pub(crate) fn put(&mut self, tx: &mut Tx, record: ServiceRecord) -> Arc<ServiceRecord> {
        if let Some(old) = self.records.get(&record.key()).cloned() {
            self.count(&old, -1);
        }
        let record = self.records.put(tx, record);
        self.count(&record, 1);
        record
    }

    /// Removes a service, here and in the store.
    pub(crate) fn remove(&mut self, tx: &mut Tx, cluster: &str, name: &str) {
        let key = service_key(cluster, name);
        self.wakes.remove(&key);
        if let Some(old) = self.records.remove(tx, &key) {
            self.count(&old, -1);
        }
    }

    /// Takes in a service that was read from the store.
    pub(crate) fn load(&mut self, record: ServiceRecord) {
        let record = self.records.load(record);
        self.count(&record, 1);
    }

    fn count(&mut self, record: &ServiceRecord, by: i32) {
        if !record.active() {
            return;
        }
        *self.active.entry(record.cluster.clone()).or_default() += by;
        if record.daemon() || record.obstacle.is_some() {
            let names = self.waiting.entry(record.cluster.clone()).or_default();
            if by > 0 {
                names.insert(record.name.clone());
            } else {
                names.remove(&record.name);
            }
        }
        let Some(namespace) = &record.namespace else { return };
        let keys = self.namespaces.entry(namespace.clone()).or_default();
        if by > 0 {
            keys.insert(record.key());
        } else {
            keys.remove(&record.key());
            if keys.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
    }
}
