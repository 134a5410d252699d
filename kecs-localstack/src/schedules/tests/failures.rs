//! What becomes of invocations that fail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kecs_model::ApiError;
use kecs_model::ecs::{Failure, RunTaskResponse};
use serde_json::{Value, json};

use super::world::{CLUSTER, World, schedule};

const HOUR: Duration = Duration::from_hours(1);
const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:failed";

fn unplaced() -> RunTaskResponse {
    let failure = Failure { reason: Some("RESOURCE:MEMORY".to_owned()), ..Failure::default() };
    RunTaskResponse { failures: Some(vec![failure]), ..RunTaskResponse::default() }
}

/// A one-time schedule, due at once, with a dead-letter queue.
fn once(policy: &Value) -> Value {
    let target = json!({ "Input": "{\"at\":\"<aws.scheduler.scheduled-time>\"}", "RetryPolicy": policy, "DeadLetterConfig": { "Arn": QUEUE } });
    schedule("at(2026-01-01T00:00:00)", json!({ "Target": target, "ActionAfterCompletion": "DELETE" }))
}

/// The attributes of the only dead letter, but the execution's id.
fn letter(world: &World) -> Value {
    let letters = world.cloud.letters.lock().unwrap();
    let [letter] = &letters[..] else { panic!("there is one letter: {letters:?}") };
    assert_eq!(letter["QueueUrl"], "http://localhost/failed");
    assert_eq!(letter["MessageBody"], r#"{"at":"2026-01-01T00:00:00Z"}"#);
    let attributes = letter["MessageAttributes"].as_object().unwrap();
    let texts = attributes.iter().filter(|(name, _)| *name != "EXECUTION_ID");
    texts.map(|(name, value)| (name.clone(), value["StringValue"].clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_with_growing_pauses() {
    let mut world = World::new();
    world.answers.lock().unwrap().extend([Err(ApiError::server()), Ok(unplaced()), Ok(unplaced())]);
    world.create(&once(&json!({}))).await;
    assert_eq!(world.runs_within(HOUR).await, [0, 1, 3, 7]);
    assert!(world.cloud.letters.lock().unwrap().is_empty());
    assert!(!world.has_nightly());
}

/// ECS remembers a token with what it answered, also with no task.
#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_token_of_its_own() {
    let mut world = World::new();
    world.answers.lock().unwrap().push_back(Ok(unplaced()));
    world.create(&once(&json!({}))).await;
    let first = world.run_within(HOUR).await.unwrap().request.client_token;
    assert_ne!(world.run_within(HOUR).await.unwrap().request.client_token, first);
}

/// The attributes of "Configuring a schedule's dead-letter queue". "If all retries are exhausted … the schedule is deleted shortly after the last
/// unsuccessful attempt."
#[tokio::test(start_paused = true)]
async fn the_dead_letter_queue_is_told_when_the_attempts_are_used_up() {
    let mut world = World::new();
    world.answers.lock().unwrap().extend([Ok(unplaced()), Ok(unplaced()), Ok(unplaced())]);
    world.create(&once(&json!({ "MaximumRetryAttempts": 2 }))).await;
    assert_eq!(world.runs_within(HOUR).await, [0, 1, 3]);
    let expected = json!({
        "ERROR_CODE": "RunTaskFailure", "ERROR_MESSAGE": "RESOURCE:MEMORY", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false", "RETRY_ATTEMPTS": "2", "SCHEDULED_TIME": "2026-01-01T00:00:00Z",
        "SCHEDULE_ARN": "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly", "TARGET_ARN": CLUSTER,
    });
    assert_eq!(letter(&world), expected);
    assert!(!world.has_nightly());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_old_is_not_tried_again() {
    let mut world = World::new();
    world.answers.lock().unwrap().extend((0..20).map(|_| Ok(unplaced())));
    world.create(&once(&json!({ "MaximumEventAgeInSeconds": 60 }))).await;
    assert_eq!(world.runs_within(HOUR).await, [0, 1, 3, 7, 15, 31]);
    assert_eq!(letter(&world)["EXHAUSTED_RETRY_CONDITION"], "MaximumEventAgeInSeconds");
}

#[tokio::test(start_paused = true)]
async fn what_ecs_refuses_is_not_tried_again() {
    let mut world = World::new();
    world.answers.lock().unwrap().push_back(Err(ApiError::client("TaskDefinition not found.")));
    world.create(&once(&json!({}))).await;
    assert_eq!(world.runs_within(HOUR).await, [0]);
    let letter = letter(&world);
    assert_eq!((&letter["ERROR_CODE"], &letter["ERROR_MESSAGE"]), (&json!("ClientException"), &json!("TaskDefinition not found.")));
    assert_eq!((&letter["RETRY_ATTEMPTS"], letter.get("EXHAUSTED_RETRY_CONDITION")), (&json!("0"), None));
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_schedule() {
    let mut world = World::new();
    world.answers.lock().unwrap().extend((0..20).map(|_| Ok(unplaced())));
    world.create(&once(&json!({}))).await;
    world.until(Duration::from_secs(5)).await;
    world.call(http::Method::DELETE, "/schedules/nightly", &json!({})).await;
    assert_eq!(world.runs_within(HOUR).await, [0, 1, 3]);
    assert!(world.cloud.letters.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_one_time_schedule_that_is_due_while_the_backend_is_away_runs_when_it_is_back() {
    let mut world = World::new();
    world.create(&schedule("at(2026-01-01T01:00:00)", json!({}))).await;
    world.cloud.away.store(true, Ordering::Relaxed);
    world.until(HOUR + Duration::from_secs(10)).await;
    world.cloud.away.store(false, Ordering::Relaxed);
    assert_eq!(world.runs_within(HOUR).await, [3600 + 15]);
}

#[tokio::test(start_paused = true)]
async fn recurring_schedules_do_not_make_up_for_times_when_the_backend_is_away() {
    let mut world = World::new();
    world.create(&schedule("rate(1 minute)", json!({}))).await;
    world.until(Duration::from_secs(30)).await;
    world.cloud.away.store(true, Ordering::Relaxed);
    world.until(Duration::from_secs(3570)).await;
    world.cloud.away.store(false, Ordering::Relaxed);
    assert_eq!(world.runs_within(Duration::from_mins(2)).await, [0, 3600, 3660]);
    assert!(world.cloud.letters.lock().unwrap().is_empty());
}
