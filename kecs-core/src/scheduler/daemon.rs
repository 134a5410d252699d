//! DAEMON services: one task on each ACTIVE container instance.
//!
//! A cluster without registered instances runs its tasks on the backend's own host, which then counts as the one instance there is.

use std::collections::HashSet;

use kecs_model::ecs::LaunchType;

use super::counts;
use crate::capacity::Place;
use crate::engine::{ServiceRecord, TaskRecord, World};
use crate::instance_life::InstanceState;

/// How many tasks a DAEMON service should have.
pub(super) fn desired(world: &World, service: &ServiceRecord) -> usize {
    match world.instances_of(&service.cluster).next() {
        None => 1,
        Some(_) => active(world, &service.cluster).count(),
    }
}

/// The ARN and the zone of each ACTIVE instance.
fn active<'a>(world: &'a World, cluster: &str) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    let instances = world.instances_of(cluster).filter(|instance| instance.state == InstanceState::Active);
    instances.map(|instance| (instance.arn(), instance.attribute("ecs.availability-zone")))
}

/// The instances that lack a task of the deployment `ecs-svc/<n>`.
pub(super) fn places(world: &World, service: &ServiceRecord, deployment: &str, launch_type: &LaunchType) -> Vec<Place> {
    let taken: HashSet<Option<&str>> = counts::wanted(world, &service.cluster, &service.name)
        .filter(|task| task.launched_by(deployment))
        .map(|task| task.task.container_instance_arn.as_deref())
        .collect();
    let place = |instance: Option<&str>, zone: Option<String>| Place {
        launch_type: Some(launch_type.clone()),
        container_instance_arn: instance.map(str::to_owned),
        availability_zone: zone,
        ..Place::default()
    };
    if world.instances_of(&service.cluster).next().is_none() {
        let host = place(None, Some(format!("{}a", world.scope.region)));
        return if taken.contains(&None) { Vec::new() } else { vec![host] };
    }
    active(world, &service.cluster)
        .filter(|(arn, _)| !taken.contains(&Some(arn)))
        .map(|(arn, zone)| place(Some(arn), zone.map(str::to_owned)))
        .collect()
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
