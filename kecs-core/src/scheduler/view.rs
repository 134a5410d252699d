//! A service's tasks, as the rollout looks at them.

use std::sync::Arc;

use kecs_model::Timestamp;

use super::health;
use super::rollout::TaskView;
use crate::engine::{ServiceRecord, TaskRecord, World};
use crate::instance_life::InstanceState;

/// The tasks, and when one of them may change by itself. `primary` says which are of the deployment or task set that is to stay.
pub(super) fn of<'a>(
    service: &ServiceRecord,
    tasks: impl Iterator<Item = &'a Arc<TaskRecord>>,
    now: Timestamp,
    primary: impl Fn(&TaskRecord) -> bool,
) -> (Vec<TaskView>, Option<Timestamp>) {
    let grace = service.service.health_check_grace_period_seconds.unwrap_or(0);
    let mut wake: Option<Timestamp> = None;
    let tasks = tasks
        .map(|record| {
            let (health, until) = health::of(record, grace, now);
            wake = [wake, until].into_iter().flatten().min();
            TaskView {
                id: record.id,
                primary: primary(record),
                health,
                protected: record.protection.is_some(),
                zone: record.task.availability_zone.clone(),
                created_at: record.task.created_at.unwrap_or(now),
            }
        })
        .collect();
    (tasks, wake)
}

/// Whether a task has to go elsewhere, for its instance is DRAINING ("service tasks on the container instance … are stopped and replaced",
/// UpdateContainerInstancesState) or gone. It is replaced as the tasks of older deployments are.
pub(super) fn displaced(world: &World, task: &TaskRecord) -> bool {
    task.task.container_instance_arn.as_deref().is_some_and(|arn| {
        let id = arn.rsplit('/').next().unwrap_or(arn);
        world.instance(&task.cluster.name, id).is_none_or(|instance| instance.state != InstanceState::Active)
    })
}
