//! Volumes that are configured at launch, of services.

use kecs_model::ecs::{
    CreateServiceRequest, CreateTaskSetRequest, DeploymentController, DeploymentControllerType, EcsApi, MountPoint,
    RegisterTaskDefinitionRequest, ServiceManagedEBSVolumeConfiguration, ServiceVolumeConfiguration, Task, UpdateServiceRequest,
    Volume,
};

use crate::ecs::{Ecs, container, deployments, web};

const NOT_CONFIGURED: &str = "Task definition has configuredAtLaunch volume but no volume configuration provided at runtime.";

/// An engine with a definition `stateful`, whose volume `data` is configured at launch.
async fn start() -> Ecs {
    let ecs = Ecs::start().await;
    let mount =
        MountPoint { source_volume: Some("data".to_owned()), container_path: Some("/data".to_owned()), ..MountPoint::default() };
    let mut container = container("good");
    container.mount_points = Some(vec![mount]);
    let volume = Volume { name: Some("data".to_owned()), configured_at_launch: Some(true), ..Volume::default() };
    let definition = RegisterTaskDefinitionRequest {
        family: Some("stateful".to_owned()),
        container_definitions: Some(vec![container]),
        volumes: Some(vec![volume]),
        ..RegisterTaskDefinitionRequest::default()
    };
    ecs.engine.register_task_definition(&ecs.ctx, definition).await.unwrap();
    ecs
}

fn volume(gib: i32) -> Vec<ServiceVolumeConfiguration> {
    let managed = ServiceManagedEBSVolumeConfiguration {
        role_arn: Some("arn:aws:iam::123456789012:role/ecsInfrastructureRole".to_owned()),
        size_in_gib: Some(gib),
        ..ServiceManagedEBSVolumeConfiguration::default()
    };
    vec![ServiceVolumeConfiguration { name: Some("data".to_owned()), managed_ebs_volume: Some(managed) }]
}

fn stateful() -> CreateServiceRequest {
    CreateServiceRequest { task_definition: Some("stateful".to_owned()), volume_configurations: Some(volume(10)), ..web(2) }
}

fn volume_id(task: &Task) -> String {
    let attachment = &task.attachments.as_ref().unwrap()[0];
    assert_eq!(attachment.r#type.as_deref(), Some("AmazonElasticBlockStorage"));
    let mut details = attachment.details.iter().flatten();
    details.find(|detail| detail.name.as_deref() == Some("volumeId")).unwrap().value.clone().unwrap()
}

/// ServiceManagedEBSVolumeConfiguration: "one volume created for each task in the service".
#[tokio::test(start_paused = true)]
async fn each_task_of_a_service_has_a_volume_and_the_deployment_shows_its_configuration() {
    let ecs = start().await;
    let service = ecs.steady(stateful()).await;
    assert_eq!(deployments(&service)[0].volume_configurations, Some(volume(10)));
    let tasks = ecs.running().await;
    assert_eq!(tasks.len(), 2);
    assert_ne!(volume_id(&tasks[0]), volume_id(&tasks[1]));
}

/// UpdateService.volumeConfigurations: "If set to null, no new deployment is triggered. Otherwise, if this configuration differs from the existing
/// one, it triggers a new deployment."
#[tokio::test(start_paused = true)]
async fn another_configuration_is_a_new_deployment_and_none_leaves_it_as_it_is() {
    let ecs = start().await;
    let before = ecs.steady(stateful()).await;
    let update = |configurations| UpdateServiceRequest { volume_configurations: configurations, ..UpdateServiceRequest::default() };
    for same in [None, Some(volume(10))] {
        let after = ecs.update(update(same)).await.unwrap();
        assert_eq!(deployments(&after)[0].id, deployments(&before)[0].id);
    }
    let after = ecs.update(update(Some(volume(20)))).await.unwrap();
    assert_ne!(deployments(&after)[0].id, deployments(&before)[0].id);
    assert_eq!(deployments(&after)[0].volume_configurations, Some(volume(20)));
}

/// go-to-k/cdkd#812: UpdateService with an empty list is refused; so is CreateService without one.
#[tokio::test(start_paused = true)]
async fn a_service_needs_a_configuration_for_such_a_volume() {
    let ecs = start().await;
    let request = CreateServiceRequest { volume_configurations: None, ..stateful() };
    assert_eq!(ecs.create(request).await.unwrap_err().message(), NOT_CONFIGURED);
    ecs.steady(stateful()).await;
    let request = UpdateServiceRequest { volume_configurations: Some(Vec::new()), ..UpdateServiceRequest::default() };
    assert_eq!(ecs.update(request).await.unwrap_err().message(), NOT_CONFIGURED);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_without_the_volume_drops_its_configuration() {
    let ecs = start().await;
    ecs.steady(stateful()).await;
    let service = ecs.deploy("good").await;
    assert_eq!(deployments(&service)[0].volume_configurations, None);
}

/// CreateTaskSet takes no volume configurations.
#[tokio::test(start_paused = true)]
async fn a_task_set_cannot_have_such_a_volume() {
    let ecs = start().await;
    let controller = DeploymentController { r#type: Some(DeploymentControllerType::External) };
    ecs.create(CreateServiceRequest { task_definition: None, deployment_controller: Some(controller), ..web(1) }).await.unwrap();
    let request = CreateTaskSetRequest {
        cluster: Some("default".to_owned()),
        service: Some("web".to_owned()),
        task_definition: Some("stateful".to_owned()),
        ..CreateTaskSetRequest::default()
    };
    let error = ecs.engine.create_task_set(&ecs.ctx, request).await.unwrap_err();
    assert_eq!(error.message(), NOT_CONFIGURED);
}
