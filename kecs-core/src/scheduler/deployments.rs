//! The life of a deployment: it begins, and completes, fails, is rolled back or stopped.
//!
//! What is deployed is a service revision; `deployments[]` of the service has its progress, and a service deployment keeps its history. A
//! rollback makes the deployment that completed last PRIMARY again, with its own id and its tasks, as far as they still run.

use kecs_model::ecs::{
    DeploymentRolloutState, Rollback, ServiceDeployment, ServiceDeploymentRollbackMonitorsStatus, ServiceDeploymentStatus,
    ServiceRevision,
};
use uuid::Uuid;

use super::actions;
use super::events;
use super::history::{change, finish, forget_old};
use crate::engine::{
    DeploymentRecord, ServiceDeploymentRecord, ServiceRecord, ServiceRevisionRecord, Tx, World, service_revision_key,
};

/// The number of a new deployment or task set: 19 digits, as AWS's have.
pub(crate) fn new_number() -> String {
    const FIRST: u128 = 1_000_000_000_000_000_000;
    (FIRST + Uuid::new_v4().as_u128() % (8 * FIRST)).to_string()
}

/// The id of a new service deployment: 21 letters and digits, as AWS's have.
fn new_id() -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut random = Uuid::new_v4().as_u128();
    (0..21)
        .map(|_| {
            let digit = usize::try_from(random % 62).expect("less than 62");
            random /= 62;
            char::from(DIGITS[digit])
        })
        .collect()
}

/// Begins a deployment: `revision` becomes what the service is to run. The caller has validated it, and puts the service afterwards.
pub(crate) fn begin(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, mut revision: ServiceRevision) {
    let number = new_number();
    let id = new_id();
    let scope = world.scope.clone();
    revision.service_arn.clone_from(&service.service.service_arn);
    revision.cluster_arn.clone_from(&service.service.cluster_arn);
    revision.service_revision_arn = Some(scope.service_revision_arn(&service.cluster, &service.name, &number));
    revision.created_at = Some(tx.now);
    adopt(service, &revision);

    supersede(world, tx, service);
    let sources = service.deployments.iter().map(|deployment| deployment.number.clone()).collect();
    let deployment = ServiceDeployment {
        service_deployment_arn: Some(scope.service_deployment_arn(&service.cluster, &service.name, &id)),
        service_arn: revision.service_arn.clone(),
        cluster_arn: revision.cluster_arn.clone(),
        created_at: Some(tx.now),
        started_at: Some(tx.now),
        updated_at: Some(tx.now),
        status: Some(ServiceDeploymentStatus::InProgress),
        deployment_configuration: service.service.deployment_configuration.clone(),
        ..ServiceDeployment::default()
    };
    let (cluster, name) = (service.cluster.clone(), service.name.clone());
    forget_old(world, tx, service);
    world
        .service_revisions
        .put(tx, ServiceRevisionRecord { cluster: cluster.clone(), service: name.clone(), number: number.clone(), revision });
    world
        .service_deployments
        .put(tx, ServiceDeploymentRecord { cluster, service: name, id: id.clone(), deployment, target: number.clone(), sources });
    let reason = in_progress(&number);
    service.deployments.insert(
        0,
        DeploymentRecord {
            number,
            service_deployment: id,
            created_at: tx.now,
            updated_at: tx.now,
            rollout_state: DeploymentRolloutState::InProgress,
            reason,
            failed_tasks: 0,
            failures: 0,
            rollback: false,
        },
    );
    actions::deployment(world, tx, service, &service.deployments[0]);
    service.throttle.reset();
    service.obstacle = None;
    service.steady = false;
}

/// What a service shows of the revision that it runs.
fn adopt(record: &mut ServiceRecord, revision: &ServiceRevision) {
    let connect = revision.service_connect_configuration.as_ref().filter(|connect| connect.enabled == Some(true));
    record.namespace = connect.and_then(|connect| connect.namespace.clone());
    let service = &mut record.service;
    service.task_definition.clone_from(&revision.task_definition);
    service.launch_type.clone_from(&revision.launch_type);
    service.capacity_provider_strategy.clone_from(&revision.capacity_provider_strategy);
    service.platform_family.clone_from(&revision.platform_family);
    service.platform_version.clone_from(&revision.platform_version);
    service.network_configuration.clone_from(&revision.network_configuration);
    service.load_balancers = Some(revision.load_balancers.clone().unwrap_or_default());
    service.service_registries = Some(revision.service_registries.clone().unwrap_or_default());
}

/// What a service's PRIMARY deployment deploys.
pub(crate) fn current_revision(world: &World, service: &ServiceRecord) -> Option<ServiceRevision> {
    let number = &service.primary()?.number;
    revision(world, service, number).map(|record| record.revision.clone())
}

pub(super) fn revision<'a>(world: &'a World, service: &ServiceRecord, number: &str) -> Option<&'a ServiceRevisionRecord> {
    world.service_revisions.get(&service_revision_key(&service.cluster, &service.name, number)).map(|record| &**record)
}

fn in_progress(number: &str) -> String {
    format!("ECS deployment ecs-svc/{number} in progress.")
}

/// A deployment that goes on gives way to a new one.
fn supersede(world: &mut World, tx: &mut Tx, service: &ServiceRecord) {
    stop(world, tx, service, "Service deployment stopped because a new service deployment was started.");
}

/// The service is being deleted: what goes on stops.
pub(super) fn abandon(world: &mut World, tx: &mut Tx, service: &ServiceRecord) {
    stop(world, tx, service, "Service deployment stopped because the service was deleted.");
}

fn stop(world: &mut World, tx: &mut Tx, service: &ServiceRecord, why: &str) {
    if let Some(primary) = service.primary() {
        finish(world, tx, service, &primary.service_deployment, &ServiceDeploymentStatus::Stopped, why);
    }
}

/// The PRIMARY deployment is complete.
pub(super) fn complete(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) {
    let Some(primary) = service.deployments.first_mut() else { return };
    primary.rollout_state = DeploymentRolloutState::Completed;
    primary.reason = format!("ECS deployment {} completed.", primary.id());
    primary.updated_at = tx.now;
    primary.failed_tasks = 0;
    let status = if primary.rollback { ServiceDeploymentStatus::RollbackSuccessful } else { ServiceDeploymentStatus::Successful };
    primary.rollback = false;
    let (id, number, service_deployment) = (primary.id(), primary.number.clone(), primary.service_deployment.clone());
    service.last_completed = Some(number);
    service.obstacle = None;
    finish(world, tx, service, &service_deployment, &status, "");
    events::add(world, tx, service, &events::completed(&id));
    actions::deployment(world, tx, service, &service.deployments[0]);
}

/// Why a deployment is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The circuit breaker.
    CircuitBreaker,
    /// StopServiceDeployment.
    Requested,
}

/// Gives the PRIMARY deployment up, and rolls back where `rollback` says so and there is something to go back to.
pub(super) fn fail(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, cause: Cause, rollback: bool) {
    let last_completed = service.last_completed.clone();
    let Some(primary) = service.deployments.first_mut() else { return };
    primary.rollout_state = DeploymentRolloutState::Failed;
    primary.reason = match cause {
        Cause::CircuitBreaker => "ECS deployment circuit breaker: tasks failed to start.".to_owned(),
        Cause::Requested => format!("ECS deployment {} stopped by user.", primary.id()),
    };
    primary.updated_at = tx.now;
    let failed = primary.clone();
    service.steady = false;
    if cause == Cause::CircuitBreaker {
        events::add(world, tx, service, &events::failed(&failed.id()));
        // "This event is sent for services with deployment circuit breaker logic turned on."
        actions::deployment(world, tx, service, &failed);
    }
    let why = match cause {
        Cause::CircuitBreaker => "the circuit breaker threshold was exceeded",
        Cause::Requested => "a user requested it",
    };
    // "If there is none", or the deployment to go back to failed itself, there is nothing to go back to.
    let target = last_completed.filter(|number| rollback && !failed.rollback && *number != failed.number);
    let target = target.and_then(|number| revision(world, service, &number).cloned());
    match target {
        Some(target) => roll_back(world, tx, service, &failed, &target, cause, why),
        None if failed.rollback || rollback => {
            let reason =
                format!("Service deployment rollback failed because {why}. No rollback candidate was found to run the rollback.");
            finish(world, tx, service, &failed.service_deployment, &ServiceDeploymentStatus::RollbackFailed, &reason);
        }
        None => {
            let reason = format!("Service deployment stopped because {why}.");
            finish(world, tx, service, &failed.service_deployment, &ServiceDeploymentStatus::Stopped, &reason);
        }
    }
}

fn roll_back(
    world: &mut World,
    tx: &mut Tx,
    service: &mut ServiceRecord,
    failed: &DeploymentRecord,
    target: &ServiceRevisionRecord,
    cause: Cause,
    why: &str,
) {
    let at = service.deployments.iter().position(|deployment| deployment.number == target.number);
    let kept = at.map(|at| service.deployments.remove(at));
    let id = format!("ecs-svc/{}", target.number);
    let reason = match cause {
        Cause::CircuitBreaker => format!("ECS deployment circuit breaker: rolling back to deploymentId {id}."),
        Cause::Requested => format!("ECS deployment rolling back to deploymentId {id}."),
    };
    service.deployments.insert(
        0,
        DeploymentRecord {
            number: target.number.clone(),
            service_deployment: failed.service_deployment.clone(),
            created_at: kept.map_or(tx.now, |kept| kept.created_at),
            updated_at: tx.now,
            rollout_state: DeploymentRolloutState::InProgress,
            reason,
            failed_tasks: 0,
            failures: 0,
            rollback: true,
        },
    );
    actions::deployment(world, tx, service, &service.deployments[0]);
    adopt(service, &target.revision);
    service.throttle.reset();
    events::add(world, tx, service, &events::rolling_back(&id));
    let rollback = Rollback {
        reason: Some(format!("Service deployment rolled back because {why}.")),
        service_revision_arn: target.revision.service_revision_arn.clone(),
        started_at: Some(tx.now),
    };
    change(world, tx, service, &failed.service_deployment, |record| {
        record.deployment.status = Some(ServiceDeploymentStatus::RollbackInProgress);
        record.deployment.status_reason.clone_from(&rollback.reason);
        record.deployment.rollback = Some(rollback);
        let breaker = record.deployment.deployment_circuit_breaker.get_or_insert_default();
        if cause == Cause::CircuitBreaker {
            breaker.status = Some(ServiceDeploymentRollbackMonitorsStatus::Triggered);
        }
        breaker.failure_count = Some(failed.failures);
    });
}
