//! Launch types, capacity provider strategies and networks of services.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    AwsVpcConfiguration, CapacityProviderStrategyItem, Compatibility, CreateServiceRequest, EcsApi, LaunchType,
    NetworkConfiguration, NetworkMode, PutClusterCapacityProvidersRequest, RegisterTaskDefinitionRequest, UpdateServiceRequest,
};

use crate::ecs::{Ecs, container, deployments, web};

/// An engine with a task definition `serverless` for Fargate, and both of Fargate's providers in the cluster.
async fn start() -> Ecs {
    let ecs = Ecs::start().await;
    let definition = RegisterTaskDefinitionRequest {
        family: Some("serverless".to_owned()),
        requires_compatibilities: Some(vec![Compatibility::Fargate]),
        network_mode: Some(NetworkMode::Awsvpc),
        cpu: Some("256".to_owned()),
        memory: Some("512".to_owned()),
        container_definitions: Some(vec![container("good")]),
        ..RegisterTaskDefinitionRequest::default()
    };
    ecs.engine.register_task_definition(&ecs.ctx, definition).await.unwrap();
    let providers = PutClusterCapacityProvidersRequest {
        cluster: Some("default".to_owned()),
        capacity_providers: Some(vec!["FARGATE".to_owned(), "FARGATE_SPOT".to_owned()]),
        default_capacity_provider_strategy: Some(Vec::new()),
    };
    ecs.engine.put_cluster_capacity_providers(&ecs.ctx, providers).await.unwrap();
    ecs
}

fn network() -> NetworkConfiguration {
    let subnets = Some(vec!["subnet-1".to_owned()]);
    NetworkConfiguration { awsvpc_configuration: Some(AwsVpcConfiguration { subnets, ..AwsVpcConfiguration::default() }) }
}

fn serverless(desired_count: i32) -> CreateServiceRequest {
    CreateServiceRequest {
        task_definition: Some("serverless".to_owned()),
        network_configuration: Some(network()),
        ..web(desired_count)
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_on_fargate_shows_latest_and_its_deployment_the_version() {
    // As AWS answers: the service has what was asked for, the deployment what it came to.
    let ecs = start().await;
    let service = ecs.steady(CreateServiceRequest { launch_type: Some(LaunchType::Fargate), ..serverless(1) }).await;
    let deployment = &deployments(&service)[0];
    assert_eq!((service.platform_version.as_deref(), deployment.platform_version.as_deref()), (Some("LATEST"), Some("1.4.0")));
    assert_eq!((service.platform_family.as_deref(), service.network_configuration.clone()), (Some("Linux"), Some(network())));
    let task = ecs.running().await.remove(0);
    assert_eq!((task.launch_type, task.platform_version.as_deref()), (Some(LaunchType::Fargate), Some("1.4.0")));
}

#[tokio::test(start_paused = true)]
async fn tasks_are_shared_out_by_base_and_weight() {
    // CapacityProviderStrategyItem: the base first, and of what is above it one to three.
    let ecs = start().await;
    let item = |provider: &str, base, weight| CapacityProviderStrategyItem {
        capacity_provider: Some(provider.to_owned()),
        base: Some(base),
        weight: Some(weight),
    };
    let strategy = vec![item("FARGATE", 1, 1), item("FARGATE_SPOT", 0, 3)];
    let request = CreateServiceRequest { capacity_provider_strategy: Some(strategy.clone()), ..serverless(5) };
    let service = ecs.steady(request).await;
    assert_eq!((service.launch_type, service.capacity_provider_strategy), (None, Some(strategy)));
    let on_spot = |tasks: &[kecs_model::ecs::Task]| {
        tasks.iter().filter(|task| task.capacity_provider_name.as_deref() == Some("FARGATE_SPOT")).count()
    };
    assert_eq!(on_spot(&ecs.running().await), 3);
    ecs.update(UpdateServiceRequest { desired_count: Some(9), ..UpdateServiceRequest::default() }).await.unwrap();
    ecs.pass(10).await;
    assert_eq!(on_spot(&ecs.running().await), 6);
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_with_awsvpc_needs_a_network_also_in_an_update() {
    // "Network Configuration must be provided when networkMode 'awsvpc' is specified."
    let ecs = start().await;
    let error = ecs.create(CreateServiceRequest { network_configuration: None, ..serverless(1) }).await.unwrap_err();
    assert_eq!(error.message(), "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
    ecs.steady(web(1)).await;
    let request = UpdateServiceRequest { task_definition: Some("serverless".to_owned()), ..UpdateServiceRequest::default() };
    assert_eq!(ecs.update(request).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
    let still = ecs.web().await;
    assert!(still.task_definition.unwrap().ends_with("good:1"), "a refused update changes nothing");
}

#[tokio::test(start_paused = true)]
async fn another_network_is_a_new_deployment() {
    // UpdateService.networkConfiguration: "This parameter triggers a new service deployment."
    let ecs = start().await;
    let before = ecs.steady(CreateServiceRequest { launch_type: Some(LaunchType::Fargate), ..serverless(1) }).await;
    let mut other = network();
    other.awsvpc_configuration.as_mut().unwrap().subnets = Some(vec!["subnet-2".to_owned()]);
    let request = UpdateServiceRequest { network_configuration: Some(other), ..UpdateServiceRequest::default() };
    let after = ecs.update(request).await.unwrap();
    assert_ne!(deployments(&after)[0].id, deployments(&before)[0].id);
}
