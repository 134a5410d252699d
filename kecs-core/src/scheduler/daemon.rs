//! DAEMON services: one task on each ACTIVE container instance that meets their constraints.
//!
//! A cluster without registered instances runs its tasks on the backend's own host, which then counts as the one instance there is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::actions::{self, Action};
use super::counts;
use super::launch::Refusal;
use crate::capacity::{Capacity, NotPlaced, Place, Placer, Wish};
use crate::engine::{ContainerInstanceRecord, ServiceRecord, TaskRecord, Tx, World};
use crate::instance_life::InstanceState;
use crate::placement::{PlacementFailure, Unplaceable};

/// Where a DAEMON service is to have a task.
#[derive(Clone, Debug)]
pub(super) enum Homes {
    /// On the backend's own host.
    Host,
    /// On each of these instances, by their ARNs.
    Instances(HashMap<String, Arc<ContainerInstanceRecord>>),
}

impl Homes {
    /// The host where there are no instances, unless the service asks for certain ones; else "each active container instance that meets all of
    /// the task placement constraints" (SchedulingStrategy).
    pub(super) fn of(world: &World, cluster: &str, capacity: &Capacity, wish: &Wish) -> Self {
        let mut instances = capacity.instances(world, cluster).peekable();
        if instances.peek().is_none() && !wish.constrained() {
            return Self::Host;
        }
        let fit = instances.filter(|instance| instance.state == InstanceState::Active && wish.admits(world, instance));
        Self::Instances(fit.map(|instance| (instance.arn().to_owned(), Arc::clone(instance))).collect())
    }

    /// How many tasks the service should have.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Host => 1,
            Self::Instances(instances) => instances.len(),
        }
    }

    /// Whether a task is where one should be: "the service scheduler … will stop tasks that don't meet the placement constraints" (CreateService,
    /// schedulingStrategy).
    pub(super) fn has(&self, task: &TaskRecord) -> bool {
        match (self, task.task.container_instance_arn.as_ref()) {
            (Self::Host, None) => true,
            (Self::Instances(instances), Some(arn)) => instances.contains_key(arn),
            _ => false,
        }
    }
}

/// Notes how many tasks a DAEMON service should have.
pub(super) fn adjust(world: &World, tx: &mut Tx, service: &mut ServiceRecord, homes: &Homes) {
    let desired = homes.count();
    let count = i32::try_from(desired).ok();
    if service.service.desired_count != count {
        service.service.desired_count = count;
        actions::tell(world, tx, service, &Action::DesiredCountUpdated(desired));
    }
}

/// Finds instances that have no task of this deployment, those first that have none of the service at all.
pub(super) fn place(
    world: &World,
    service: &ServiceRecord,
    deployment: &str,
    homes: &HashMap<String, Arc<ContainerInstanceRecord>>,
    placer: &mut Placer,
    count: usize,
) -> (Vec<Place>, Option<Refusal>) {
    let on = |of_deployment: bool| -> HashSet<&str> {
        counts::wanted(world, &service.cluster, &service.name)
            .filter(|task| !of_deployment || task.launched_by(deployment))
            .filter_map(|task| task.task.container_instance_arn.as_deref())
            .collect()
    };
    let (taken, served) = (on(true), on(false));
    let mut free: Vec<_> = homes.values().filter(|instance| !taken.contains(instance.arn())).collect();
    free.sort_by_key(|instance| (served.contains(instance.arn()), instance.arn()));
    let mut places = Vec::new();
    let mut failures = Vec::new();
    for instance in free {
        if places.len() == count {
            break;
        }
        match placer.place_on(instance) {
            Ok(place) => places.push(place),
            Err(reason) => failures.push(PlacementFailure { container_instance: instance.id.clone(), reason }),
        }
    }
    let refusal = (places.len() < count).then(|| {
        let why = NotPlaced::Unplaceable(Unplaceable { failures });
        Refusal::place(&service.name, &why, Vec::new())
    });
    (places, refusal)
}
