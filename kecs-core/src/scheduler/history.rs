//! What is kept of a service's deployments: how each went, as DescribeServiceDeployments shows it.

use kecs_model::Timestamp;
use kecs_model::ecs::{
    ServiceDeployment, ServiceDeploymentCircuitBreaker, ServiceDeploymentRollbackMonitorsStatus, ServiceDeploymentStatus,
    ServiceRevisionSummary,
};

use super::circuit_breaker::Breaker;
use super::counts::ServiceCounts;
use crate::engine::{ServiceDeploymentRecord, ServiceRecord, Tx, World, deployment_key, service_key, service_revision_key};

/// "You can view the service history for the last 90 days" of service deployments.
const KEPT_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// Changes a service deployment on record.
pub(crate) fn change(
    world: &mut World,
    tx: &mut Tx,
    service: &ServiceRecord,
    id: &str,
    change: impl FnOnce(&mut ServiceDeploymentRecord),
) {
    let Some(record) = world.service_deployments.get(&deployment_key(&service.cluster, &service.name, id)) else { return };
    let mut record = ServiceDeploymentRecord::clone(record);
    change(&mut record);
    record.deployment.updated_at = Some(tx.now);
    world.service_deployments.put(tx, record);
}

/// Ends a service deployment, unless it ended before, and keeps the counts of that moment.
pub(super) fn finish(
    world: &mut World,
    tx: &mut Tx,
    service: &ServiceRecord,
    id: &str,
    status: &ServiceDeploymentStatus,
    reason: &str,
) {
    let Some(record) = world.service_deployments.get(&deployment_key(&service.cluster, &service.name, id)) else { return };
    if !record.ongoing() {
        return;
    }
    let ended = counted(world, service, record);
    let now = tx.now;
    let succeeded = *status == ServiceDeploymentStatus::Successful;
    change(world, tx, service, id, |record| {
        let rolled_back = record.deployment.rollback.is_some();
        record.deployment = ended;
        record.deployment.status = Some(status.clone());
        if succeeded {
            record.deployment.status_reason = None;
        } else if !(rolled_back && reason.is_empty()) {
            record.deployment.status_reason = Some(reason.to_owned());
        }
        record.deployment.finished_at = Some(now);
        if *status == ServiceDeploymentStatus::Stopped {
            record.deployment.stopped_at = Some(now);
        }
        if let Some(breaker) = &mut record.deployment.deployment_circuit_breaker
            && breaker.status == Some(ServiceDeploymentRollbackMonitorsStatus::Monitoring)
        {
            let tripped = breaker.failure_count >= breaker.threshold && !succeeded;
            breaker.status = Some(if tripped {
                ServiceDeploymentRollbackMonitorsStatus::Triggered
            } else {
                ServiceDeploymentRollbackMonitorsStatus::MonitoringComplete
            });
        }
    });
}

/// A service deployment as clients see it.
pub(crate) fn described(world: &World, record: &ServiceDeploymentRecord) -> ServiceDeployment {
    match world.services.get(&record.cluster, &record.service) {
        Some(service) if record.ongoing() => counted(world, service, record),
        _ => record.deployment.clone(),
    }
}

/// A service deployment with the counts of this moment.
fn counted(world: &World, service: &ServiceRecord, record: &ServiceDeploymentRecord) -> ServiceDeployment {
    let mut deployment = record.deployment.clone();
    let counts = ServiceCounts::of(world, &record.cluster, &record.service);
    let primary = service.primary().map(|primary| primary.number.as_str());
    let desired = service.service.desired_count;
    let summary = |number: &String| {
        let of_revision = counts.of_deployment(&format!("ecs-svc/{number}"));
        ServiceRevisionSummary {
            arn: Some(world.scope.service_revision_arn(&record.cluster, &record.service, number)),
            requested_task_count: if primary == Some(number) { desired } else { Some(of_revision.running + of_revision.pending) },
            running_task_count: Some(of_revision.running),
            pending_task_count: Some(of_revision.pending),
            ..ServiceRevisionSummary::default()
        }
    };
    deployment.source_service_revisions = Some(record.sources.iter().map(summary).collect());
    deployment.target_service_revision = Some(summary(&record.target));
    let breaker = Breaker::of(deployment.deployment_configuration.as_ref(), service.desired());
    let before = deployment.deployment_circuit_breaker.take();
    let target = service.deployments.iter().find(|deployment| deployment.number == record.target);
    let unless_tripped = if breaker.enabled {
        ServiceDeploymentRollbackMonitorsStatus::Monitoring
    } else {
        ServiceDeploymentRollbackMonitorsStatus::Disabled
    };
    deployment.deployment_circuit_breaker = Some(ServiceDeploymentCircuitBreaker {
        status: before.as_ref().and_then(|breaker| breaker.status.clone()).or(Some(unless_tripped)),
        failure_count: before.and_then(|breaker| breaker.failure_count).or(Some(target.map_or(0, |target| target.failures))),
        threshold: Some(breaker.threshold),
    });
    deployment
}

/// Forgets the history that is older than AWS keeps it.
pub(super) fn forget_old(world: &mut World, tx: &mut Tx, service: &ServiceRecord) {
    let expired = |finished: Timestamp| tx.now.as_millis() - finished.as_millis() > KEPT_MILLIS;
    let prefix = format!("{}/", service_key(&service.cluster, &service.name));
    let old: Vec<_> = world
        .service_deployments
        .range(&prefix, None)
        .filter(|(_, record)| record.deployment.finished_at.is_some_and(expired))
        .map(|(key, record)| (key.clone(), record.target.clone()))
        .collect();
    for (key, target) in old {
        world.service_deployments.remove(tx, &key);
        let in_use =
            service.last_completed.as_ref() == Some(&target) || service.deployments.iter().any(|have| have.number == target);
        if !in_use {
            world.service_revisions.remove(tx, &service_revision_key(&service.cluster, &service.name, &target));
        }
    }
}

/// Forgets the whole history of a service: another one of its name begins.
pub(crate) fn forget_all(world: &mut World, tx: &mut Tx, cluster: &str, service: &str) {
    let prefix = format!("{}/", service_key(cluster, service));
    let keys: Vec<_> = world.service_deployments.range(&prefix, None).map(|(key, _)| key.clone()).collect();
    for key in keys {
        world.service_deployments.remove(tx, &key);
    }
    let keys: Vec<_> = world.service_revisions.range(&prefix, None).map(|(key, _)| key.clone()).collect();
    for key in keys {
        world.service_revisions.remove(tx, &key);
    }
    let keys: Vec<_> = world.task_sets.range(&prefix, None).map(|(key, _)| key.clone()).collect();
    for key in keys {
        world.task_sets.remove(tx, &key);
    }
    world.service_events.clear(tx, cluster, service);
}
