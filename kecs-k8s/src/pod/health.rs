//! A container's health check.

use k8s_openapi::api::core::v1::{ExecAction, Probe};
use kecs_core::task_spec::{HealthCheck, HealthCommand};

use super::text::{literal, literals};
use crate::time::seconds_up;

/// The kubelet runs the check as a readiness probe, which ends nothing: ready is HEALTHY, and not ready any more is UNHEALTHY. When a
/// container that was never ready is UNHEALTHY, [`HealthPlan`](crate::plan::HealthPlan) says; failures within the start period change
/// nothing before that.
pub(super) fn probe(check: &HealthCheck) -> Probe {
    let HealthCheck { command, interval, timeout, retries, start_period: _ } = check;
    let command = match command {
        HealthCommand::Exec(words) => literals(words),
        HealthCommand::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), literal(line)],
    };
    let seconds = |time| i32::try_from(seconds_up(time)).unwrap_or(i32::MAX).max(1);
    Probe {
        exec: Some(ExecAction { command: Some(command) }),
        initial_delay_seconds: Some(seconds(*interval)),
        period_seconds: Some(seconds(*interval)),
        timeout_seconds: Some(seconds(*timeout)),
        failure_threshold: Some(i32::try_from(*retries).unwrap_or(i32::MAX).max(1)),
        success_threshold: Some(1),
        ..Probe::default()
    }
}
