//! StopTask.

use std::sync::Arc;

use kecs_model::ecs::{StopTaskRequest, StopTaskResponse, TaskStopCode};
use kecs_model::{ApiError, RequestContext};

use super::{described, named};
use crate::engine::Shared;
use crate::task_life::{self, Stop};

/// What ECS says where the caller gives no reason.
const NO_REASON: &str = "Task stopped by user";

pub(in crate::api) async fn stop_task(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: StopTaskRequest,
) -> Result<StopTaskResponse, ApiError> {
    let task = input.task.filter(|task| !task.is_empty()).ok_or_else(|| ApiError::invalid_parameter("Task can not be blank."))?;
    let task = shared
        .write(ctx, |world, tx| {
            let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
            let record =
                named(world, &cluster, &task)?.ok_or_else(|| ApiError::invalid_parameter("The referenced task was not found."))?;
            let id = record.id;
            let stop = Stop { code: TaskStopCode::UserInitiated, reason: input.reason.unwrap_or_else(|| NO_REASON.to_owned()) };
            task_life::stop(world, tx, &record.task_ref(), stop);
            let record = world.tasks.get(id).expect("a task that stops stays on record");
            Ok(described(record, true))
        })
        .await?;
    Ok(StopTaskResponse { task: Some(task) })
}
