//! Tasks that fail: back-off, circuit breaker, rollback, health checks.

use kecs_core::Health;
use kecs_model::ecs::{CreateServiceRequest, DesiredStatus, HealthCheck, Task};

use crate::ecs::{Ecs, breaker, container, deployments, messages, rollouts, task_id, web};

#[tokio::test(start_paused = true)]
async fn tasks_that_keep_failing_are_started_more_and_more_rarely() {
    // "Service throttle logic": the time between attempts grows; the event says so once.
    let ecs = Ecs::start().await;
    ecs.create(CreateServiceRequest { task_definition: Some("stillborn".to_owned()), ..web(1) }).await.unwrap();
    ecs.pass(60).await;
    let first_minute = ecs.tasks(DesiredStatus::Stopped).await.len();
    ecs.pass(60).await;
    let second_minute = ecs.tasks(DesiredStatus::Stopped).await.len() - first_minute;
    assert!(first_minute > 3 && second_minute < 2, "{first_minute} {second_minute}");
    let impaired = "(service web) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    assert_eq!(messages(&ecs.web().await).iter().filter(|message| *message == impaired).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_circuit_breaker_rolls_back_to_the_deployment_that_completed() {
    let ecs = Ecs::start().await;
    let before = ecs.steady(CreateServiceRequest { deployment_configuration: Some(breaker(true)), ..web(1) }).await;
    let good = deployments(&before)[0].id.clone().unwrap();
    let task = ecs.running().await.remove(0);
    let bad = deployments(&ecs.deploy("crash").await)[0].id.clone().unwrap();
    ecs.pass(60).await;

    let after = ecs.web().await;
    assert_eq!(rollouts(&after), [("PRIMARY".to_owned(), "COMPLETED".to_owned(), format!("ECS deployment {good} completed."))]);
    assert_eq!(after.task_definition, before.task_definition);
    // The task that served all the time is left alone.
    assert_eq!(ecs.running().await.iter().map(task_id).collect::<Vec<_>>(), [task_id(&task)]);
    // "A minimum threshold of 3."
    assert_eq!(ecs.tasks(DesiredStatus::Stopped).await.len(), 3);
    let told = messages(&after);
    assert!(told.contains(&format!("(service web) (deployment {bad}) deployment failed: tasks failed to start.")));
    assert!(told.contains(&format!("(service web) rolling back to deployment {good}.")));
}

#[tokio::test(start_paused = true)]
async fn without_rollback_the_deployment_fails_and_launches_nothing_more() {
    // "A deployment in FAILED state doesn't launch any new tasks" (Deployment.rolloutState).
    let ecs = Ecs::start().await;
    ecs.steady(CreateServiceRequest { deployment_configuration: Some(breaker(false)), ..web(1) }).await;
    ecs.deploy("stillborn").await;
    ecs.pass(600).await;
    let after = ecs.web().await;
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    assert_eq!(rollouts(&after)[0], ("PRIMARY".to_owned(), "FAILED".to_owned(), reason.to_owned()));
    assert_eq!(deployments(&after)[0].failed_tasks, Some(3));
    assert_eq!(ecs.tasks(DesiredStatus::Stopped).await.len(), 3);
    assert_eq!(after.running_count, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
    let ecs = Ecs::start().await;
    let request =
        CreateServiceRequest { deployment_configuration: Some(breaker(true)), task_definition: Some("crash".to_owned()), ..web(1) };
    ecs.create(request).await.unwrap();
    ecs.pass(60).await;
    assert_eq!(rollouts(&ecs.web().await)[0].1, "FAILED");
}

/// A service of one task that has a health check, on which it was found unhealthy after a minute; and that task.
async fn with_unhealthy_task(grace_period: Option<i32>) -> (Ecs, Task) {
    let ecs = Ecs::start().await;
    let check = HealthCheck { command: Some(vec!["CMD".to_owned(), "true".to_owned()]), ..HealthCheck::default() };
    let mut checked = container("good");
    checked.health_check = Some(check);
    ecs.register("checked", checked).await;
    let request = CreateServiceRequest {
        task_definition: Some("checked".to_owned()),
        health_check_grace_period_seconds: grace_period,
        ..web(1)
    };
    ecs.create(request).await.unwrap();
    ecs.pass(60).await;
    let task = ecs.running().await.remove(0);
    ecs.backend.set_health(&ecs.task_ref(&task), "web", Health::Unhealthy).unwrap();
    (ecs, task)
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_task_is_replaced() {
    // "Task failed container health checks": "Stopped tasks error codes"; the events as users quote them.
    let (ecs, task) = with_unhealthy_task(None).await;
    ecs.pass(120).await;

    let stopped = ecs.tasks(DesiredStatus::Stopped).await;
    assert_eq!(stopped[0].stopped_reason.as_deref(), Some("Task failed container health checks"));
    assert_eq!(stopped[0].stop_code.as_ref().unwrap().as_str(), "ServiceSchedulerInitiated");
    let replacement = ecs.running().await.remove(0);
    let told = messages(&ecs.web().await);
    let started = format!(
        "(service web) has started 1 tasks: (task {}). Amazon ECS replaced 1 tasks due to an unhealthy status.",
        task_id(&replacement)
    );
    assert!(told.contains(&started), "{told:#?}");
    assert!(told.contains(&format!("(service web) (task {}) failed container health checks.", task_id(&task))));
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_task_is_left_alone_in_its_grace_period() {
    let (ecs, task) = with_unhealthy_task(Some(300)).await;
    ecs.pass(120).await;
    assert_eq!(ecs.running().await.iter().map(task_id).collect::<Vec<_>>(), [task_id(&task)]);
    ecs.pass(180).await;
    assert_ne!(ecs.running().await.iter().map(task_id).collect::<Vec<_>>(), [task_id(&task)]);
}

#[tokio::test(start_paused = true)]
async fn a_grace_period_may_be_as_long_as_a_number_can_be() {
    // "You can specify a health check grace period of up to 2,147,483,647 seconds (about 69 years)" (UpdateService).
    let (ecs, task) = with_unhealthy_task(Some(i32::MAX)).await;
    ecs.pass(3 * 24 * 60 * 60).await;
    assert_eq!(ecs.running().await.iter().map(task_id).collect::<Vec<_>>(), [task_id(&task)]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_dies_after_it_was_of_use_is_replaced_at_once() {
    // "Tasks that are stopped after they reach the RUNNING state do not trigger the throttle logic" ("Service throttle logic").
    let ecs = Ecs::start().await;
    ecs.steady(web(1)).await;
    let task = ecs.running().await.remove(0);
    ecs.backend.exit(&ecs.task_ref(&task), "web", 1).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let replacement = ecs.running().await;
    assert_eq!(replacement.len(), 1);
    assert_ne!(task_id(&replacement[0]), task_id(&task));
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_is_not_counted_again_after_a_restart() {
    let ecs = Ecs::start().await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(breaker(false)),
        task_definition: Some("stillborn".to_owned()),
        ..web(1)
    };
    ecs.create(request).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let before = deployments(&ecs.web().await)[0].failed_tasks;
    assert_eq!(before, Some(2), "at once, and after a second");
    let ecs = ecs.restarted().await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(deployments(&ecs.web().await)[0].failed_tasks, before);
    ecs.pass(60).await;
    assert_eq!(rollouts(&ecs.web().await)[0].1, "FAILED");
}
