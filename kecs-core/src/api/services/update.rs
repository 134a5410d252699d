//! UpdateService.

use std::sync::Arc;

use kecs_model::ecs::{LaunchType, NetworkConfiguration, ServiceRevision, UpdateServiceRequest, UpdateServiceResponse};
use kecs_model::{ApiError, RequestContext};

use super::{described, find_active, put, revision, settings};
use crate::capacity::{Capacity, Preferences};
use crate::engine::{ClusterRecord, ServiceRecord, Shared, Tx, World};
use crate::managed_volume;
use crate::placement::Strategy;
use crate::scheduler;

pub(in crate::api) async fn update_service(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateServiceRequest,
) -> Result<UpdateServiceResponse, ApiError> {
    shared.write(ctx, |world, tx| update(world, tx, input)).await
}

fn update(world: &mut World, tx: &mut Tx, input: UpdateServiceRequest) -> Result<UpdateServiceResponse, ApiError> {
    let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
    let named = input.service.as_deref().filter(|named| !named.is_empty()).ok_or_else(ApiError::service_not_found)?;
    let mut record = ServiceRecord::clone(find_active(world, &cluster.name, named)?);
    if input
        .deployment_controller
        .as_ref()
        .is_some_and(|controller| record.service.deployment_controller.as_ref() != Some(controller))
    {
        return Err(ApiError::invalid_parameter("Updating the deployment controller of a service is not supported."));
    }
    if record.external() {
        external_has_no_workload(&input)?;
    }
    if let Some(asked) = input.desired_count {
        if record.daemon() {
            return Err(ApiError::invalid_parameter(settings::DAEMON_COUNT));
        }
        record.service.desired_count = Some(settings::desired_count(asked)?);
        record.steady = false;
    }
    let configuration = settings::deployment_configuration(
        input.deployment_configuration.clone(),
        record.service.deployment_configuration.as_ref(),
        record.daemon(),
    )?;
    record.service.deployment_configuration = Some(configuration);
    let given = input.placement_strategy.iter().flatten().filter(|one| one.r#type.is_some()).cloned().collect::<Vec<_>>();
    Preferences::new(None, input.placement_constraints.as_deref(), Some(&given), Strategy::SERVICE_DEFAULT)?;
    let current = scheduler::current_revision(world, &record);
    let next = match &current {
        Some(current) => Some(changed(world, &cluster, current, &input)?),
        None => None,
    };

    // Nothing fails from here on.
    let service = &mut record.service;
    set(&mut service.availability_zone_rebalancing, input.availability_zone_rebalancing);
    set(&mut service.placement_constraints, input.placement_constraints);
    // "To remove an existing placement strategy, specify an empty object."
    let strategies = input.placement_strategy;
    set(&mut service.placement_strategy, strategies.map(|all| all.into_iter().filter(|one| one.r#type.is_some()).collect()));
    set(&mut service.health_check_grace_period_seconds, input.health_check_grace_period_seconds);
    set(&mut service.enable_execute_command, input.enable_execute_command);
    set(&mut service.enable_ecs_managed_tags, input.enable_ecs_managed_tags);
    set(&mut service.propagate_tags, input.propagate_tags);
    let forced = input.force_new_deployment == Some(true);
    if let (Some(current), Some(next)) = (current, next)
        && (forced || !revision::same(&current, &next))
    {
        scheduler::begin_deployment(world, tx, &mut record, next);
    }
    let record = put(world, tx, record);
    Ok(UpdateServiceResponse { service: Some(described(world, &record, false, tx.now)) })
}

/// What is not said stays as it is.
fn set<T>(setting: &mut Option<T>, asked: Option<T>) {
    if asked.is_some() {
        *setting = asked;
    }
}

/// The current revision with what the request changes. Each of these parameters "triggers a new service deployment" where it differs.
fn changed(
    world: &World,
    cluster: &ClusterRecord,
    current: &ServiceRevision,
    input: &UpdateServiceRequest,
) -> Result<ServiceRevision, ApiError> {
    let mut next = current.clone();
    let touched = input.task_definition.is_some()
        || input.capacity_provider_strategy.is_some()
        || input.network_configuration.is_some()
        || input.volume_configurations.is_some()
        || input.platform_version.is_some();
    set(&mut next.load_balancers, input.load_balancers.clone());
    set(&mut next.service_registries, input.service_registries.clone());
    set(&mut next.service_connect_configuration, input.service_connect_configuration.clone());
    set(&mut next.volume_configurations, input.volume_configurations.clone());
    set(&mut next.vpc_lattice_configurations, input.vpc_lattice_configurations.clone());
    set(&mut next.monitoring, input.monitoring.clone());
    set(&mut next.gateway_connectors, input.gateway_connectors.clone());
    if !touched {
        return Ok(next);
    }
    let definition = if let Some(named) = input.task_definition.as_deref().filter(|named| !named.is_empty()) {
        revision::definition(world, named)?
    } else {
        let named = current.task_definition.as_deref().unwrap_or_default();
        let kept = world.task_definitions.find(&world.scope, named);
        Arc::clone(kept.ok_or_else(|| ApiError::client("TaskDefinition not found."))?)
    };
    if input.volume_configurations.is_none() && !managed_volume::is_needed(&definition.definition) {
        // It was for a volume that is not there any more.
        next.volume_configurations = None;
    }
    let network = input.network_configuration.clone();
    set(&mut next.network_configuration, network.filter(|network| *network != NetworkConfiguration::default()));
    let capacity = capacity(cluster, current, input)?;
    let asked = input.platform_version.as_deref().filter(|version| !version.is_empty());
    let kept = current.platform_version.as_deref().filter(|_| capacity.on_fargate());
    revision::complete(&mut next, &definition, capacity, asked.or(kept))?;
    Ok(next)
}

fn capacity(cluster: &ClusterRecord, current: &ServiceRevision, input: &UpdateServiceRequest) -> Result<Capacity, ApiError> {
    match &input.capacity_provider_strategy {
        // An empty list goes back from a strategy to a launch type.
        Some(strategy) if strategy.is_empty() => {
            let fargate = current.platform_version.is_some();
            let launch_type = if fargate { LaunchType::Fargate } else { LaunchType::Ec2 };
            Ok(Capacity::LaunchType(current.launch_type.clone().unwrap_or(launch_type)))
        }
        Some(strategy) => Capacity::resolve(cluster, None, Some(strategy.clone())),
        None => Ok(match (&current.capacity_provider_strategy, &current.launch_type) {
            (Some(strategy), _) => Capacity::Strategy(strategy.clone()),
            (None, launch_type) => Capacity::LaunchType(launch_type.clone().unwrap_or(LaunchType::Ec2)),
        }),
    }
}

/// "For services using an external deployment controller, you can update only the desired count, task placement constraints and strategies, health
/// check grace period, enable ECS managed tags option, and propagate tags option" (UpdateService). The words are those that AWS has for CODE_DEPLOY.
fn external_has_no_workload(input: &UpdateServiceRequest) -> Result<(), ApiError> {
    let given = [
        (input.task_definition.is_some(), "task definition"),
        (input.network_configuration.is_some(), "network parameters"),
        (input.platform_version.is_some(), "platform version"),
        (input.capacity_provider_strategy.is_some(), "capacity provider strategy"),
        (input.load_balancers.is_some(), "load balancers"),
        (input.service_registries.is_some(), "service registries"),
        (input.force_new_deployment == Some(true), "force new deployment"),
    ];
    match given.iter().find(|(given, _)| *given) {
        Some((_, what)) => Err(ApiError::invalid_parameter(format!(
            "Unable to update {what} on services with an EXTERNAL deployment controller. Use task sets to trigger a new deployment."
        ))),
        None => Ok(()),
    }
}
