//! What only the agent of a container instance calls.
//!
//! The tasks of an instance are run by the backend, so there is no agent to send them to. An agent's report is taken for what it says of
//! containers, and one that a task stopped stops the task; that it has ended is for the backend to say.

mod report;

use std::sync::Arc;

use kecs_model::ecs::{
    AttachmentStateChange, ContainerStateChange, DiscoverPollEndpointRequest, DiscoverPollEndpointResponse,
    SubmitAttachmentStateChangesRequest, SubmitAttachmentStateChangesResponse, SubmitContainerStateChangeRequest,
    SubmitContainerStateChangeResponse, SubmitTaskStateChangeRequest, SubmitTaskStateChangeResponse, TaskStopCode,
};
use kecs_model::{ApiError, RequestContext};

use crate::api::{container_instances, tasks};
use crate::engine::{Shared, TaskRecord, World};
use crate::task_life::{self, Stop};

/// What ECS answers to a report that it takes. Agents do not read it.
const ACKNOWLEDGMENT: &str = "ACCEPT";

/// The endpoints are this server itself, as the client reaches it ([ADR 0008](../../../docs/adr/0008-the-endpoint-that-agents-poll.md)); AWS's end
/// with a slash too.
pub(super) async fn discover_poll_endpoint(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DiscoverPollEndpointRequest,
) -> Result<DiscoverPollEndpointResponse, ApiError> {
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        if let Some(named) = input.container_instance.as_deref().filter(|named| !named.is_empty())
            && container_instances::find(world, cluster, named).is_none()
        {
            return Err(container_instances::not_found(named));
        }
        let no_endpoint = || ApiError::client("There is no endpoint to poll: this call reached ECS over no network.");
        let endpoint = format!("{}/", ctx.endpoint.as_deref().ok_or_else(no_endpoint)?);
        Ok(DiscoverPollEndpointResponse {
            telemetry_endpoint: Some(endpoint.clone()),
            service_connect_endpoint: Some(endpoint.clone()),
            endpoint: Some(endpoint),
        })
    })
}

pub(super) async fn submit_task_state_change(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: SubmitTaskStateChangeRequest,
) -> Result<SubmitTaskStateChangeResponse, ApiError> {
    let status = report::task_status(input.status.as_deref())?;
    let changes = input.containers.unwrap_or_default();
    let containers = changes.iter().map(report::container).collect::<Result<Vec<_>, _>>()?;
    shared
        .write(ctx, |world, tx| {
            let record = Arc::clone(reported(world, input.cluster.as_deref(), input.task.as_deref())?);
            for change in &changes {
                check_container(&record, change.container_name.as_deref())?;
            }
            let task = record.task_ref();
            let pulled = (input.pull_started_at, input.pull_stopped_at);
            task_life::observed(world, tx, &report::observation(&record, status, containers, pulled), false);
            if status == report::TaskStatus::Stopped {
                let reason = input.reason.filter(|reason| !reason.is_empty());
                let code = if record.task.started_at.is_none() {
                    TaskStopCode::TaskFailedToStart
                } else {
                    TaskStopCode::EssentialContainerExited
                };
                let reason = reason.unwrap_or_else(|| "Essential container in task exited".to_owned());
                task_life::stop(world, tx, &task, Stop { code, reason });
            }
            Ok(SubmitTaskStateChangeResponse { acknowledgment: Some(ACKNOWLEDGMENT.to_owned()) })
        })
        .await
}

pub(super) async fn submit_container_state_change(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: SubmitContainerStateChangeRequest,
) -> Result<SubmitContainerStateChangeResponse, ApiError> {
    let change = ContainerStateChange {
        container_name: input.container_name,
        exit_code: input.exit_code,
        image_digest: None,
        network_bindings: input.network_bindings,
        reason: input.reason,
        runtime_id: input.runtime_id,
        status: input.status,
    };
    let container = report::container(&change)?;
    shared
        .write(ctx, |world, tx| {
            let record = Arc::clone(reported(world, input.cluster.as_deref(), input.task.as_deref())?);
            check_container(&record, change.container_name.as_deref())?;
            let observation = report::observation(&record, report::TaskStatus::Other, vec![container], (None, None));
            task_life::observed(world, tx, &observation, false);
            Ok(SubmitContainerStateChangeResponse { acknowledgment: Some(ACKNOWLEDGMENT.to_owned()) })
        })
        .await
}

/// Network interfaces and volumes are the backend's, which shows their state itself: what an agent says of them is checked and not needed.
pub(super) async fn submit_attachment_state_changes(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: SubmitAttachmentStateChangesRequest,
) -> Result<SubmitAttachmentStateChangesResponse, ApiError> {
    let attachments = input.attachments.ok_or_else(|| ApiError::invalid_parameter("attachments cannot be null."))?;
    shared.read(ctx, |world| {
        world.active_cluster(input.cluster.as_deref())?;
        for AttachmentStateChange { attachment_arn, status } in &attachments {
            if attachment_arn.as_deref().is_none_or(str::is_empty) || status.as_deref().is_none_or(str::is_empty) {
                return Err(ApiError::invalid_parameter("An attachment state change must have an attachmentArn and a status."));
            }
        }
        Ok(SubmitAttachmentStateChangesResponse { acknowledgment: Some(ACKNOWLEDGMENT.to_owned()) })
    })
}

/// The task that an agent reports on: one that is on a container instance.
fn reported<'a>(world: &'a World, cluster: Option<&str>, named: Option<&str>) -> Result<&'a Arc<TaskRecord>, ApiError> {
    let cluster = world.active_cluster(cluster)?.name.clone();
    let found = tasks::find(world, &cluster, named.unwrap_or_default());
    let record = found.ok_or_else(|| ApiError::invalid_parameter("The referenced task was not found."))?;
    if record.task.container_instance_arn.is_none() {
        return Err(ApiError::invalid_parameter("The referenced task is not on a container instance."));
    }
    Ok(record)
}

fn check_container(record: &TaskRecord, name: Option<&str>) -> Result<(), ApiError> {
    if record.task.containers.iter().flatten().any(|container| container.name.as_deref() == name) {
        return Ok(());
    }
    Err(ApiError::invalid_parameter("The referenced container was not found."))
}
