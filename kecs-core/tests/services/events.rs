//! ECS's events, as EventBridge gets them: what the developer guide says of each ("Amazon ECS events").

use futures::{FutureExt, StreamExt};
use kecs_core::{EcsEvent, EventKind, EventNotice};
use kecs_model::ecs::{
    CreateServiceRequest, EcsApi, RunTaskRequest, StopTaskRequest, Tag, TagResourceRequest, UpdateServiceRequest,
};
use serde_json::{Value, json};

use crate::ecs::{Ecs, breaker, deployments, web};

/// All events so far, as targets get them.
fn told(ecs: &Ecs) -> Vec<Value> {
    ecs.engine.recent_events().0.iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

fn of_kind(ecs: &Ecs, kind: EventKind) -> Vec<Value> {
    told(ecs).into_iter().filter(|event| event["detail-type"] == kind.as_str()).collect()
}

/// `eventType` and `eventName` of each.
fn names(events: &[Value]) -> Vec<(&str, &str)> {
    let details = events.iter().map(|event| &event["detail"]);
    details.map(|detail| (detail["eventType"].as_str().unwrap(), detail["eventName"].as_str().unwrap())).collect()
}

async fn run(ecs: &Ecs, family: &str) -> String {
    let request = RunTaskRequest { task_definition: Some(family.to_owned()), ..RunTaskRequest::default() };
    ecs.engine.run_task(&ecs.ctx, request).await.unwrap().tasks.unwrap().remove(0).task_arn.unwrap()
}

/// "Amazon ECS task state change events": the example's members, and "the detail section … resembles the Task object".
#[tokio::test(start_paused = true)]
async fn a_task_state_change_has_the_shape_of_the_developer_guide() {
    let ecs = Ecs::start().await;
    let arn = run(&ecs, "good").await;
    ecs.pass(10).await;
    let event = of_kind(&ecs, EventKind::TaskStateChange).pop().unwrap();
    let detail = event["detail"].clone();
    assert_eq!(detail["lastStatus"], "RUNNING");
    assert_eq!(event["id"].as_str().unwrap().len(), 36);
    let mut head = event.clone();
    head.as_object_mut().unwrap().remove("detail");
    head.as_object_mut().unwrap().remove("id");
    assert_eq!(
        head,
        json!({
            "version": "0", "detail-type": "ECS Task State Change", "source": "aws.ecs", "account": "000000000000",
            "time": "2023-11-14T22:13:20Z", "region": "us-east-1", "resources": [arn],
        })
    );
    for (name, value) in [
        ("clusterArn", json!("arn:aws:ecs:us-east-1:000000000000:cluster/default")),
        ("desiredStatus", json!("RUNNING")),
        ("group", json!("family:good")),
        ("taskArn", json!(arn)),
        ("taskDefinitionArn", json!("arn:aws:ecs:us-east-1:000000000000:task-definition/good:1")),
        ("overrides", json!({ "containerOverrides": [{ "name": "web" }] })),
        // "… whereas in the task state change event they are ISO string timestamps."
        ("createdAt", json!("2023-11-14T22:13:20Z")),
        ("updatedAt", json!("2023-11-14T22:13:20Z")),
    ] {
        assert_eq!(detail[name], value, "{name}");
    }
    let container = detail["containers"][0].as_object().unwrap();
    let mut members: Vec<_> = container.keys().map(String::as_str).collect();
    members.retain(|name| *name != "runtimeId");
    assert_eq!(members, ["containerArn", "cpu", "image", "lastStatus", "memory", "name", "taskArn"]);
    assert!(detail.get("tags").is_none());
}

/// "Task lifecycle": each state is passed, and each change is an event with a version of its own (Task.version).
#[tokio::test(start_paused = true)]
async fn every_state_of_a_task_is_told_in_order() {
    let ecs = Ecs::start().await;
    let arn = run(&ecs, "good").await;
    ecs.pass(1).await;
    let request = StopTaskRequest { task: Some(arn), ..StopTaskRequest::default() };
    ecs.engine.stop_task(&ecs.ctx, request).await.unwrap();
    ecs.pass(60).await;
    let events = of_kind(&ecs, EventKind::TaskStateChange);
    let mut states: Vec<_> = events.iter().map(|event| event["detail"]["lastStatus"].as_str().unwrap()).collect();
    states.dedup();
    let all = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"];
    assert_eq!(states, all);
    let versions: Vec<_> = events.iter().map(|event| event["detail"]["version"].as_i64().unwrap()).collect();
    let counted: Vec<_> = (1..=versions.len()).map(|version| i64::try_from(version).unwrap()).collect();
    assert_eq!(versions, counted);
    let stopped = &events.last().unwrap()["detail"];
    assert_eq!((&stopped["stopCode"], &stopped["desiredStatus"]), (&json!("UserInitiated"), &json!("STOPPED")));
}

#[tokio::test(start_paused = true)]
async fn tags_of_a_task_are_no_state_of_it() {
    let ecs = Ecs::start().await;
    let arn = run(&ecs, "good").await;
    ecs.pass(1).await;
    let before = told(&ecs).len();
    let tag = Tag { key: Some("team".to_owned()), value: Some("a".to_owned()) };
    let request = TagResourceRequest { resource_arn: Some(arn), tags: Some(vec![tag]) };
    ecs.engine.tag_resource(&ecs.ctx, request).await.unwrap();
    assert_eq!(told(&ecs).len(), before);
}

/// "Amazon ECS service action events" and "Amazon ECS service deployment state change events": their examples.
#[tokio::test(start_paused = true)]
async fn a_service_tells_of_its_deployment_and_its_steady_state() {
    let ecs = Ecs::start().await;
    let service = ecs.steady(web(1)).await;
    let id = deployments(&service)[0].id.clone().unwrap();
    let events = of_kind(&ecs, EventKind::DeploymentStateChange);
    let resources = json!(["arn:aws:ecs:us-east-1:000000000000:service/default/web"]);
    assert!(events.iter().all(|event| event["resources"] == resources));
    let details: Vec<_> = events.iter().map(|event| event["detail"].clone()).collect();
    let cluster = "arn:aws:ecs:us-east-1:000000000000:cluster/default";
    assert_eq!(
        details,
        [
            json!({
                "eventType": "INFO", "eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS", "clusterArn": cluster, "deploymentId": id,
                "updatedAt": "2023-11-14T22:13:20Z", "reason": format!("ECS deployment {id} in progress."),
            }),
            json!({
                "eventType": "INFO", "eventName": "SERVICE_DEPLOYMENT_COMPLETED", "clusterArn": cluster, "deploymentId": id,
                "updatedAt": details[1]["updatedAt"], "reason": format!("ECS deployment {id} completed."),
            }),
        ]
    );
    let actions = of_kind(&ecs, EventKind::ServiceAction);
    assert_eq!(actions.len(), 1);
    assert_eq!(actions[0]["resources"], resources);
    let created_at = &actions[0]["detail"]["createdAt"];
    assert!(created_at.as_str().unwrap().starts_with("2023-11-14T22:13:2"));
    assert_eq!(
        actions[0]["detail"],
        json!({ "eventType": "INFO", "eventName": "SERVICE_STEADY_STATE", "clusterArn": cluster, "createdAt": created_at })
    );
}

/// "SERVICE_DEPLOYMENT_FAILED … is sent for services with deployment circuit breaker logic turned on"; "in progress events are delivered when both
/// an initial and a rollback deployment is started".
#[tokio::test(start_paused = true)]
async fn a_deployment_that_fails_and_rolls_back_is_told_step_by_step() {
    let ecs = Ecs::start().await;
    let good = ecs.steady(CreateServiceRequest { deployment_configuration: Some(breaker(true)), ..web(1) }).await;
    let good = deployments(&good)[0].id.clone().unwrap();
    ecs.deploy("crash").await;
    ecs.pass(900).await;
    let events = of_kind(&ecs, EventKind::DeploymentStateChange);
    let (begun, complete) = (("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"), ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"));
    assert_eq!(names(&events), [begun, complete, begun, ("ERROR", "SERVICE_DEPLOYMENT_FAILED"), begun, complete]);
    let reason = |at: usize| events[at]["detail"]["reason"].as_str().unwrap();
    assert_eq!(reason(3), "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(reason(4), format!("ECS deployment circuit breaker: rolling back to deploymentId {good}."));
    assert_eq!(events[4]["detail"]["deploymentId"], good);
}

#[tokio::test(start_paused = true)]
async fn failing_tasks_and_scaling_in_are_service_actions() {
    let ecs = Ecs::start().await;
    ecs.steady(web(2)).await;
    let fewer = UpdateServiceRequest { desired_count: Some(1), ..UpdateServiceRequest::default() };
    ecs.update(fewer).await.unwrap();
    ecs.pass(60).await;
    let stopped = of_kind(&ecs, EventKind::ServiceAction);
    let stopped = stopped.iter().find(|event| event["detail"]["eventName"] == "TASKS_STOPPED").unwrap();
    assert_eq!((&stopped["detail"]["eventType"], stopped["detail"]["taskArns"].as_array().unwrap().len()), (&json!("INFO"), 1));
    ecs.deploy("crash").await;
    ecs.pass(600).await;
    let actions = of_kind(&ecs, EventKind::ServiceAction);
    assert!(names(&actions).contains(&("WARN", "SERVICE_TASK_START_IMPAIRED")));
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_gets_what_is_kept_and_then_all_that_follows() {
    let ecs = Ecs::start().await;
    let first = run(&ecs, "good").await;
    ecs.pass(1).await;
    let (kept, following) = ecs.engine.recent_events();
    let second = run(&ecs, "good").await;
    ecs.pass(1).await;
    assert!(kept.iter().all(|event| event.resource == first));
    let mut following = following;
    let next = following.next().now_or_never().flatten();
    let Some(EventNotice::Event(event)) = next else { panic!("{next:?}") };
    assert_eq!((event.resource.clone(), event.detail["version"].clone()), (second, json!(1)));
    let again: Vec<EcsEvent> = ecs.engine.recent_events().0;
    assert!(again.contains(&event), "an event keeps its id");
    ecs.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_does_not_keep_up_is_told_how_much_it_missed() {
    let ecs = Ecs::start().await;
    let mut events = ecs.engine.events();
    for _ in 0..1200 {
        run(&ecs, "good").await;
    }
    ecs.pass(60).await;
    let first = events.next().await;
    assert!(matches!(first, Some(EventNotice::Missed(missed)) if missed > 0), "{first:?}");
    assert!(matches!(events.next().await, Some(EventNotice::Event(_))));
    assert_eq!(ecs.engine.recent_events().0.len(), 500);
}
