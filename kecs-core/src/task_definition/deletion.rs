//! The end of a task definition: DELETE_IN_PROGRESS until nothing uses it, then gone.
//!
//! "Amazon ECS periodically verifies that the target task definition is not being referenced by any active tasks or deployments, and then
//! deletes the task definition permanently" ("Amazon ECS task definition states"); "it can take up to 1 hour to complete … after the task is
//! stopped" ("Deleting an Amazon ECS task definition revision using the console").

use std::sync::Arc;

use kecs_model::Timestamp;
use kecs_model::ecs::TaskDefinitionStatus;

use crate::engine::{By, Effect, ServiceRecord, TaskDefinitionRecord, TaskIndex, Tx, Wake, World, service_revision_key};

/// How often a definition that is to be deleted is looked at.
const PERIOD_MILLIS: i64 = 60 * 60 * 1000;

/// Begins to delete a revision that is INACTIVE. Returns it as it is then.
pub(crate) fn begin_delete(world: &mut World, tx: &mut Tx, record: &TaskDefinitionRecord) -> Arc<TaskDefinitionRecord> {
    let mut record = record.clone();
    record.definition.status = Some(TaskDefinitionStatus::DeleteInProgress);
    record.definition.delete_requested_at = Some(tx.now);
    let record = world.task_definitions.put(tx, record);
    look_later(world, tx, &record);
    record
}

/// Removes a revision that is being deleted, if nothing uses it; else it is looked at again later.
pub(crate) fn delete_unused(world: &mut World, tx: &mut Tx, family: &str, revision: i32) {
    let Some(record) = world.task_definitions.revision(family, revision).map(Arc::clone) else { return };
    if !record.is(&TaskDefinitionStatus::DeleteInProgress) {
        return;
    }
    if in_use(world, &record) {
        look_later(world, tx, &record);
    } else {
        world.task_definitions.remove(tx, family, revision);
    }
}

/// Takes up, after a start, the deletions that are under way.
pub(crate) fn resume(world: &mut World, tx: &mut Tx) {
    let deleting: Vec<_> = world.task_definitions.listed(&TaskDefinitionStatus::DeleteInProgress, None).cloned().collect();
    for (family, revision) in deleting {
        if let Some(record) = world.task_definitions.revision(&family, revision) {
            look_later(world, tx, record);
        }
    }
}

fn look_later(world: &World, tx: &mut Tx, record: &TaskDefinitionRecord) {
    let wake = Wake::DeleteTaskDefinition { scope: world.scope.clone(), family: record.family.clone(), revision: record.revision };
    tx.then(Effect::Later(Timestamp::from_millis(tx.now.as_millis() + PERIOD_MILLIS), wake));
}

/// "Amazon ECS resources that can block a deletion": tasks, deployments and task sets.
fn in_use(world: &World, record: &TaskDefinitionRecord) -> bool {
    let this = |arn: Option<&String>| arn.map(String::as_str) == Some(record.arn());
    let by_task = world.clusters.iter().any(|cluster| {
        [true, false].into_iter().any(|wanted| {
            let by = By::Family(record.family.clone());
            let index = TaskIndex { cluster: cluster.name.as_str().into(), wanted, by };
            world.tasks.of(&index).any(|task| !task.stopped() && this(task.task.task_definition_arn.as_ref()))
        })
    });
    let by_service = |service: &ServiceRecord| {
        let deployed = |number: &str| {
            let key = service_revision_key(&service.cluster, &service.name, number);
            world.service_revisions.get(&key).is_some_and(|revision| this(revision.revision.task_definition.as_ref()))
        };
        service.active() && service.deployments.iter().any(|deployment| deployed(&deployment.number))
    };
    by_task
        || world.services.iter().any(|service| by_service(service))
        || world.task_sets.iter().any(|set| this(set.task_set.task_definition.as_ref()))
}
