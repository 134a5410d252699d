//! Events of container instances, and of services that need them, as EventBridge gets them ("Amazon ECS events" of the developer guide).

use kecs_core::EventKind;
use kecs_model::ecs::{ContainerDefinition, ContainerInstanceStatus, CreateServiceRequest, EcsApi, SchedulingStrategy};
use serde_json::{Value, json};

use crate::support::{Ecs, arn, container, text};

fn of_kind(ecs: &Ecs, kind: EventKind) -> Vec<Value> {
    let events = ecs.recent_events().0.into_iter().filter(|event| event.kind == kind);
    events.map(|event| serde_json::to_value(event).unwrap()).collect()
}

fn left(event: &Value, resource: &str) -> i64 {
    let resources = event["detail"]["remainingResources"].as_array().unwrap();
    resources.iter().find(|it| it["name"] == resource).unwrap()["integerValue"].as_i64().unwrap()
}

/// The scenarios of "Amazon ECS container instance state change events", and the members of its example.
#[tokio::test(start_paused = true)]
async fn an_instance_tells_of_its_states_and_of_what_tasks_leave_of_it() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let instance = ecs.instance("us-east-1a").await;
    ecs.start_on(&[arn(&instance)]).await.unwrap();
    ecs.set(&instance, ContainerInstanceStatus::Draining).await;
    let events = of_kind(&ecs, EventKind::ContainerInstanceStateChange);
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let detail = &event["detail"];
            (detail["status"].as_str().unwrap(), detail["version"].as_i64().unwrap(), left(event, "CPU"), left(event, "MEMORY"))
        })
        .collect();
    assert_eq!(seen, [("ACTIVE", 1, 1024, 1024), ("ACTIVE", 2, 768, 896), ("DRAINING", 3, 768, 896)]);
    assert!(events.iter().all(|event| event["resources"] == json!([arn(&instance)])));
    let detail = &events[1]["detail"];
    assert_eq!(
        (&detail["agentConnected"], &detail["versionInfo"]["agentVersion"], &detail["pendingTasksCount"]),
        (&json!(true), &json!("1.90.0"), &json!(1))
    );
    assert_eq!(detail["clusterArn"], "arn:aws:ecs:us-east-1:000000000000:cluster/default");
    assert_eq!((&detail["updatedAt"], detail["registeredAt"].is_string()), (&events[1]["time"], true));
}

/// The example of "Service task placement failure event"; the reason is that of RunTask's failures ("API failure reasons").
#[tokio::test(start_paused = true)]
async fn a_task_without_a_place_is_told_once_with_the_reason() {
    let ecs = Ecs::start().await;
    ecs.register(ContainerDefinition { memory: Some(2048), ..container() }).await;
    let instance = ecs.instance("us-east-1a").await;
    let service = CreateServiceRequest {
        service_name: text("web"),
        task_definition: text("app"),
        desired_count: Some(1),
        ..CreateServiceRequest::default()
    };
    ecs.create_service(&ecs.ctx, service).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_mins(2)).await;
    let mut actions = of_kind(&ecs, EventKind::ServiceAction);
    assert_eq!(actions.len(), 1, "{actions:?}");
    let mut detail = actions.remove(0)["detail"].take();
    assert!(detail.as_object_mut().unwrap().remove("createdAt").is_some());
    assert_eq!(
        detail,
        json!({
            "eventType": "ERROR", "eventName": "SERVICE_TASK_PLACEMENT_FAILURE",
            "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/default",
            "containerInstanceArns": [arn(&instance)], "reason": "RESOURCE:MEMORY",
        })
    );
}

/// SERVICE_DESIRED_COUNT_UPDATED: "When the service scheduler updates the computed desired count for a service".
#[tokio::test(start_paused = true)]
async fn a_daemon_that_gets_an_instance_tells_of_its_new_desired_count() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    ecs.instance("us-east-1a").await;
    let service = CreateServiceRequest {
        service_name: text("agent"),
        task_definition: text("app"),
        scheduling_strategy: Some(SchedulingStrategy::Daemon),
        ..CreateServiceRequest::default()
    };
    ecs.create_service(&ecs.ctx, service).await.unwrap();
    ecs.instance("us-east-1b").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let actions = of_kind(&ecs, EventKind::ServiceAction);
    let counts: Vec<_> = actions
        .iter()
        .filter(|event| event["detail"]["eventName"] == "SERVICE_DESIRED_COUNT_UPDATED")
        .map(|event| event["detail"]["desiredCount"].as_i64().unwrap())
        .collect();
    assert_eq!(counts.last(), Some(&2), "{counts:?}");
}
