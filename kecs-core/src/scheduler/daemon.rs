//! DAEMON services: one task on each ACTIVE container instance that meets their constraints.
//!
//! A cluster without registered instances runs its tasks on the backend's own host, which then counts as the one instance there is.

use std::collections::HashSet;
use std::sync::Arc;

use super::counts;
use crate::capacity::{Place, Placer};
use crate::engine::{ContainerInstanceRecord, ServiceRecord, TaskRecord, World};
use crate::instance_life::InstanceState;
use crate::placement::{PlacementFailure, Unplaceable};

/// Whether daemons go to container instances.
pub(super) fn has_instances(world: &World, cluster: &str) -> bool {
    world.instances_of(cluster).next().is_some()
}

fn active<'a>(world: &'a World, cluster: &str) -> impl Iterator<Item = &'a Arc<ContainerInstanceRecord>> {
    world.instances_of(cluster).filter(|instance| instance.state == InstanceState::Active)
}

/// How many tasks a DAEMON service should have.
pub(super) fn desired(world: &World, service: &ServiceRecord) -> usize {
    if has_instances(world, &service.cluster) { active(world, &service.cluster).count() } else { 1 }
}

/// Finds instances that have no task of this deployment, those first that have none of the service at all.
pub(super) fn place(
    world: &World,
    service: &ServiceRecord,
    deployment: &str,
    placer: &mut Placer,
    count: usize,
) -> (Vec<Place>, Option<String>) {
    let on = |of_deployment: bool| -> HashSet<&str> {
        counts::wanted(world, &service.cluster, &service.name)
            .filter(|task| !of_deployment || task.launched_by(deployment))
            .filter_map(|task| task.task.container_instance_arn.as_deref())
            .collect()
    };
    let (taken, served) = (on(true), on(false));
    let mut free: Vec<_> = active(world, &service.cluster).filter(|instance| !taken.contains(instance.arn())).collect();
    free.sort_by_key(|instance| served.contains(instance.arn()));
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
    let refusal = (places.len() < count).then(|| Unplaceable { failures }.service_event(&service.name));
    (places, refusal)
}

/// Whether a task has to go elsewhere: its instance is DRAINING ("service tasks on the container instance … are stopped and replaced",
/// UpdateContainerInstancesState) or gone; or it is a DAEMON's on the host itself, and instances have come.
pub(super) fn displaced(world: &World, service: &ServiceRecord, task: &TaskRecord) -> bool {
    match task.task.container_instance_arn.as_deref() {
        None => service.daemon() && world.instances_of(&service.cluster).next().is_some(),
        Some(arn) => {
            let id = arn.rsplit('/').next().unwrap_or(arn);
            world.instance(&service.cluster, id).is_none_or(|instance| instance.state != InstanceState::Active)
        }
    }
}
