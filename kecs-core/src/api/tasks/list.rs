//! ListTasks.

use std::sync::Arc;

use kecs_model::ecs::{DesiredStatus, LaunchType, ListTasksRequest, ListTasksResponse};
use kecs_model::{ApiError, RequestContext};

use super::identifier::{NotHere, within_cluster};
use crate::TaskId;
use crate::engine::{By, Shared, TaskIndex, TaskRecord, World};
use crate::page::Page;

/// "If this parameter isn't used, then ListTasks returns up to 100 results"; "this value can be between 1 and 100" (maxResults).
const PAGE: usize = 100;

pub(in crate::api) async fn list_tasks(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListTasksRequest,
) -> Result<ListTasksResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, PAGE, PAGE)?;
    let after: Option<TaskId> = match page.after.as_deref() {
        Some(after) => Some(after.parse().map_err(|_| ApiError::invalid_parameter("Invalid token."))?),
        None => None,
    };
    let wanted = match &input.desired_status {
        None | Some(DesiredStatus::Running) => Some(true),
        Some(DesiredStatus::Stopped) => Some(false),
        // "Although you can filter results based on a desired status of PENDING, this doesn't return any results."
        Some(DesiredStatus::Pending) => None,
        Some(other) => return Err(unknown("desiredStatus", other)),
    };
    if let Some(other @ LaunchType::Unrecognized(_)) = &input.launch_type {
        return Err(unknown("launchType", other));
    }
    shared.read(ctx, |world| {
        let cluster = world.active_cluster(input.cluster.as_deref())?;
        let filters = Filters::new(world, &cluster.name, &input)?;
        let Some((wanted, filters)) = wanted.zip(filters) else {
            return Ok(ListTasksResponse { task_arns: Some(Vec::new()), next_token: None });
        };
        let index = TaskIndex { cluster: cluster.name.as_str().into(), wanted, by: filters.narrowest() };
        let ids = world.tasks.ids(&index, after);
        let ids = ids.filter(|id| world.tasks.get(*id).is_some_and(|record| filters.pass(record)));
        let (ids, next_token) = page.take(ids, TaskId::to_string);
        let task_arns = ids.into_iter().map(|id| world.scope.task_arn(&cluster.name, id)).collect();
        Ok(ListTasksResponse { task_arns: Some(task_arns), next_token })
    })
}

/// The text is ours.
fn unknown(parameter: &str, value: &impl std::fmt::Display) -> ApiError {
    ApiError::invalid_parameter(format!("{parameter} cannot be {value}."))
}

/// By what tasks are filtered.
struct Filters {
    service: Option<String>,
    instance_arn: Option<String>,
    started_by: Option<String>,
    family: Option<String>,
    launch_type: Option<LaunchType>,
}

impl Filters {
    /// Reads a request's filters; `None` where no task can pass them.
    fn new(world: &World, cluster: &str, input: &ListTasksRequest) -> Result<Option<Self>, ApiError> {
        check_combination(input)?;
        let service = match &input.service_name {
            None => None,
            Some(named) => {
                let name = within_cluster(&world.scope, cluster, "service", named)
                    // brianc in mightyguava/ecsq#9 has the text.
                    .map_err(|error| refused(error, "Service Identifier is invalid"))?;
                let service = name.and_then(|name| world.services.get(cluster, name));
                Some(service.ok_or_else(ApiError::service_not_found)?.name.clone())
            }
        };
        let instance_arn = match &input.container_instance {
            None => None,
            Some(named) => {
                let id = within_cluster(&world.scope, cluster, "container-instance", named)
                    // Our words, after those for tasks and services.
                    .map_err(|error| refused(error, "Container Instance Identifier is invalid"))?;
                let Some(id) = id else { return Ok(None) };
                Some(world.scope.container_instance_arn(cluster, id))
            }
        };
        if input.daemon_name.is_some() {
            // No daemons are served yet, so no task belongs to one.
            return Ok(None);
        }
        Ok(Some(Self {
            service,
            instance_arn,
            started_by: input.started_by.clone(),
            family: input.family.clone(),
            launch_type: input.launch_type.clone(),
        }))
    }

    /// The index that leaves the fewest tasks to look at.
    fn narrowest(&self) -> By {
        let Self { service, instance_arn, started_by, family, launch_type } = self;
        if let Some(service) = service {
            By::Service(service.clone())
        } else if let Some(instance) = instance_arn {
            By::Instance(instance.clone())
        } else if let Some(started_by) = started_by {
            By::StartedBy(started_by.clone())
        } else if let Some(family) = family {
            By::Family(family.clone())
        } else if let Some(launch_type) = launch_type {
            By::LaunchType(launch_type.as_str().to_owned())
        } else {
            By::Cluster
        }
    }

    /// Whether a task passes every filter; the index was the first of them.
    fn pass(&self, record: &TaskRecord) -> bool {
        let Self { service, instance_arn, started_by, family, launch_type } = self;
        let task = &record.task;
        let is = |wanted: &Option<String>, actual: Option<&str>| wanted.is_none() || wanted.as_deref() == actual;
        is(service, record.service())
            && is(instance_arn, task.container_instance_arn.as_deref())
            && is(started_by, task.started_by.as_deref())
            && is(family, record.family())
            && launch_type.as_ref().is_none_or(|wanted| task.launch_type.as_ref() == Some(wanted))
    }
}

/// AWS refuses some filters together: "When you specify startedBy as the filter, it must be the only filter that you use" (its users combine it
/// with desiredStatus nevertheless), and serviceName with containerInstance. aws/aws-sdk-go-v2#1893 and boto/boto3#874 have the texts.
/// Which others AWS refuses is not documented; those narrow together here.
fn check_combination(input: &ListTasksRequest) -> Result<(), ApiError> {
    let task_filter = input.family.is_some() || input.container_instance.is_some() || input.daemon_name.is_some();
    let with_started_by = task_filter || input.service_name.is_some() || input.launch_type.is_some();
    if input.started_by.is_some() && with_started_by {
        return Err(ApiError::invalid_parameter("cannot specify startedBy with other arguments"));
    }
    if input.service_name.is_some() && task_filter {
        return Err(ApiError::invalid_parameter("cannot specify serviceName with other arguments"));
    }
    Ok(())
}

fn refused(why: NotHere, malformed: &str) -> ApiError {
    match why {
        NotHere::Malformed => ApiError::invalid_parameter(malformed),
        NotHere::OtherCluster(error) => error,
    }
}
