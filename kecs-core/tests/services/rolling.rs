//! Rolling updates.

use std::collections::HashMap;

use futures::StreamExt;
use kecs_core::TaskChange;
use kecs_model::ecs::{CreateServiceRequest, DesiredStatus, UpdateServiceRequest};

use crate::ecs::{Ecs, deployments, messages, percentages, rollouts, web};

#[tokio::test(start_paused = true)]
async fn an_update_replaces_every_task_and_leaves_one_deployment() {
    let ecs = Ecs::start().await;
    let before = ecs.steady(web(3)).await;
    let old = deployments(&before)[0].id.clone();
    let updated = ecs.deploy("slow").await;
    assert_eq!(rollouts(&updated).iter().map(|(status, ..)| status.as_str()).collect::<Vec<_>>(), ["PRIMARY", "ACTIVE"]);
    ecs.pass(120).await;
    let after = ecs.web().await;
    assert_eq!((deployments(&after).len(), after.running_count), (1, Some(3)));
    assert!(ecs.running().await.iter().all(|task| task.started_by != old));
    assert_eq!(messages(&after)[0], "(service web) has reached a steady state.");
}

#[tokio::test(start_paused = true)]
async fn with_200_percent_all_new_tasks_start_before_an_old_one_stops() {
    // DeploymentConfiguration.maximumPercent: with four tasks and 200 % "the scheduler may start four new tasks before stopping the four older".
    let ecs = Ecs::start().await;
    ecs.steady(web(4)).await;
    ecs.deploy("slow").await;
    ecs.pass(20).await;
    let during = ecs.web().await;
    assert_eq!((during.running_count, during.pending_count), (Some(4), Some(4)));
    assert!(ecs.tasks(DesiredStatus::Stopped).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn with_50_and_100_percent_two_of_four_stop_first() {
    // DeploymentConfiguration.minimumHealthyPercent: with four tasks and 50 % "the service scheduler may stop two existing tasks … before starting two
    // new tasks".
    let ecs = Ecs::start().await;
    ecs.steady(CreateServiceRequest { deployment_configuration: Some(percentages(50, 100)), ..web(4) }).await;
    ecs.deploy("slow").await;
    ecs.pass(20).await;
    let during = ecs.web().await;
    assert_eq!((during.running_count, during.pending_count), (Some(2), Some(2)));
    ecs.pass(120).await;
    assert_eq!((ecs.web().await.running_count, deployments(&ecs.web().await).len()), (Some(4), 1));
}

#[tokio::test(start_paused = true)]
async fn the_same_task_definition_is_deployed_again_only_by_force() {
    let ecs = Ecs::start().await;
    let before = ecs.steady(web(1)).await;
    let again = ecs.deploy("good").await;
    assert_eq!(deployments(&again)[0].id, deployments(&before)[0].id);
    let request = UpdateServiceRequest { force_new_deployment: Some(true), ..UpdateServiceRequest::default() };
    let forced = ecs.update(request).await.unwrap();
    assert_ne!(deployments(&forced)[0].id, deployments(&before)[0].id);
}

#[tokio::test(start_paused = true)]
async fn bounds_that_allow_no_step_are_told_once() {
    // "Viewing Amazon ECS service event messages": 75 % of two tasks is two, 125 % of two is two.
    let ecs = Ecs::start().await;
    ecs.steady(CreateServiceRequest { deployment_configuration: Some(percentages(75, 125)), ..web(2) }).await;
    ecs.deploy("slow").await;
    ecs.pass(60).await;
    let told = messages(&ecs.web().await);
    let stuck = "(service web) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
    assert_eq!(told.iter().filter(|message| *message == stuck).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_goes_on_after_a_restart() {
    let ecs = Ecs::start().await;
    ecs.steady(web(3)).await;
    let updated = ecs.deploy("slow").await;
    ecs.pass(10).await;
    let ecs = ecs.restarted().await;
    ecs.pass(120).await;
    let after = ecs.web().await;
    assert_eq!((deployments(&after).len(), after.running_count), (1, Some(3)));
    assert_eq!(deployments(&after)[0].id, deployments(&updated)[0].id);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_takes_over_from_one_that_is_not_finished() {
    let ecs = Ecs::start().await;
    ecs.steady(web(2)).await;
    ecs.deploy("slow").await;
    ecs.pass(5).await;
    ecs.update(UpdateServiceRequest { task_definition: Some("good".to_owned()), ..UpdateServiceRequest::default() }).await.unwrap();
    ecs.pass(120).await;
    let after = ecs.web().await;
    assert_eq!((deployments(&after).len(), after.running_count, after.pending_count), (1, Some(2), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn at_every_instant_of_an_update_the_percentages_hold() {
    // DeploymentConfiguration, of four tasks with 50 % and 150 %: at least two RUNNING, at most six RUNNING or PENDING.
    let ecs = Ecs::start().await;
    ecs.steady(CreateServiceRequest { deployment_configuration: Some(percentages(50, 150)), ..web(4) }).await;
    let mut states: HashMap<String, String> = HashMap::new();
    for task in ecs.running().await {
        states.insert(task.task_arn.unwrap(), task.last_status.unwrap());
    }
    let mut changes = ecs.engine.task_changes();
    let watched = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(TaskChange::Changed(task)) = changes.next().await {
            states.insert(task.task_arn.unwrap(), task.last_status.unwrap());
            let count = |wanted: &[&str]| states.values().filter(|state| wanted.contains(&state.as_str())).count();
            seen.push((count(&["RUNNING"]), count(&["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"])));
        }
        seen
    });
    ecs.deploy("slow").await;
    ecs.pass(300).await;
    assert_eq!(deployments(&ecs.web().await).len(), 1);
    ecs.engine.shutdown().await;
    drop(ecs);
    let seen = watched.await.unwrap();
    assert!(seen.len() > 8, "every task changed: {seen:?}");
    assert!(seen.iter().all(|(running, all)| *running >= 2 && *all <= 6), "{seen:?}");
}
