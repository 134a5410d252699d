//! Creating a service, and keeping its desired count.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    CreateServiceRequest, DescribeClustersRequest, DesiredStatus, EcsApi, ListServicesRequest, PropagateTags, StopTaskRequest, Tag,
    UpdateServiceRequest,
};

use crate::ecs::{Ecs, deployments, messages, task_id, web};

#[tokio::test(start_paused = true)]
async fn a_service_starts_the_tasks_that_it_should_have_and_completes_its_deployment() {
    let ecs = Ecs::start().await;
    let created = ecs.create(web(2)).await.unwrap();
    assert_eq!(deployments(&created)[0].rollout_state.as_ref().unwrap().as_str(), "IN_PROGRESS");
    ecs.pass(10).await;
    let service = ecs.web().await;
    assert_eq!((service.running_count, service.pending_count), (Some(2), Some(0)));
    let id = deployments(&service)[0].id.clone().unwrap();
    assert_eq!(deployments(&service)[0].rollout_state_reason.as_deref(), Some(format!("ECS deployment {id} completed.").as_str()));
}

#[tokio::test(start_paused = true)]
async fn the_deployment_and_its_revision_have_the_same_number() {
    // Terraform looks for the digits of `ecs-svc/<n>` in the revision's ARN.
    let ecs = Ecs::start().await;
    let service = ecs.create(web(1)).await.unwrap();
    let number = deployments(&service)[0].id.clone().unwrap().strip_prefix("ecs-svc/").unwrap().to_owned();
    let arn = service.current_service_revisions.unwrap()[0].arn.clone().unwrap();
    assert_eq!((number.len(), arn.rsplit('/').next()), (19, Some(number.as_str())));
}

#[tokio::test(start_paused = true)]
async fn events_are_in_the_words_of_ecs_newest_first() {
    // As users quote them: boto/boto3#2845, hackforla/CivicTechJobs#436.
    let ecs = Ecs::start().await;
    let service = ecs.steady(web(1)).await;
    let task = ecs.running().await.remove(0);
    let id = deployments(&service)[0].id.clone().unwrap();
    assert_eq!(
        messages(&service),
        [
            "(service web) has reached a steady state.".to_owned(),
            format!("(service web) (deployment {id}) deployment completed."),
            format!("(service web) has started 1 tasks: (task {}).", task_id(&task)),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_carries_the_marks_of_its_service() {
    let ecs = Ecs::start().await;
    let service = ecs.steady(web(1)).await;
    let task = ecs.running().await.remove(0);
    assert_eq!(task.started_by, deployments(&service)[0].id);
    assert_eq!(task.group.as_deref(), Some("service:web"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_somebody_stops_is_replaced() {
    let ecs = Ecs::start().await;
    ecs.steady(web(2)).await;
    let task = ecs.running().await.remove(0);
    let request = StopTaskRequest { task: task.task_arn.clone(), ..StopTaskRequest::default() };
    ecs.engine.stop_task(&ecs.ctx, request).await.unwrap();
    ecs.pass(10).await;
    let running = ecs.running().await;
    assert_eq!(running.len(), 2);
    assert!(!running.contains(&task));
}

#[tokio::test(start_paused = true)]
async fn scale_in_stops_tasks_and_says_why() {
    // "Scaling activity initiated by (deployment deployment-id)": "Stopped tasks error codes", developer guide.
    let ecs = Ecs::start().await;
    let service = ecs.steady(web(3)).await;
    ecs.update(UpdateServiceRequest { desired_count: Some(1), ..UpdateServiceRequest::default() }).await.unwrap();
    ecs.pass(60).await;
    assert_eq!(ecs.running().await.len(), 1);
    let stopped = ecs.tasks(DesiredStatus::Stopped).await;
    let id = deployments(&service)[0].id.clone().unwrap();
    assert_eq!(stopped.len(), 2);
    assert_eq!(stopped[0].stop_code.as_ref().unwrap().as_str(), "ServiceSchedulerInitiated");
    assert_eq!(stopped[0].stopped_reason, Some(format!("Scaling activity initiated by (deployment {id})")));
    assert!(messages(&ecs.web().await)[1].starts_with("(service web) has stopped 2 running tasks: (task "));
}

#[tokio::test(start_paused = true)]
async fn scaling_starts_no_new_deployment() {
    // UpdateService.desiredCount: "This parameter doesn't trigger a new service deployment."
    let ecs = Ecs::start().await;
    let before = ecs.steady(web(1)).await;
    let after = ecs.update(UpdateServiceRequest { desired_count: Some(2), ..UpdateServiceRequest::default() }).await.unwrap();
    assert_eq!(deployments(&after)[0].id, deployments(&before)[0].id);
    ecs.pass(10).await;
    assert_eq!(ecs.web().await.running_count, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_second_service_of_the_same_name_is_refused() {
    let ecs = Ecs::start().await;
    ecs.create(web(1)).await.unwrap();
    let error = ecs.create(web(1)).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (ErrorCode::InvalidParameterException, "Creation of service was not idempotent."));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_client_token_answers_the_same_service() {
    let ecs = Ecs::start().await;
    let request = CreateServiceRequest { client_token: Some("once".to_owned()), ..web(1) };
    let first = ecs.create(request.clone()).await.unwrap();
    let second = ecs.create(request).await.unwrap();
    assert_eq!(deployments(&first)[0].id, deployments(&second)[0].id);
}

#[tokio::test(start_paused = true)]
async fn the_defaults_are_those_of_the_api_reference() {
    // DeploymentConfiguration: 200 and 100; CreateService: propagateTags NONE, controller ECS, scheduling REPLICA.
    let ecs = Ecs::start().await;
    let service = ecs.create(web(0)).await.unwrap();
    let configuration = service.deployment_configuration.unwrap();
    assert_eq!((configuration.maximum_percent, configuration.minimum_healthy_percent), (Some(200), Some(100)));
    assert_eq!(service.deployment_controller.unwrap().r#type.unwrap().as_str(), "ECS");
    assert_eq!(service.scheduling_strategy.unwrap().as_str(), "REPLICA");
    assert_eq!(service.propagate_tags, Some(PropagateTags::None));
    assert_eq!((service.network_configuration, service.launch_type.unwrap().as_str().to_owned()), (None, "EC2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn tags_are_propagated_and_managed_ones_added() {
    let ecs = Ecs::start().await;
    let tag = |key: &str, value: &str| Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) };
    let request = CreateServiceRequest {
        tags: Some(vec![tag("team", "blue")]),
        propagate_tags: Some(PropagateTags::Service),
        enable_ecs_managed_tags: Some(true),
        ..web(1)
    };
    ecs.steady(request).await;
    let expected = [tag("team", "blue"), tag("aws:ecs:clusterName", "default"), tag("aws:ecs:serviceName", "web")];
    assert_eq!(ecs.running().await[0].tags.as_deref(), Some(&expected[..]));
}

#[tokio::test(start_paused = true)]
async fn services_are_listed_ten_to_a_page() {
    // ListServices.maxResults: "up to 10 results" by default.
    let ecs = Ecs::start().await;
    for number in 0..12 {
        ecs.create(CreateServiceRequest { service_name: Some(format!("s{number:02}")), ..web(0) }).await.unwrap();
    }
    let first = ecs.engine.list_services(&ecs.ctx, ListServicesRequest::default()).await.unwrap();
    assert_eq!(first.service_arns.unwrap().len(), 10);
    let next = ListServicesRequest { next_token: first.next_token, ..ListServicesRequest::default() };
    let second = ecs.engine.list_services(&ecs.ctx, next).await.unwrap();
    assert_eq!((second.service_arns.unwrap().len(), second.next_token), (2, None));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_counts_its_active_services() {
    let ecs = Ecs::start().await;
    ecs.create(web(0)).await.unwrap();
    let clusters = ecs.engine.describe_clusters(&ecs.ctx, DescribeClustersRequest::default()).await.unwrap().clusters.unwrap();
    assert_eq!(clusters[0].active_services_count, Some(1));
}
