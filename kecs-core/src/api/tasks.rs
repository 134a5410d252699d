//! Tasks.

mod describe;
mod protection;
pub(super) mod request;
mod run;
mod start;
mod stop;

pub(super) use describe::{describe_tasks, list_tasks};
pub(super) use protection::{get_task_protection, update_task_protection};
pub(super) use run::run_task;
pub(super) use start::start_task;
pub(super) use stop::stop_task;

use std::sync::Arc;

use kecs_model::ecs::Task;

use crate::arn::Arn;
use crate::engine::{TaskRecord, World};
use crate::{Scope, TaskId};

/// The id in what a request says of a task: an id, or an ARN of this scope and cluster (in the old format, without a cluster).
fn task_id(scope: &Scope, cluster: &str, named: &str) -> Option<TaskId> {
    let Some(arn) = Arn::parse(named) else { return named.parse().ok() };
    match arn.ecs_resource(scope)? {
        ("task", path) => match path.split_once('/') {
            Some((of, id)) if of == cluster => id.parse().ok(),
            Some(_) => None,
            None => path.parse().ok(),
        },
        _ => None,
    }
}

/// The task of this cluster that a request names.
pub(super) fn find<'a>(world: &'a World, cluster: &str, named: &str) -> Option<&'a Arc<TaskRecord>> {
    let id = task_id(&world.scope, cluster, named)?;
    world.tasks.get(id).filter(|record| &*record.cluster.name == cluster)
}

/// A task as clients see it.
fn described(record: &TaskRecord, tags: bool) -> Task {
    let mut task = record.task.clone();
    task.tags = Some(if tags { record.tags.clone() } else { Vec::new() });
    task
}
