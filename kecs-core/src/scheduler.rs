//! The service scheduler: does each service have the tasks that it should have?
//!
//! Nothing polls. A change of a service, of one of its tasks, or a timer that the scheduler itself has set, makes the reactor call
//! [`reconcile`], which looks at that one service, takes the next step and returns: what follows from the step wakes it again.
//!
//! [`rollout`] decides, and is a pure function; [`replica`] carries out what it says, for REPLICA and DAEMON services; [`task_sets`] does
//! for the EXTERNAL deployment controller.

mod actions;
mod backoff;
mod circuit_breaker;
mod counts;
mod daemon;
mod deployments;
mod events;
mod health;
mod history;
mod launch;
mod ledger;
mod replica;
mod rollout;
mod task_sets;
mod view;

pub(crate) use counts::ServiceCounts;
pub(crate) use deployments::{begin as begin_deployment, current_revision, new_number};
pub(crate) use history::{change as change_service_deployment, described as described_deployment, forget_all as forget_history};
pub(crate) use task_sets::described as described_task_set;

use kecs_model::Timestamp;

use crate::engine::{Effect, ServiceRecord, ServiceRef, Tx, Wake, World, service_key};

/// How long an INACTIVE service stays describable. AWS: "INACTIVE services may be cleaned up and purged" at some time (DeleteService).
const INACTIVE_KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// When a task that found no place is tried again, should nothing have woken the service before.
const PLACED_AGAIN_AFTER_MILLIS: i64 = 30_000;

const LONGEST_SLEEP_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Looks at one service and starts or stops what is missing or too much.
pub(crate) fn reconcile(world: &mut World, tx: &mut Tx, of: &ServiceRef) {
    let Some(record) = world.services.get(&of.cluster.name, &of.name) else { return };
    let mut service = ServiceRecord::clone(record);
    let wake = if service.active() {
        if service.external() { task_sets::step(world, tx, &mut service) } else { replica::step(world, tx, &mut service) }
    } else if service.draining() {
        drain(world, tx, &mut service);
        None
    } else {
        let forget_at = forget_at(&service, tx.now);
        if forget_at <= tx.now {
            forget_history(world, tx, &service.cluster, &service.name);
            world.services.remove(tx, &service.cluster, &service.name);
            return;
        }
        Some(forget_at)
    };
    if let Some(at) = wake {
        wake_at(world, tx, of, at);
    }
    let unchanged = world.services.get(&service.cluster, &service.name).is_some_and(|before| **before == service);
    if !unchanged {
        world.services.put(tx, service);
    }
}

/// Lets those services of a cluster look that wait for container instances.
pub(crate) fn wake_waiting(world: &World, tx: &mut Tx, cluster: &str) {
    for name in world.services.waiting(cluster) {
        tx.then(Effect::Reconcile(ServiceRef { cluster: world.cluster_ref(cluster), name: name.clone() }));
    }
}

/// Sets a timer, unless one is set that comes no later. A wake that is far away comes in steps: timers reach two years, grace periods 69.
fn wake_at(world: &mut World, tx: &mut Tx, service: &ServiceRef, at: Timestamp) {
    let at = at.min(Timestamp::from_millis(tx.now.as_millis() + LONGEST_SLEEP_MILLIS));
    let wakes = &mut world.services.wakes;
    let key = service_key(&service.cluster.name, &service.name);
    if wakes.get(&key).is_some_and(|set| *set <= at) {
        return;
    }
    wakes.insert(key, at);
    tx.then(Effect::Later(at, Wake::Service(service.clone())));
}

/// A timer of a service has run out: the next one may be set.
pub(crate) fn woken(world: &mut World, service: &ServiceRef) {
    world.services.wakes.remove(&service_key(&service.cluster.name, &service.name));
}

fn forget_at(service: &ServiceRecord, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(service.inactive_since.unwrap_or(now).as_millis() + INACTIVE_KEPT_MILLIS)
}

/// A service that is being deleted stops all its tasks: "after all tasks have transitioned to either STOPPING or STOPPED status, the service
/// status moves from DRAINING to INACTIVE" (DeleteService).
fn drain(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) {
    let left: Vec<_> = counts::wanted(world, &service.cluster, &service.name).map(|task| task.id).collect();
    if !left.is_empty() {
        let reason = match service.primary() {
            Some(primary) => format!("Scaling activity initiated by (deployment {})", primary.id()),
            None => "Scaling activity initiated by service deletion".to_owned(),
        };
        launch::stop(world, tx, &service.cluster, &left, &reason);
        events::stopped(world, tx, service, "running", &left);
    }
    deployments::abandon(world, tx, service);
    ledger::close(world, tx, service);
    let going = counts::ending(world, &service.cluster, &service.name)
        .any(|task| !matches!(task.last_status(), "STOPPING" | "DEPROVISIONING" | "STOPPED"));
    if !going {
        service.service.status = Some("INACTIVE".to_owned());
        service.inactive_since = Some(tx.now);
        service.deployments.clear();
        task_sets::remove_all(world, tx, service);
        let of = ServiceRef { cluster: world.cluster_ref(&service.cluster), name: service.name.clone() };
        wake_at(world, tx, &of, forget_at(service, tx.now));
    }
}

/// Takes up, after a start, every service that is on record.
pub(crate) fn resume(world: &mut World, tx: &mut Tx) {
    let services: Vec<_> = world
        .services
        .iter()
        .map(|service| ServiceRef { cluster: world.cluster_ref(&service.cluster), name: service.name.clone() })
        .collect();
    for service in services {
        tx.then(Effect::Reconcile(service));
    }
}
