//! How many tasks a service has, counted from the index when somebody asks.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::{By, Owner, TaskIndex, TaskRecord, World};

/// Tasks of a deployment, a task set or a whole service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// `runningCount`: `lastStatus` RUNNING.
    pub(crate) running: i32,
    /// `pendingCount`: not yet RUNNING.
    pub(crate) pending: i32,
}

impl Counts {
    fn add(&mut self, record: &TaskRecord) {
        match record.last_status() {
            "RUNNING" => self.running += 1,
            "PROVISIONING" | "PENDING" | "ACTIVATING" => self.pending += 1,
            _ => {}
        }
    }
}

/// The counts of a service, and of each of its deployments or task sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceCounts {
    /// Of all.
    pub(crate) all: Counts,
    by_deployment: HashMap<String, Counts>,
}

impl ServiceCounts {
    /// Counts.
    pub(crate) fn of(world: &World, cluster: &str, service: &str) -> Self {
        let mut counts = Self::default();
        for record in wanted(world, cluster, service) {
            counts.all.add(record);
            if let Owner::Service { deployment, .. } = &record.owner {
                // Not `entry`: most tasks belong to a deployment that was met already, and its id need not be copied.
                match counts.by_deployment.get_mut(deployment) {
                    Some(of_deployment) => of_deployment.add(record),
                    None => counts.by_deployment.entry(deployment.clone()).or_default().add(record),
                }
            }
        }
        counts
    }

    /// Of the deployment or task set `ecs-svc/<n>`.
    pub(crate) fn of_deployment(&self, id: &str) -> Counts {
        self.by_deployment.get(id).copied().unwrap_or_default()
    }
}

/// The tasks of a service that are to run.
pub(super) fn wanted<'a>(world: &'a World, cluster: &str, service: &str) -> impl Iterator<Item = &'a Arc<TaskRecord>> + use<'a> {
    world.tasks.of(&index(cluster, true, By::Service(service.to_owned())))
}

/// The tasks of a service that ended or are to end, as long as the scheduler has not closed the book on them.
pub(super) fn ending<'a>(world: &'a World, cluster: &str, service: &str) -> impl Iterator<Item = &'a Arc<TaskRecord>> + use<'a> {
    world.tasks.of(&index(cluster, false, By::Ending(service.to_owned())))
}

fn index(cluster: &str, wanted: bool, by: By) -> TaskIndex {
    TaskIndex { cluster: cluster.into(), wanted, by }
}
