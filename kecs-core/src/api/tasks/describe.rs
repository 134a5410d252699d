//! DescribeTasks and ListTasks.

use std::sync::Arc;

use kecs_model::ecs::{
    DescribeTasksRequest, DescribeTasksResponse, DesiredStatus, Failure, ListTasksRequest, ListTasksResponse, TaskField,
};
use kecs_model::{ApiError, RequestContext};

use super::{described, find};
use crate::TaskId;
use crate::arn::Arn;
use crate::engine::{By, Shared, TaskIndex, TaskRecord, World};
use crate::page::Page;

/// "You can specify up to 100 task IDs" (DescribeTasks).
const MOST_DESCRIBED: usize = 100;

pub(in crate::api) async fn describe_tasks(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeTasksRequest,
) -> Result<DescribeTasksResponse, ApiError> {
    let named = input.tasks.unwrap_or_default();
    if named.is_empty() {
        return Err(ApiError::invalid_parameter("Tasks cannot be empty."));
    }
    if named.len() > MOST_DESCRIBED {
        return Err(ApiError::invalid_parameter("Tasks cannot have more than 100 elements."));
    }
    let tags = input.include.unwrap_or_default().contains(&TaskField::Tags);
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        let mut tasks = Vec::with_capacity(named.len());
        let mut failures = Vec::new();
        for name in named {
            match find(world, cluster, &name) {
                Some(record) => tasks.push(described(record, tags)),
                None => failures.push(Failure {
                    arn: Some(if Arn::parse(&name).is_some() {
                        name
                    } else {
                        format!("{}/{name}", world.scope.cluster_arn(cluster).replacen(":cluster/", ":task/", 1))
                    }),
                    reason: Some("MISSING".to_owned()),
                    detail: None,
                }),
            }
        }
        Ok(DescribeTasksResponse { tasks: Some(tasks), failures: Some(failures) })
    })
}

pub(in crate::api) async fn list_tasks(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListTasksRequest,
) -> Result<ListTasksResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, 100, 100)?;
    let after: Option<TaskId> = match page.after.as_deref() {
        Some(after) => Some(after.parse().map_err(|_| ApiError::invalid_parameter("Invalid token."))?),
        None => None,
    };
    shared.read(ctx, |world| {
        let cluster = world.active_cluster(input.cluster.as_deref())?;
        let by = narrowest(world, &cluster.name, &input);
        let wanted = input.desired_status != Some(DesiredStatus::Stopped);
        let index = TaskIndex { cluster: cluster.name.as_str().into(), wanted, by };
        // "Although you can filter results based on a desired status of PENDING, this doesn't return any results" (ListTasks).
        let nothing = input.desired_status == Some(DesiredStatus::Pending);
        let ids = world
            .tasks
            .ids(&index, after)
            .filter(|id| !nothing && world.tasks.get(*id).is_some_and(|record| matches(record, &input)));
        let (ids, next_token) = page.take(ids, TaskId::to_string);
        let task_arns = ids.into_iter().map(|id| world.scope.task_arn(&cluster.name, id)).collect();
        Ok(ListTasksResponse { task_arns: Some(task_arns), next_token })
    })
}

/// The index that leaves the fewest tasks to look at.
fn narrowest(world: &World, cluster: &str, input: &ListTasksRequest) -> By {
    if let Some(service) = &input.service_name {
        return By::Service(last_part(service).to_owned());
    }
    if let Some(instance) = &input.container_instance {
        return By::Instance(world.scope.container_instance_arn(cluster, last_part(instance)));
    }
    if let Some(started_by) = &input.started_by {
        return By::StartedBy(started_by.clone());
    }
    if let Some(family) = &input.family {
        return By::Family(family.clone());
    }
    By::Cluster
}

/// The last part of an ARN, or the whole of a name.
fn last_part(named: &str) -> &str {
    named.rsplit('/').next().unwrap_or(named)
}

/// Whether a task passes every filter; the index was the first of them.
fn matches(record: &TaskRecord, input: &ListTasksRequest) -> bool {
    let task = &record.task;
    let is = |wanted: Option<&str>, actual: Option<&str>| wanted.is_none_or(|wanted| actual == Some(wanted));
    let family = task.task_definition_arn.as_deref().map(last_part).and_then(|name| Some(name.rsplit_once(':')?.0));
    is(input.service_name.as_deref().map(last_part), record.service())
        && is(input.started_by.as_deref(), task.started_by.as_deref())
        && is(input.family.as_deref(), family)
        && is(input.container_instance.as_deref().map(last_part), task.container_instance_arn.as_deref().map(last_part))
        && input.launch_type.as_ref().is_none_or(|wanted| task.launch_type.as_ref() == Some(wanted))
        // No daemons are served yet, so no task belongs to one.
        && input.daemon_name.is_none()
}
