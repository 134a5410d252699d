//! Many tasks at a time.

use std::time::{Duration, Instant};

use futures::future::join_all;
use kecs_model::ecs::{DescribeTasksRequest, EcsApi};
use serde_json::json;

use crate::ecs::{Ecs, arn};

/// How many of the tasks are in this state.
async fn count(ecs: &Ecs, tasks: &[String], status: &str) -> usize {
    let mut count = 0;
    for tasks in tasks.chunks(100) {
        let request = DescribeTasksRequest { tasks: Some(tasks.to_vec()), ..DescribeTasksRequest::default() };
        let tasks = ecs.engine.describe_tasks(&ecs.ctx, request).await.unwrap().tasks.unwrap();
        count += tasks.iter().filter(|task| task.last_status.as_deref() == Some(status)).count();
    }
    count
}

async fn run_many(ecs: &Ecs, tens: usize) -> Vec<String> {
    let runs = join_all((0..tens).map(|_| ecs.run(json!({ "count": 10 })))).await;
    runs.concat().iter().map(arn).collect()
}

#[tokio::test(start_paused = true)]
async fn two_thousand_tasks_that_start_at_once_all_run_and_stop_at_once() {
    let ecs = Ecs::start().await;
    let tasks = run_many(&ecs, 200).await;
    // Paused time goes on when there is nothing left to do.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(count(&ecs, &tasks, "RUNNING").await, 2000);
    join_all(tasks.iter().map(|task| ecs.try_stop(json!({ "task": task })))).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(count(&ecs, &tasks, "STOPPED").await, 2000);
}

/// The fastest of some rounds of RunTask, RUNNING, StopTask, STOPPED: what others do meanwhile on the machine only makes a round slower.
async fn round(ecs: &Ecs) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        let task = ecs.running(json!({})).await;
        ecs.stopped(&task).await;
        fastest = fastest.min(begun.elapsed());
    }
    fastest
}

#[tokio::test(start_paused = true)]
async fn a_task_costs_the_same_beside_ten_and_beside_ten_thousand() {
    let ecs = Ecs::start().await;
    run_many(&ecs, 1).await;
    let beside_ten = round(&ecs).await;
    run_many(&ecs, 999).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let beside_ten_thousand = round(&ecs).await;
    assert!(beside_ten_thousand < beside_ten * 10, "{beside_ten:?} beside 10, {beside_ten_thousand:?} beside 10,000");
}
