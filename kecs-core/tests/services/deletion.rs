//! Deleting a service.

use kecs_model::ApiError;
use kecs_model::ErrorCode;
use kecs_model::ecs::{DeleteServiceRequest, EcsApi, ListServicesRequest, Service, UpdateServiceRequest};

use crate::ecs::{Ecs, messages, web};

async fn delete(ecs: &Ecs, force: bool) -> Result<Service, ApiError> {
    let request = DeleteServiceRequest { service: Some("web".to_owned()), force: Some(force), ..DeleteServiceRequest::default() };
    Ok(ecs.engine.delete_service(&ecs.ctx, request).await?.service.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_scaled_up_is_deleted_by_force_only() {
    let ecs = Ecs::start().await;
    ecs.steady(web(1)).await;
    let error = delete(&ecs, false).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (ErrorCode::InvalidParameterException, "The service cannot be stopped while it is scaled above 0.")
    );
    assert_eq!(delete(&ecs, true).await.unwrap().status.as_deref(), Some("DRAINING"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_drains_and_stays_describable_as_inactive() {
    let ecs = Ecs::start().await;
    ecs.steady(web(2)).await;
    delete(&ecs, true).await.unwrap();
    let listed = ecs.engine.list_services(&ecs.ctx, ListServicesRequest::default()).await.unwrap();
    assert_eq!(listed.service_arns, Some(Vec::new()));
    ecs.pass(60).await;
    let service = ecs.web().await;
    assert_eq!((service.status.as_deref(), service.running_count), (Some("INACTIVE"), Some(0)));
    assert!(ecs.running().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_active_is_not_updated() {
    let ecs = Ecs::start().await;
    ecs.steady(web(1)).await;
    delete(&ecs, true).await.unwrap();
    let error = ecs.update(UpdateServiceRequest::default()).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (ErrorCode::ServiceNotActiveException, "Service was not ACTIVE."));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_was_is_not_found() {
    let ecs = Ecs::start().await;
    let error = ecs.update(UpdateServiceRequest::default()).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (ErrorCode::ServiceNotFoundException, "Service not found."));
    assert!(ecs.describe("web").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_name_is_free_again_once_its_service_is_inactive() {
    let ecs = Ecs::start().await;
    ecs.steady(web(1)).await;
    // The second is asked for before the scheduler has seen the first.
    let (deleted, created) = tokio::join!(delete(&ecs, true), ecs.create(web(1)));
    assert_eq!(deleted.unwrap().status.as_deref(), Some("DRAINING"));
    assert_eq!(created.unwrap_err().message(), "Unable to Start a service that is still Draining.");
    ecs.pass(60).await;
    let service = ecs.steady(web(1)).await;
    assert_eq!(messages(&service).len(), 3, "the history begins anew");
}

#[tokio::test(start_paused = true)]
async fn an_inactive_service_is_forgotten_in_the_end() {
    let ecs = Ecs::start().await;
    ecs.create(web(0)).await.unwrap();
    delete(&ecs, false).await.unwrap();
    ecs.pass(25 * 60 * 60).await;
    assert!(ecs.describe("web").await.is_none());
}
