//! CreateService.

use std::sync::Arc;

use kecs_model::ecs::{
    AvailabilityZoneRebalancing, CreateServiceRequest, CreateServiceResponse, DeploymentController, DeploymentControllerType,
    LaunchType, PropagateTags, ResourceManagementType, SchedulingStrategy, Service, ServiceRevision,
};
use kecs_model::{ApiError, ErrorCode, RequestContext};

use super::{described, put, revision, settings};
use crate::capacity::{Capacity, Preferences};
use crate::engine::{ClusterRecord, ServiceRecord, Shared, Throttle, Tx, World};
use crate::placement::Strategy;
use crate::{scheduler, tags};

const NOT_IDEMPOTENT: &str = "Creation of service was not idempotent.";
const STILL_DRAINING: &str = "Unable to Start a service that is still Draining.";

pub(in crate::api) async fn create_service(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: CreateServiceRequest,
) -> Result<CreateServiceResponse, ApiError> {
    shared.write(ctx, |world, tx| create(world, tx, input)).await
}

fn create(world: &mut World, tx: &mut Tx, input: CreateServiceRequest) -> Result<CreateServiceResponse, ApiError> {
    let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
    let name = settings::name(input.service_name.clone())?;
    tags::check(input.tags.as_deref().unwrap_or_default()).map_err(ApiError::invalid_parameter)?;
    let client_token = settings::client_token(input.client_token.clone())?;
    if let Some(existing) = world.services.get(&cluster.name, &name) {
        if existing.active() && client_token.is_some() && existing.client_token == client_token {
            return Ok(CreateServiceResponse { service: Some(described(world, existing, true, tx.now)) });
        }
        if existing.active() {
            return Err(ApiError::invalid_parameter(NOT_IDEMPOTENT));
        }
        if existing.draining() {
            return Err(ApiError::invalid_parameter(STILL_DRAINING));
        }
    }
    let controller = controller(&input)?;
    let external = controller == DeploymentControllerType::External;
    let scheduling = input.scheduling_strategy.clone().unwrap_or(SchedulingStrategy::Replica);
    let desired_count = desired_count(&input, &scheduling)?;
    let daemon = scheduling == SchedulingStrategy::Daemon;
    let configuration = settings::deployment_configuration(input.deployment_configuration.clone(), None, daemon)?;
    let (new_revision, capacity) = if external {
        external_has_no_workload(&input)?;
        (None, None)
    } else {
        let (revision, capacity) = revision_of(world, &cluster, &input, daemon)?;
        (Some(revision), Some(capacity))
    };
    check_placement(&input, daemon, capacity.as_ref())?;
    let rebalancing = input.availability_zone_rebalancing.clone().unwrap_or_else(|| {
        // "For create service requests, when no value is specified, Amazon ECS defaults the value to ENABLED"; it needs room to start first.
        let possible = !daemon && !external && configuration.maximum_percent > Some(100);
        if possible { AvailabilityZoneRebalancing::Enabled } else { AvailabilityZoneRebalancing::Disabled }
    });

    // Nothing fails from here on.
    let scope = world.scope.clone();
    let service = Service {
        service_arn: Some(scope.service_arn(&cluster.name, &name)),
        service_name: Some(name.clone()),
        cluster_arn: Some(scope.cluster_arn(&cluster.name)),
        status: Some("ACTIVE".to_owned()),
        desired_count: Some(desired_count),
        deployment_configuration: Some(configuration),
        deployment_controller: Some(DeploymentController { r#type: Some(controller) }),
        scheduling_strategy: Some(scheduling),
        placement_constraints: Some(input.placement_constraints.unwrap_or_default()),
        placement_strategy: Some(input.placement_strategy.unwrap_or_default()),
        load_balancers: Some(input.load_balancers.unwrap_or_default()),
        service_registries: Some(input.service_registries.unwrap_or_default()),
        health_check_grace_period_seconds: input.health_check_grace_period_seconds,
        enable_ecs_managed_tags: Some(input.enable_ecs_managed_tags == Some(true)),
        propagate_tags: Some(input.propagate_tags.unwrap_or(PropagateTags::None)),
        enable_execute_command: Some(input.enable_execute_command == Some(true)),
        availability_zone_rebalancing: Some(rebalancing),
        resource_management_type: Some(ResourceManagementType::Customer),
        role_arn: input.role,
        created_at: Some(tx.now),
        created_by: Some(format!("arn:{}:iam::{}:root", scope.partition(), scope.account)),
        ..Service::default()
    };
    let mut record = ServiceRecord {
        cluster: cluster.name.clone(),
        name: name.clone(),
        service,
        tags: input.tags.unwrap_or_default(),
        client_token,
        namespace: None,
        deployments: Vec::new(),
        last_completed: None,
        throttle: Throttle::default(),
        obstacle: None,
        steady: false,
        inactive_since: None,
    };
    scheduler::forget_history(world, tx, &cluster.name, &name);
    if let Some(new_revision) = new_revision {
        scheduler::begin_deployment(world, tx, &mut record, new_revision);
    }
    let record = put(world, tx, record);
    Ok(CreateServiceResponse { service: Some(described(world, &record, true, tx.now)) })
}

fn controller(input: &CreateServiceRequest) -> Result<DeploymentControllerType, ApiError> {
    let controller = input.deployment_controller.as_ref().and_then(|controller| controller.r#type.clone());
    match controller.unwrap_or(DeploymentControllerType::Ecs) {
        supported @ (DeploymentControllerType::Ecs | DeploymentControllerType::External) => Ok(supported),
        DeploymentControllerType::CodeDeploy => Err(ApiError::new(
            ErrorCode::UnsupportedFeatureException,
            "KECS does not serve the CODE_DEPLOY deployment controller yet.",
        )),
        DeploymentControllerType::Unrecognized(strange) => {
            Err(ApiError::invalid_parameter(format!("Invalid deployment controller type: {strange}.")))
        }
    }
}

fn desired_count(input: &CreateServiceRequest, scheduling: &SchedulingStrategy) -> Result<i32, ApiError> {
    match (scheduling, input.desired_count) {
        (SchedulingStrategy::Daemon, Some(_)) => Err(ApiError::invalid_parameter(settings::DAEMON_COUNT)),
        (SchedulingStrategy::Unrecognized(strange), _) => {
            Err(ApiError::invalid_parameter(format!("Invalid scheduling strategy: {strange}.")))
        }
        (_, asked) => settings::desired_count(asked.unwrap_or(0)),
    }
}

fn revision_of(
    world: &World,
    cluster: &ClusterRecord,
    input: &CreateServiceRequest,
    daemon: bool,
) -> Result<(ServiceRevision, Capacity), ApiError> {
    let named = input.task_definition.as_deref().filter(|named| !named.is_empty());
    let definition =
        revision::definition(world, named.ok_or_else(|| ApiError::invalid_parameter("TaskDefinition can not be blank."))?)?;
    let launch_type = input.launch_type.clone();
    let strategy = input.capacity_provider_strategy.clone();
    let capacity = Capacity::resolve(cluster, launch_type, strategy)?;
    if daemon {
        match &capacity {
            Capacity::Strategy(_) => {
                return Err(ApiError::invalid_parameter(
                    "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling strategy.",
                ));
            }
            Capacity::LaunchType(LaunchType::Fargate) => {
                return Err(ApiError::invalid_parameter(
                    "Tasks using the Fargate launch type do not support the DAEMON scheduling strategy.",
                ));
            }
            Capacity::LaunchType(_) => {}
        }
    }
    let mut new = ServiceRevision {
        network_configuration: input.network_configuration.clone(),
        load_balancers: Some(input.load_balancers.clone().unwrap_or_default()),
        service_registries: Some(input.service_registries.clone().unwrap_or_default()),
        service_connect_configuration: input.service_connect_configuration.clone(),
        volume_configurations: input.volume_configurations.clone(),
        vpc_lattice_configurations: input.vpc_lattice_configurations.clone(),
        monitoring: input.monitoring.clone(),
        gateway_connectors: input.gateway_connectors.clone(),
        ..ServiceRevision::default()
    };
    revision::complete(&mut new, &definition, capacity.clone(), input.platform_version.as_deref())?;
    Ok((new, capacity))
}

fn check_placement(input: &CreateServiceRequest, daemon: bool, capacity: Option<&Capacity>) -> Result<(), ApiError> {
    let (constraints, strategies) = (input.placement_constraints.as_deref(), input.placement_strategy.as_deref());
    if daemon && strategies.is_some_and(|strategies| !strategies.is_empty()) {
        // `pf-ecs-svc-daemon-with-placement-strategies` of badmintoncryer/cdk-preflight has the text.
        return Err(ApiError::invalid_parameter("The daemon scheduling strategy does not support placement strategies."));
    }
    Preferences::new(capacity, constraints, strategies, Strategy::SERVICE_DEFAULT).map(|_| ())
}

/// "When creating a service that uses the EXTERNAL deployment controller, you can specify only parameters that aren't controlled at the task set
/// level" (CreateService).
fn external_has_no_workload(input: &CreateServiceRequest) -> Result<(), ApiError> {
    // terraform-aws-modules/terraform-aws-ecs#278, aws/aws-cdk#26335 and hashicorp/terraform-provider-aws#27291 have the texts for the task definition,
    // the network and the load balancers; the others are ours, after them.
    let given = [
        (input.task_definition.is_some(), "TaskDefinition must be blank."),
        (input.launch_type.is_some(), "LaunchType must be null."),
        (input.capacity_provider_strategy.is_some(), "CapacityProviderStrategy must be null."),
        (input.network_configuration.is_some(), "NetworkConfiguration must be null."),
        (input.platform_version.is_some(), "PlatformVersion must be null."),
        (input.load_balancers.as_ref().is_some_and(|given| !given.is_empty()), "LoadBalancers must be empty or null."),
        (input.service_registries.as_ref().is_some_and(|given| !given.is_empty()), "ServiceRegistries must be empty or null."),
        (
            input.volume_configurations.as_ref().is_some_and(|given| !given.is_empty()),
            "VolumeConfigurations must be empty or null.",
        ),
    ];
    if let Some((_, message)) = given.iter().find(|(given, _)| *given) {
        return Err(ApiError::invalid_parameter(*message));
    }
    if input.scheduling_strategy == Some(SchedulingStrategy::Daemon) {
        return Err(ApiError::invalid_parameter(
            "The DAEMON scheduling strategy is not supported with an EXTERNAL deployment controller.",
        ));
    }
    Ok(())
}
