//! Rules and schedules of clusters that have a LocalStack of their own: each such LocalStack has its own, and so its own that run their tasks.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kecs_core::{AwsBackends, AwsServiceBackend, ClusterRef, Engine, SystemClock};
use kecs_localstack::{EcsScheduleRunner, EcsSchedules, EcsTargetRunner, EcsTargets, LocalStacks};
use tokio::task::JoinSet;

/// What runs the tasks of one LocalStack's rules and schedules.
pub(super) type Runners = (EcsTargetRunner, EcsScheduleRunner);

/// A backend whose rules and schedules may have clusters as targets, and what runs their tasks.
pub(super) fn with_targets(backend: Arc<dyn AwsServiceBackend>) -> (EcsSchedules, Runners) {
    let (rules, of_rules) = EcsTargets::new(backend);
    let (all, of_schedules) = EcsSchedules::new(Arc::new(rules), Arc::new(SystemClock));
    (all, (of_rules, of_schedules))
}

/// What answers the calls of a cluster's tasks: its own LocalStack, or what answers everybody.
#[derive(Clone, Debug)]
pub(super) struct Called {
    fleet: Arc<LocalStacks>,
    shared: Arc<EcsSchedules>,
    own: Arc<RwLock<HashMap<Arc<str>, Arc<EcsSchedules>>>>,
}

impl Called {
    pub(super) fn new(fleet: Arc<LocalStacks>, shared: EcsSchedules) -> Self {
        Self { fleet, shared: Arc::new(shared), own: Arc::default() }
    }

    /// Runs the tasks of rules and schedules of every LocalStack that belongs to one cluster, also of those that are yet to come.
    pub(super) async fn run(self, engine: Arc<Engine>) {
        let mut clusters = self.fleet.own();
        let mut runners = JoinSet::new();
        loop {
            let all = clusters.borrow_and_update().clone();
            for cluster in all {
                let Some(member) = self.fleet.member(&cluster) else { continue };
                let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
                if own.contains_key(&cluster) {
                    continue;
                }
                let (backend, (of_rules, of_schedules)) = with_targets(member);
                own.insert(cluster, Arc::new(backend));
                drop(own);
                runners.spawn(of_rules.run(Arc::clone(&engine) as _, engine.scopes()));
                runners.spawn(of_schedules.run(Arc::clone(&engine) as _, engine.scopes()));
            }
            if clusters.changed().await.is_err() {
                return;
            }
        }
    }
}

impl AwsBackends for Called {
    fn of(&self, cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        match own.get(&cluster.name) {
            Some(own) => Arc::clone(own) as _,
            // For the moment between the making of a LocalStack and ours of it.
            None if self.fleet.has_own(&cluster.name) => self.fleet.of(cluster),
            None => Arc::clone(&self.shared) as _,
        }
    }
}
