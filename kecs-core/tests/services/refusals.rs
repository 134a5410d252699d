//! AWS's words for what services and task sets may not say, each from where it is quoted.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    AwsVpcConfiguration, CapacityProviderStrategyItem, CreateServiceRequest, CreateTaskSetRequest, CreateTaskSetResponse,
    DeploymentController, DeploymentControllerType, EcsApi, LaunchType, LoadBalancer, NetworkConfiguration, PlacementConstraint,
    PlacementConstraintType, PlacementStrategy, PlacementStrategyType, PutClusterCapacityProvidersRequest, SchedulingStrategy,
};
use kecs_model::{ApiError, aws_json};

use crate::ecs::{Ecs, web};

async fn refused(ecs: &Ecs, request: CreateServiceRequest) -> String {
    let error = ecs.create(request).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
    error.message().to_owned()
}

fn external() -> CreateServiceRequest {
    let controller = DeploymentController { r#type: Some(DeploymentControllerType::External) };
    CreateServiceRequest { deployment_controller: Some(controller), task_definition: None, ..web(1) }
}

fn network() -> NetworkConfiguration {
    let subnets = Some(vec!["subnet-1".to_owned()]);
    let awsvpc = AwsVpcConfiguration { subnets, ..AwsVpcConfiguration::default() };
    NetworkConfiguration { awsvpc_configuration: Some(awsvpc) }
}

async fn task_set(ecs: &Ecs) -> Result<CreateTaskSetResponse, ApiError> {
    let request = CreateTaskSetRequest {
        cluster: Some("default".to_owned()),
        service: Some("web".to_owned()),
        task_definition: Some("good".to_owned()),
        ..CreateTaskSetRequest::default()
    };
    ecs.engine.create_task_set(&ecs.ctx, request).await
}

/// terraform-aws-modules/terraform-aws-ecs#278, aws/aws-cdk#26335, hashicorp/terraform-provider-aws#27291.
#[tokio::test(start_paused = true)]
async fn an_external_service_leaves_its_workload_to_task_sets() {
    let ecs = Ecs::start().await;
    let with_definition = CreateServiceRequest { task_definition: Some("good".to_owned()), ..external() };
    assert_eq!(refused(&ecs, with_definition).await, "TaskDefinition must be blank.");
    let with_network = CreateServiceRequest { network_configuration: Some(network()), ..external() };
    assert_eq!(refused(&ecs, with_network).await, "NetworkConfiguration must be null.");
    let balancers = Some(vec![LoadBalancer::default()]);
    let balanced = CreateServiceRequest { load_balancers: balancers, ..external() };
    assert_eq!(refused(&ecs, balanced).await, "LoadBalancers must be empty or null.");
}

/// hashicorp/terraform-provider-aws#30347.
#[tokio::test(start_paused = true)]
async fn task_sets_are_for_external_services() {
    let ecs = Ecs::start().await;
    ecs.create(web(1)).await.unwrap();
    let error = task_set(&ecs).await.unwrap_err();
    let text = "Amazon ECS only supports task set management on services configured to use external deployment controllers.";
    assert_eq!((error.code(), error.message()), (ErrorCode::InvalidParameterException, text));
}

/// aws-samples/ecs-bg-external-controller#6.
#[tokio::test(start_paused = true)]
async fn a_service_has_five_task_sets_at_most() {
    let ecs = Ecs::start().await;
    ecs.create(external()).await.unwrap();
    for _ in 0..5 {
        task_set(&ecs).await.unwrap();
    }
    let error = task_set(&ecs).await.unwrap_err();
    let text = "5 deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit.";
    assert_eq!((error.code(), error.message()), (ErrorCode::InvalidParameterException, text));
}

fn strategy(kind: PlacementStrategyType, field: &str, count: usize) -> Vec<PlacementStrategy> {
    vec![PlacementStrategy { r#type: Some(kind), field: Some(field.to_owned()) }; count]
}

/// `pf-ecs-svc-placement-strategies-max6`, `pf-ecs-svc-binpack-field` and `pf-ecs-svc-daemon-with-placement-strategies` of
/// badmintoncryer/cdk-preflight.
#[tokio::test(start_paused = true)]
async fn placement_strategies_have_their_limits() {
    let ecs = Ecs::start().await;
    let with = |strategies| CreateServiceRequest { placement_strategy: Some(strategies), ..web(1) };
    let spread = |count| strategy(PlacementStrategyType::Spread, "instanceId", count);
    assert_eq!(refused(&ecs, with(spread(6))).await, "Maximum number of strategies is 5.");
    let disk = strategy(PlacementStrategyType::Binpack, "disk", 1);
    assert_eq!(refused(&ecs, with(disk)).await, "binpack field 'disk' is invalid.");
    let scheduling_strategy = Some(SchedulingStrategy::Daemon);
    let daemon = CreateServiceRequest { scheduling_strategy, desired_count: None, ..with(spread(1)) };
    assert_eq!(refused(&ecs, daemon).await, "The daemon scheduling strategy does not support placement strategies.");
}

/// GetSimpl/cloudlift#138.
#[tokio::test(start_paused = true)]
async fn fargate_takes_no_placement_constraints() {
    let ecs = Ecs::start().await;
    let definition = aws_json::decode(
        br#"{"family":"serverless","requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256","memory":"512",
             "containerDefinitions":[{"name":"web","image":"good"}]}"#,
    );
    ecs.engine.register_task_definition(&ecs.ctx, definition.unwrap()).await.unwrap();
    let constraint = PlacementConstraint { r#type: Some(PlacementConstraintType::DistinctInstance), expression: None };
    let request = CreateServiceRequest {
        task_definition: Some("serverless".to_owned()),
        launch_type: Some(LaunchType::Fargate),
        network_configuration: Some(network()),
        placement_constraints: Some(vec![constraint]),
        ..web(1)
    };
    assert_eq!(refused(&ecs, request).await, "Placement constraints are not supported with FARGATE launch type.");
}

/// `pf-ecs-svc-capacity-provider-…` of badmintoncryer/cdk-preflight; the last from terraform-aws-modules/terraform-aws-ecs#27.
#[tokio::test(start_paused = true)]
async fn a_capacity_provider_strategy_has_a_weight_and_one_base() {
    let ecs = Ecs::start().await;
    let item = |provider: &str, base, weight| CapacityProviderStrategyItem {
        capacity_provider: Some(provider.to_owned()),
        base: Some(base),
        weight: Some(weight),
    };
    let providers = |default| PutClusterCapacityProvidersRequest {
        cluster: Some("default".to_owned()),
        capacity_providers: Some(vec!["FARGATE".to_owned(), "FARGATE_SPOT".to_owned()]),
        default_capacity_provider_strategy: Some(default),
    };
    ecs.engine.put_cluster_capacity_providers(&ecs.ctx, providers(vec![item("FARGATE", 0, 0)])).await.unwrap();
    let with = |strategy| CreateServiceRequest { capacity_provider_strategy: strategy, ..web(1) };
    let bases = vec![item("FARGATE", 1, 1), item("FARGATE_SPOT", 1, 1)];
    assert_eq!(
        refused(&ecs, with(Some(bases.clone()))).await,
        "There are multiple capacity providers in the specified capacity provider strategy with a base value defined."
    );
    let error = ecs.engine.put_cluster_capacity_providers(&ecs.ctx, providers(bases)).await.unwrap_err();
    let text = "The specified capacity provider strategy contains multiple capacity providers with a base value defined.";
    assert_eq!((error.code(), error.message()), (ErrorCode::InvalidParameterException, text));
    assert_eq!(
        refused(&ecs, with(Some(vec![item("FARGATE", 0, 0)]))).await,
        "There are no capacity providers in the capacity provider strategy with a weight value greater than zero."
    );
    assert_eq!(
        refused(&ecs, with(None)).await,
        "There are no capacity providers with a weight value greater than zero defined in the default capacity provider strategy. At least one capacity provider must have a weight value greater than zero specified. Update the cluster's default capacity provider strategy or specify a valid capacity provider strategy and try again."
    );
}
