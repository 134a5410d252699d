//! Services.

mod create;
mod delete;
mod describe;
mod list;
mod revision;
mod settings;
mod update;

pub(super) use create::create_service;
pub(super) use delete::delete_service;
pub(super) use describe::describe_services;
pub(super) use list::{list_services, list_services_by_namespace};
pub(super) use revision::{complete, definition};
pub(super) use settings::client_token;
pub(super) use update::update_service;

use std::sync::Arc;

use kecs_model::ecs::{Deployment, DeploymentRolloutState, Service, ServiceCurrentRevisionSummary};
use kecs_model::{ApiError, Timestamp};

use crate::Scope;
use crate::arn::Arn;
use crate::capacity::{self, Capacity};
use crate::engine::{DeploymentRecord, Effect, ServiceRecord, ServiceRef, Tx, World, service_key, service_revision_key};
use crate::scheduler::{self, ServiceCounts};

/// The name in what a request says of a service: a name, or an ARN of this scope and cluster (in the old format, without a cluster).
pub(super) fn service_name<'a>(scope: &Scope, cluster: &str, named: &'a str) -> Option<&'a str> {
    let Some(arn) = Arn::parse(named) else { return Some(named) };
    match arn.ecs_resource(scope)? {
        ("service", path) => match path.split_once('/') {
            Some((of, name)) if of == cluster => Some(name),
            Some(_) => None,
            None => Some(path),
        },
        _ => None,
    }
}

/// The service of this cluster that a request names, whatever its status.
pub(super) fn find<'a>(world: &'a World, cluster: &str, named: &str) -> Option<&'a Arc<ServiceRecord>> {
    world.services.get(cluster, service_name(&world.scope, cluster, named)?)
}

/// The same; refused where there is none, or it is not ACTIVE.
pub(super) fn find_active<'a>(world: &'a World, cluster: &str, named: &str) -> Result<&'a Arc<ServiceRecord>, ApiError> {
    let service = find(world, cluster, named).ok_or_else(ApiError::service_not_found)?;
    if service.active() { Ok(service) } else { Err(ApiError::service_not_active()) }
}

/// Records a service, and lets the scheduler look at it.
pub(super) fn put(world: &mut World, tx: &mut Tx, service: ServiceRecord) -> Arc<ServiceRecord> {
    let of = ServiceRef { cluster: world.cluster_ref(&service.cluster), name: service.name.clone() };
    let service = world.services.put(tx, service);
    tx.then(Effect::Reconcile(of));
    service
}

/// A service as clients see it.
pub(super) fn described(world: &World, record: &ServiceRecord, tags: bool, now: Timestamp) -> Service {
    let counts = ServiceCounts::of(world, &record.cluster, &record.name);
    let mut service = record.service.clone();
    service.running_count = Some(counts.all.running);
    service.pending_count = Some(counts.all.pending);
    service.deployments =
        Some(record.deployments.iter().enumerate().map(|(at, of)| deployment(world, record, &counts, at == 0, of)).collect());
    service.events = Some(world.service_events.of(&record.cluster, &record.name).cloned().collect());
    service.tags = tags.then(|| record.tags.clone());
    if record.external() {
        let prefix = format!("{}/", service_key(&record.cluster, &record.name));
        let of_service = world.task_sets.range(&prefix, None);
        service.task_sets = Some(of_service.map(|(_, set)| scheduler::described_task_set(record, &counts, set, now)).collect());
    } else if let Some(primary) = record.primary() {
        let arn = |id: &str| world.scope.service_deployment_arn(&record.cluster, &record.name, id);
        service.current_service_deployment =
            (primary.rollout_state == DeploymentRolloutState::InProgress).then(|| arn(&primary.service_deployment));
        service.current_service_revisions =
            Some(record.deployments.iter().enumerate().map(|(at, of)| current(world, record, &counts, at == 0, of)).collect());
    }
    service
}

/// How many tasks a deployment is to have: the PRIMARY one all, an older one what it has left.
fn wanted(record: &ServiceRecord, counts: &ServiceCounts, primary: bool, deployment: &DeploymentRecord) -> Option<i32> {
    let of_deployment = counts.of_deployment(&deployment.id());
    if primary { record.service.desired_count } else { Some(of_deployment.running + of_deployment.pending) }
}

fn current(
    world: &World,
    record: &ServiceRecord,
    counts: &ServiceCounts,
    primary: bool,
    deployment: &DeploymentRecord,
) -> ServiceCurrentRevisionSummary {
    let of_deployment = counts.of_deployment(&deployment.id());
    ServiceCurrentRevisionSummary {
        arn: Some(world.scope.service_revision_arn(&record.cluster, &record.name, &deployment.number)),
        requested_task_count: wanted(record, counts, primary, deployment),
        running_task_count: Some(of_deployment.running),
        pending_task_count: Some(of_deployment.pending),
    }
}

fn deployment(
    world: &World,
    record: &ServiceRecord,
    counts: &ServiceCounts,
    primary: bool,
    deployment: &DeploymentRecord,
) -> Deployment {
    let of_deployment = counts.of_deployment(&deployment.id());
    let key = service_revision_key(&record.cluster, &record.name, &deployment.number);
    let revision = world.service_revisions.get(&key).map(|revision| revision.revision.clone()).unwrap_or_default();
    let on_fargate = revision.platform_version.is_some();
    let resolved = on_fargate
        .then(|| capacity::platform_version(&Capacity::LaunchType("FARGATE".into()), revision.platform_version.as_deref()))
        .and_then(Result::ok)
        .flatten();
    Deployment {
        id: Some(deployment.id()),
        status: Some(if primary { "PRIMARY" } else { "ACTIVE" }.to_owned()),
        task_definition: revision.task_definition,
        desired_count: wanted(record, counts, primary, deployment),
        running_count: Some(of_deployment.running),
        pending_count: Some(of_deployment.pending),
        failed_tasks: Some(deployment.failed_tasks),
        created_at: Some(deployment.created_at),
        updated_at: Some(deployment.updated_at),
        capacity_provider_strategy: revision.capacity_provider_strategy,
        launch_type: revision.launch_type,
        platform_family: revision.platform_family,
        platform_version: resolved,
        network_configuration: revision.network_configuration,
        rollout_state: Some(deployment.rollout_state.clone()),
        rollout_state_reason: Some(deployment.reason.clone()),
        service_connect_configuration: revision.service_connect_configuration,
        volume_configurations: revision.volume_configurations,
        vpc_lattice_configurations: revision.vpc_lattice_configurations,
        fargate_ephemeral_storage: revision.fargate_ephemeral_storage,
        service_connect_resources: None,
    }
}
