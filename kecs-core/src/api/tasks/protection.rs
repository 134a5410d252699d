//! GetTaskProtection and UpdateTaskProtection.

use std::sync::Arc;

use kecs_model::ecs::{
    Failure, GetTaskProtectionRequest, GetTaskProtectionResponse, ProtectedTask, UpdateTaskProtectionRequest,
    UpdateTaskProtectionResponse,
};
use kecs_model::{ApiError, RequestContext, Timestamp};

use super::{MOST_READ, at_most, failure, named};
use crate::engine::{ClusterRecord, Protection, Shared, TaskRecord, World};
use crate::task_life;

/// "By default, … 2 hours (120 minutes)" (UpdateTaskProtection, expiresInMinutes).
const DEFAULT_MINUTES: i32 = 120;
/// "The maximum value is 2880 minutes (48 hours)."
const MOST_MINUTES: i32 = 2880;
/// "A list of up to 10 task IDs or full ARN entries" (UpdateTaskProtection).
const MOST_UPDATED: usize = 10;

pub(in crate::api) async fn get_task_protection(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: GetTaskProtectionRequest,
) -> Result<GetTaskProtectionResponse, ApiError> {
    let asked = input.tasks.unwrap_or_default();
    at_most(&asked, MOST_READ)?;
    shared.read(ctx, |world| {
        let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
        let (found, failures) = protectable(world, &cluster, &asked)?;
        let protected_tasks = found.iter().map(|record| shown(record)).collect();
        Ok(GetTaskProtectionResponse { protected_tasks: Some(protected_tasks), failures: Some(failures) })
    })
}

pub(in crate::api) async fn update_task_protection(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateTaskProtectionRequest,
) -> Result<UpdateTaskProtectionResponse, ApiError> {
    let asked = input.tasks.unwrap_or_default();
    if asked.is_empty() {
        return Err(ApiError::invalid_parameter("Tasks cannot be empty."));
    }
    at_most(&asked, MOST_UPDATED)?;
    // These two texts are ours.
    let enable = input.protection_enabled.ok_or_else(|| ApiError::invalid_parameter("protectionEnabled cannot be null."))?;
    let minutes = input.expires_in_minutes.unwrap_or(DEFAULT_MINUTES);
    if enable && !(1..=MOST_MINUTES).contains(&minutes) {
        return Err(ApiError::invalid_parameter("expiresInMinutes must be between 1 and 2880."));
    }
    shared
        .write(ctx, |world, tx| {
            let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
            let (found, failures) = protectable(world, &cluster, &asked)?;
            let expires_at = Timestamp::from_millis(tx.now.as_millis() + i64::from(minutes) * 60_000);
            let protection = enable.then_some(Protection { expires_at });
            let protected_tasks = found
                .iter()
                .map(|record| {
                    task_life::protect(world, tx, &record.task_ref(), protection);
                    ProtectedTask {
                        task_arn: record.task.task_arn.clone(),
                        protection_enabled: Some(enable),
                        expiration_date: protection.map(|protection| protection.expires_at),
                    }
                })
                .collect();
            Ok(UpdateTaskProtectionResponse { protected_tasks: Some(protected_tasks), failures: Some(failures) })
        })
        .await
}

/// The named tasks that can be protected, and why the others cannot: "This operation is only supported for tasks belonging to an Amazon ECS
/// service. Invoking this operation for a standalone task will result in an `TASK_NOT_VALID` failure" (UpdateTaskProtection). So does a task
/// that is to stop, for which there is nothing to protect.
fn protectable(world: &World, cluster: &ClusterRecord, asked: &[String]) -> Result<(Vec<Arc<TaskRecord>>, Vec<Failure>), ApiError> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in asked {
        let reason = match named(world, &cluster.name, name)? {
            None => "MISSING",
            Some(record) if record.service().is_none() || !record.wanted() => "TASK_NOT_VALID",
            Some(record) => {
                found.push(Arc::clone(record));
                continue;
            }
        };
        failures.push(failure(world, &cluster.name, name, reason));
    }
    Ok((found, failures))
}

fn shown(record: &TaskRecord) -> ProtectedTask {
    ProtectedTask {
        task_arn: record.task.task_arn.clone(),
        protection_enabled: Some(record.protection.is_some()),
        expiration_date: record.protection.map(|protection| protection.expires_at),
    }
}
