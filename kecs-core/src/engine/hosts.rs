//! Follows the backend's hosts, which are container instances without anybody's call.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::follow::follow;
use super::{HostRef, Shared, lock};
use crate::instance_life::{self, InstanceState};
use crate::{ClusterRef, ErrorKind, HostEvent, HostInstance, Report};

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// The hosts as they were told last, those too whose cluster is not there yet.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<BTreeMap<String, HostInstance>>);

impl Hosts {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, HostInstance>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows them until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    follow(&shared, "the container instances", || shared.tasks.watch_instances(), |event| apply(&shared, event)).await;
    if !shared.stop.is_cancelled() {
        // The backend has none. Another one, before, may have had some.
        apply(&shared, HostEvent::Resynced(Vec::new()));
    }
}

fn apply(shared: &Shared, event: HostEvent) {
    match event {
        HostEvent::Observed(host) => {
            observed(shared, &host);
            shared.hosts.lock().insert(host.id.clone(), host);
        }
        HostEvent::Gone { cluster, id } => {
            shared.hosts.lock().retain(|_, host| host.id != id || host.cluster != cluster);
            gone(shared, &cluster, &id);
        }
        HostEvent::Resynced(all) => {
            let seen: HashSet<(&ClusterRef, &str)> = all.iter().map(|host| (&host.cluster, host.id.as_str())).collect();
            for HostRef { cluster, id } in registered(shared) {
                if !seen.contains(&(&cluster, id.as_str())) {
                    gone(shared, &cluster, &id);
                }
            }
            for host in &all {
                observed(shared, host);
            }
            *shared.hosts.lock() = all.into_iter().map(|host| (host.id.clone(), host)).collect();
        }
    }
}

fn observed(shared: &Shared, host: &HostInstance) {
    drop(shared.record(&host.cluster.scope, |world, tx| instance_life::observed(world, tx, host)));
}

fn gone(shared: &Shared, cluster: &ClusterRef, id: &str) {
    drop(shared.record(&cluster.scope, |world, tx| instance_life::gone(world, tx, &cluster.name, id)));
}

/// All instances that are hosts. They are few, and a resync is rare.
fn registered(shared: &Shared) -> Vec<HostRef> {
    let of = |scope| {
        let world = shared.world(&scope);
        let world = lock(&world);
        let hosted = world.instances.iter().filter(|record| record.hosted && record.state != InstanceState::Inactive);
        hosted.map(|record| HostRef { cluster: world.cluster_ref(&record.cluster), id: record.id.clone() }).collect::<Vec<_>>()
    };
    shared.scopes().into_iter().flat_map(of).collect()
}

/// A cluster is there: the hosts that waited for it join.
pub(super) fn join(shared: &Shared, cluster: &ClusterRef) {
    let waiting: Vec<_> = shared.hosts.lock().values().filter(|host| host.cluster == *cluster).cloned().collect();
    for host in &waiting {
        observed(shared, host);
    }
}

/// Tells the backend whether a host takes tasks, by what its instance is now and not when this was asked for.
pub(super) async fn drain(shared: Arc<Shared>, host: HostRef) {
    let mut pause = FIRST_RETRY;
    loop {
        let state =
            shared.look(&host.cluster.scope, |world| world.instance(&host.cluster.name, &host.id).map(|record| record.state));
        let drains = match state {
            Some(InstanceState::Draining) => true,
            Some(InstanceState::Active) => false,
            Some(InstanceState::Inactive) | None => return,
        };
        match shared.tasks.drain_instance(&host.id, drains).await {
            Ok(()) => return,
            // Its end will be told.
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            // Tried again when the host is told of the next time.
            Err(error) if !error.is_retryable() => {
                return tracing::warn!(instance = host.id, error = %Report(&error), "container instance not drained");
            }
            Err(error) => {
                tracing::warn!(instance = host.id, error = %Report(&error), retry_in = ?pause, "container instance not drained yet");
                tokio::time::sleep(error.retry_after().unwrap_or(pause)).await;
                pause = (pause * 2).min(LAST_RETRY);
            }
        }
    }
}
