//! What a task counts as.

use kecs_model::Timestamp;
use kecs_model::ecs::HealthStatus;

use super::rollout::TaskHealth;
use crate::engine::{Standing, TaskRecord};

/// How long a task without health checks must have been running before it counts as healthy, and its deployment goes on. AWS waits for 40 seconds
/// (DeploymentConfiguration.minimumHealthyPercent); a developer's machine starts tasks faster than AWS does, and so shows sooner whether they stay.
const SETTLED_AFTER_MILLIS: i64 = 5_000;

/// What a task that is to run counts as, and when that may change by itself.
pub(super) fn of(record: &TaskRecord, grace_seconds: i32, now: Timestamp) -> (TaskHealth, Option<Timestamp>) {
    if record.last_status() != "RUNNING" {
        return (TaskHealth::Pending, None);
    }
    let started_at = record.task.started_at.or(record.task.created_at).unwrap_or(now);
    let after = |millis: i64| Timestamp::from_millis(started_at.as_millis().saturating_add(millis));
    if record.health_checked.is_empty() {
        let settled_at = after(SETTLED_AFTER_MILLIS);
        return match record.standing {
            Standing::New if settled_at > now => (TaskHealth::Running, Some(settled_at)),
            _ => (TaskHealth::Healthy, None),
        };
    }
    match record.task.health_status {
        Some(HealthStatus::Healthy) => (TaskHealth::Healthy, None),
        Some(HealthStatus::Unhealthy) => {
            // "The period of time, in seconds, that the Amazon ECS service scheduler ignores unhealthy … container health checks after a task has
            // first started" (CreateService).
            let grace_ends = after(i64::from(grace_seconds) * 1000);
            if grace_ends > now { (TaskHealth::Running, Some(grace_ends)) } else { (TaskHealth::Unhealthy, None) }
        }
        _ => (TaskHealth::Running, None),
    }
}
