//! Tasks.

mod describe;
mod execute_command;
mod identifier;
mod list;
mod overrides;
mod protection;
pub(super) mod request;
mod run;
mod start;
mod stop;

pub(super) use describe::describe_tasks;
pub(super) use execute_command::execute_command;
pub(super) use list::list_tasks;
pub(super) use protection::{get_task_protection, update_task_protection};
pub(super) use run::run_task;
pub(super) use start::start_task;
pub(super) use stop::stop_task;

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::{Failure, Task};

use crate::engine::{ClusterRecord, TaskRecord, World};

/// The most tasks that one call reads ("up to 100 task IDs or full ARN entries", DescribeTasks and GetTaskProtection).
const MOST_READ: usize = 100;

/// The task of this cluster that a request names. An error for a text that can name no task of it.
fn named<'a>(world: &'a World, cluster: &str, named: &str) -> Result<Option<&'a Arc<TaskRecord>>, ApiError> {
    let id = identifier::task_id(&world.scope, cluster, named)?;
    Ok(id.and_then(|id| world.tasks.get(id)).filter(|record| &*record.cluster.name == cluster))
}

/// The same for callers to whom a text that names no task is like a task that is not there.
pub(super) fn find<'a>(world: &'a World, cluster: &str, task: &str) -> Option<&'a Arc<TaskRecord>> {
    named(world, cluster, task).ok().flatten()
}

/// Why a task is not in an answer: its ARN, whether an id or an ARN was asked for, and the reason.
fn failure(world: &World, cluster: &str, named: &str, reason: &str) -> Failure {
    let arn = if named.starts_with("arn:") {
        named.to_owned()
    } else {
        format!("{}/{named}", world.scope.cluster_arn(cluster).replacen(":cluster/", ":task/", 1))
    };
    Failure { arn: Some(arn), reason: Some(reason.to_owned()), detail: None }
}

/// Refuses more tasks than a call may name.
fn at_most(tasks: &[String], most: usize) -> Result<(), ApiError> {
    if tasks.len() > most {
        // sil-org/ecs-deploy#266 has the text.
        return Err(ApiError::invalid_parameter(format!("taskIds can have at most {most} items.")));
    }
    Ok(())
}

/// The cluster that a request reads tasks of: also one that was deleted, whose stopped tasks stay describable (DescribeTasks: "If you have
/// tasks with tags, and then delete the cluster, the tagged tasks are returned in the response").
fn readable_cluster<'a>(world: &'a World, named: Option<&str>) -> Result<&'a Arc<ClusterRecord>, ApiError> {
    match world.cluster(named) {
        Some(cluster) => Ok(cluster),
        None => world.active_cluster(named),
    }
}

/// A task as clients see it.
fn described(record: &TaskRecord, tags: bool) -> Task {
    let mut task = record.task.clone();
    task.tags = Some(if tags { record.tags.clone() } else { Vec::new() });
    task
}
