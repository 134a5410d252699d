//! Task sets, and the EXTERNAL deployment controller.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    CreateServiceRequest, CreateTaskSetRequest, DeleteTaskSetRequest, DeploymentController, DeploymentControllerType,
    DescribeTaskSetsRequest, EcsApi, Scale, StabilityStatus, TaskSet, UpdateServicePrimaryTaskSetRequest, UpdateServiceRequest,
    UpdateTaskSetRequest,
};

use crate::ecs::{Ecs, web};

/// A service `web` with the EXTERNAL deployment controller.
async fn external(desired_count: i32) -> Ecs {
    let ecs = Ecs::start().await;
    let controller = DeploymentController { r#type: Some(DeploymentControllerType::External) };
    let request = CreateServiceRequest { task_definition: None, deployment_controller: Some(controller), ..web(desired_count) };
    ecs.create(request).await.unwrap();
    ecs
}

async fn create(ecs: &Ecs, percent: f64) -> TaskSet {
    let request = CreateTaskSetRequest {
        cluster: Some("default".to_owned()),
        service: Some("web".to_owned()),
        task_definition: Some("good".to_owned()),
        scale: Some(Scale { value: Some(percent), unit: None }),
        ..CreateTaskSetRequest::default()
    };
    ecs.engine.create_task_set(&ecs.ctx, request).await.unwrap().task_set.unwrap()
}

async fn sets(ecs: &Ecs) -> Vec<TaskSet> {
    let request = DescribeTaskSetsRequest {
        cluster: Some("default".to_owned()),
        service: Some("web".to_owned()),
        ..DescribeTaskSetsRequest::default()
    };
    ecs.engine.describe_task_sets(&ecs.ctx, request).await.unwrap().task_sets.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_task_set_runs_its_share_of_the_desired_count_rounded_up() {
    // TaskSet.computedDesiredCount: "The result is always rounded up. For example, if the computed desired count is 1.2, it rounds up to 2 tasks."
    let ecs = external(3).await;
    let created = create(&ecs, 40.0).await;
    assert_eq!((created.computed_desired_count, created.status.as_deref()), (Some(2), Some("ACTIVE")));
    ecs.pass(10).await;
    let set = sets(&ecs).await.remove(0);
    assert_eq!((set.running_count, set.stability_status), (Some(2), Some(StabilityStatus::SteadyState)));
    assert!(ecs.running().await.iter().all(|task| task.started_by == created.id));
}

#[tokio::test(start_paused = true)]
async fn a_task_set_is_scaled() {
    let ecs = external(4).await;
    let set = create(&ecs, 100.0).await;
    ecs.pass(10).await;
    let request = UpdateTaskSetRequest {
        cluster: Some("default".to_owned()),
        service: Some("web".to_owned()),
        task_set: set.task_set_arn,
        scale: Some(Scale { value: Some(25.0), unit: None }),
    };
    ecs.engine.update_task_set(&ecs.ctx, request).await.unwrap();
    ecs.pass(60).await;
    assert_eq!(ecs.web().await.running_count, Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_primary_task_set_gives_the_service_its_parameters() {
    let ecs = external(1).await;
    let (first, second) = (create(&ecs, 100.0).await, create(&ecs, 0.0).await);
    for set in [&first, &second] {
        let request = UpdateServicePrimaryTaskSetRequest {
            cluster: Some("default".to_owned()),
            service: Some("web".to_owned()),
            primary_task_set: set.id.clone(),
        };
        ecs.engine.update_service_primary_task_set(&ecs.ctx, request).await.unwrap();
    }
    let service = ecs.web().await;
    assert_eq!(service.task_definition, second.task_definition);
    let status = |set: &TaskSet| {
        let of_service = service.task_sets.as_ref().unwrap().iter().find(|of_service| of_service.id == set.id);
        of_service.unwrap().status.clone().unwrap()
    };
    assert_eq!((status(&first), status(&second)), ("ACTIVE".to_owned(), "PRIMARY".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_task_set_drains_and_is_gone() {
    let ecs = external(2).await;
    let set = create(&ecs, 100.0).await;
    ecs.pass(10).await;
    let request = |force| DeleteTaskSetRequest {
        cluster: Some("default".to_owned()),
        service: Some("web".to_owned()),
        task_set: set.id.clone(),
        force: Some(force),
    };
    assert!(ecs.engine.delete_task_set(&ecs.ctx, request(false)).await.is_err(), "it is scaled above 0");
    let deleted = ecs.engine.delete_task_set(&ecs.ctx, request(true)).await.unwrap().task_set.unwrap();
    assert_eq!(deleted.status.as_deref(), Some("DRAINING"));
    ecs.pass(60).await;
    assert_eq!((sets(&ecs).await, ecs.running().await), (Vec::new(), Vec::new()));
    let error = ecs.engine.delete_task_set(&ecs.ctx, request(true)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TaskSetNotFoundException);
}

#[tokio::test(start_paused = true)]
async fn the_workload_of_an_external_service_is_not_the_services_to_set() {
    let ecs = external(1).await;
    let request = UpdateServiceRequest { task_definition: Some("good".to_owned()), ..UpdateServiceRequest::default() };
    let error = ecs.update(request).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
}
