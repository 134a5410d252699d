//! GetTaskProtection and UpdateTaskProtection.

use std::sync::Arc;

use kecs_model::ecs::{
    Failure, GetTaskProtectionRequest, GetTaskProtectionResponse, ProtectedTask, UpdateTaskProtectionRequest,
    UpdateTaskProtectionResponse,
};
use kecs_model::{ApiError, RequestContext, Timestamp};

use super::find;
use crate::engine::{ClusterRecord, Protection, Shared, TaskRecord, World};
use crate::task_life;

/// "By default, … 2 hours (120 minutes)" (UpdateTaskProtection, expiresInMinutes).
const DEFAULT_MINUTES: i32 = 120;
/// "The maximum value is 2880 minutes (48 hours)."
const MOST_MINUTES: i32 = 2880;
/// "Up to 10 tasks" in UpdateTaskProtection; "up to 100" in GetTaskProtection.
const MOST_UPDATED: usize = 10;
const MOST_READ: usize = 100;

pub(in crate::api) async fn get_task_protection(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: GetTaskProtectionRequest,
) -> Result<GetTaskProtectionResponse, ApiError> {
    let named = input.tasks.unwrap_or_default();
    if named.len() > MOST_READ {
        return Err(ApiError::invalid_parameter("Tasks cannot have more than 100 elements."));
    }
    shared.read(ctx, |world| {
        let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
        let (found, failures) = protectable(world, &cluster, &named);
        let protected_tasks = found.iter().map(|record| shown(record)).collect();
        Ok(GetTaskProtectionResponse { protected_tasks: Some(protected_tasks), failures: Some(failures) })
    })
}

pub(in crate::api) async fn update_task_protection(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateTaskProtectionRequest,
) -> Result<UpdateTaskProtectionResponse, ApiError> {
    let named = input.tasks.unwrap_or_default();
    if named.is_empty() {
        return Err(ApiError::invalid_parameter("Tasks cannot be empty."));
    }
    if named.len() > MOST_UPDATED {
        return Err(ApiError::invalid_parameter("Tasks cannot have more than 10 elements."));
    }
    let enable = input.protection_enabled.ok_or_else(|| ApiError::invalid_parameter("protectionEnabled cannot be null."))?;
    let minutes = input.expires_in_minutes.unwrap_or(DEFAULT_MINUTES);
    if !(1..=MOST_MINUTES).contains(&minutes) {
        return Err(ApiError::invalid_parameter("expiresInMinutes must be between 1 and 2880."));
    }
    shared
        .write(ctx, |world, tx| {
            let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
            let (found, failures) = protectable(world, &cluster, &named);
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

/// The named tasks that can be protected, and why the others cannot ("Amazon ECS task scale-in protection endpoint": only running tasks of
/// services).
fn protectable(world: &World, cluster: &ClusterRecord, named: &[String]) -> (Vec<Arc<TaskRecord>>, Vec<Failure>) {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in named {
        let reason = match find(world, &cluster.name, name) {
            None => "MISSING",
            Some(record) if record.service().is_none() || !record.wanted() => "TASK_NOT_VALID",
            Some(record) => {
                found.push(Arc::clone(record));
                continue;
            }
        };
        failures.push(Failure { arn: Some(name.clone()), reason: Some(reason.to_owned()), detail: None });
    }
    (found, failures)
}

fn shown(record: &TaskRecord) -> ProtectedTask {
    ProtectedTask {
        task_arn: record.task.task_arn.clone(),
        protection_enabled: Some(record.protection.is_some()),
        expiration_date: record.protection.map(|protection| protection.expires_at),
    }
}
