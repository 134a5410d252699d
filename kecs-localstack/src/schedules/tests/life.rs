//! When schedules run, and when no more.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use kecs_core::{Clock, TokioClock};
use kecs_model::Timestamp;
use serde_json::{Value, json};

use super::world::{BEGIN, Cloud, World, schedule, time};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// "A one-time schedule … invokes a target only once, at the time and in the time zone, that you specify." Noon in Tokyo is at 3:00 UTC.
#[tokio::test(start_paused = true)]
async fn a_one_time_schedule_runs_once_on_the_clocks_of_its_zone() {
    let mut world = World::new();
    world.create(&schedule("at(2026-01-01T12:00:30)", json!({ "ScheduleExpressionTimezone": "Asia/Tokyo" }))).await;
    assert_eq!(world.runs_within(30 * DAY).await, [3 * 3600 + 30]);
    assert!(world.has_nightly());
}

/// "If you do not provide a StartDate for a rate-based schedule, your schedule starts invoking the target immediately."
#[tokio::test(start_paused = true)]
async fn a_rate_runs_at_once_and_then_at_its_rate() {
    let mut world = World::new();
    world.create(&schedule("rate(5 minutes)", json!({}))).await;
    assert_eq!(world.runs_within(11 * MINUTE).await, [0, 300, 600]);
}

#[tokio::test(start_paused = true)]
async fn a_cron_expression_runs_by_the_calendar() {
    let mut world = World::new();
    world.create(&schedule("cron(0 10 ? * MON *)", json!({}))).await;
    // The fifth and the twelfth.
    assert_eq!(world.runs_within(14 * DAY).await, [(4 * 24 + 10) * 3600, (11 * 24 + 10) * 3600]);
}

/// "Depending on the schedule's recurrence expression, invocations might occur on, or after, the StartDate", and "stop on, or before, the EndDate".
#[tokio::test(start_paused = true)]
async fn recurring_schedules_run_from_their_start_to_their_end() {
    let (start, end) = (time(BEGIN).as_millis() / 1000 + 3600, time(BEGIN).as_millis() / 1000 + 3 * 3600);
    for expression in ["rate(1 hour)", "cron(0 * * * ? *)"] {
        let mut world = World::new();
        world.create(&schedule(expression, json!({ "StartDate": start, "EndDate": end }))).await;
        assert_eq!(world.runs_within(DAY).await, [3600, 7200, 10800], "{expression}");
        assert!(world.has_nightly());
    }
}

/// "EventBridge Scheduler ignores StartDate for one-time schedules", and EndDate.
#[tokio::test(start_paused = true)]
async fn one_time_schedules_have_no_start_and_no_end() {
    let mut world = World::new();
    let dates = json!({ "StartDate": "2027-01-01T00:00:00Z", "EndDate": "2028-01-01T00:00:00Z" });
    world.create(&schedule("at(2026-01-01T01:00:00)", dates)).await;
    assert_eq!(world.runs_within(DAY).await, [3600]);
}

/// "Your schedule is deleted after the schedule has invoked its target once", or "after the last invocation".
#[tokio::test(start_paused = true)]
async fn a_completed_schedule_is_deleted_if_it_says_so() {
    let end = time(BEGIN).as_millis() / 1000 + 7200;
    for (expression, runs) in [("at(2026-01-01T02:00:00)", vec![7200]), ("rate(1 hour)", vec![0, 3600, 7200])] {
        let mut world = World::new();
        world.create(&schedule(expression, json!({ "ActionAfterCompletion": "DELETE", "EndDate": end }))).await;
        world.until(HOUR).await;
        assert!(world.has_nightly(), "{expression}");
        assert_eq!(world.runs_within(DAY).await, runs, "{expression}");
        assert!(!world.has_nightly(), "{expression}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_schedule_runs_once_it_is_enabled() {
    let mut world = World::new();
    world.create(&schedule("rate(1 hour)", json!({ "State": "DISABLED" }))).await;
    assert!(world.runs_within(10 * MINUTE).await.is_empty());
    world.call(Method::PUT, "/schedules/nightly", &schedule("rate(1 hour)", json!({ "State": "ENABLED" }))).await;
    assert_eq!(world.runs_within(HOUR + MINUTE).await, [600, 4200]);
}

#[tokio::test(start_paused = true)]
async fn an_update_moves_a_schedule_and_one_of_something_else_does_not() {
    let mut world = World::new();
    world.create(&schedule("rate(1 hour)", json!({}))).await;
    world.until(10 * MINUTE).await;
    world.call(Method::PUT, "/schedules/nightly", &schedule("rate(1 hour)", json!({ "Description": "as before" }))).await;
    world.until(70 * MINUTE).await;
    world.call(Method::PUT, "/schedules/nightly", &schedule("at(2026-01-01T05:00:00)", json!({}))).await;
    assert_eq!(world.runs_within(DAY).await, [0, 3600, 5 * 3600]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_is_deleted_with_its_group_or_by_itself_runs_no_more() {
    for (body, path) in [
        (json!({}), "/schedules/nightly"),
        (json!({ "GroupName": "reports" }), "/schedules/nightly?groupName=reports"),
        (json!({ "GroupName": "reports" }), "/schedule-groups/reports"),
    ] {
        let mut world = World::new();
        world.create(&schedule("rate(1 hour)", body)).await;
        world.until(MINUTE).await;
        world.call(Method::DELETE, path, &json!({})).await;
        assert_eq!(world.runs_within(DAY).await, [0], "{path}");
        // Nor is it asked for any more.
        assert_eq!(world.cloud.calls.lock().unwrap().last().unwrap(), &format!("DELETE {path}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_another_target_is_left_to_the_backend() {
    let mut world = World::new();
    let queue = json!({ "Target": { "Arn": "arn:aws:sqs:eu-west-1:123456789012:mine" }, "ScheduleExpression": "whatever" });
    world.create(&queue).await;
    let stored = world.cloud.schedules.lock().unwrap()["default/nightly"].clone();
    assert_eq!((&stored["Target"], &stored["ScheduleExpression"]), (&queue["Target"], &queue["ScheduleExpression"]));
    assert!(world.runs_within(DAY).await.is_empty());
    // And one that becomes such a schedule runs no more.
    world.call(Method::PUT, "/schedules/nightly", &schedule("rate(1 hour)", json!({}))).await;
    assert_eq!(world.runs_within(MINUTE).await.len(), 1);
    world.call(Method::PUT, "/schedules/nightly", &queue).await;
    assert!(world.runs_within(DAY).await.is_empty());
}

/// As when LocalStack was started again, or a stack was deleted: it tells nobody.
#[tokio::test(start_paused = true)]
async fn a_schedule_that_the_backend_lost_does_not_run() {
    let mut world = World::new();
    world.create(&schedule("rate(1 hour)", json!({}))).await;
    world.until(MINUTE).await;
    world.cloud.schedules.lock().unwrap().clear();
    assert_eq!(world.runs_within(DAY).await, [0]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_was_changed_elsewhere_runs_as_it_is_now() {
    let mut world = World::new();
    world.create(&schedule("at(2026-01-01T01:00:00)", json!({}))).await;
    let now = schedule("at(2026-01-01T02:00:00)", json!({}));
    world.cloud.schedules.lock().unwrap().insert("default/nightly".to_owned(), now);
    assert_eq!(world.runs_within(DAY).await, [7200]);
}

/// CloudFormation makes and changes schedules inside of the backend; all that passes are its own calls. A schedule is due from when it was made.
#[tokio::test(start_paused = true)]
async fn what_a_stack_makes_or_changes_is_noticed_after_a_call_of_cloudformation() {
    let mut world = World::new();
    let begin = time(BEGIN).as_millis() / 1000;
    let store = |expression: &str, at: i64| {
        let schedule = schedule(expression, json!({ "CreationDate": begin + 600, "LastModificationDate": begin + at }));
        world.cloud.schedules.lock().unwrap().insert("default/nightly".to_owned(), schedule);
    };
    world.until(11 * MINUTE).await;
    store("rate(1 hour)", 600);
    world.ask_for_stacks().await;
    world.until(90 * MINUTE).await;
    store("at(2026-01-01T02:00:00)", 5400);
    world.ask_for_stacks().await;
    assert_eq!(world.runs_within(DAY).await, [661, 4200, 7200]);
}

fn stored(schedules: &[(&str, &str)]) -> Arc<Cloud> {
    let cloud = Cloud::default();
    let created = time(BEGIN).as_millis() / 1000 - 90 * 60;
    for (name, expression) in schedules {
        let schedule = schedule(expression, json!({ "CreationDate": created }));
        cloud.schedules.lock().unwrap().insert(format!("reports/{name}"), schedule);
    }
    Arc::new(cloud)
}

/// What recurs is not made up for, and a rate keeps its rhythm: from 22:30 on, every hour. What is due once runs within the day that AWS would try it.
#[tokio::test(start_paused = true)]
async fn schedules_from_before_a_restart_go_on() {
    let schedules = [
        ("rate", "rate(1 hour)"),
        ("cron", "cron(50 23,1 * * ? *)"),
        ("missed", "at(2025-12-31T23:00:00)"),
        ("forgotten", "at(2025-12-30T23:00:00)"),
        ("coming", "at(2026-01-01T01:00:00)"),
    ];
    let mut world = World::with(stored(&schedules), Arc::new(TokioClock::starting_at(time(BEGIN))));
    let mut runs = Vec::new();
    while let Some(run) = world.run_within(40 * MINUTE).await {
        runs.push((run.after.as_secs() / 60, run.request.started_by.unwrap()));
        if runs.len() == 5 {
            break;
        }
    }
    let expected = [(0, "missed"), (30, "rate"), (60, "coming"), (90, "rate"), (110, "cron")];
    assert_eq!(runs, expected.map(|(minutes, name)| (minutes, format!("chronos-schedule/{name}"))));
}

/// ECS knows by its token what it ran already.
#[tokio::test(start_paused = true)]
async fn the_same_time_of_a_schedule_has_the_same_token_after_a_restart() {
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let clock = Arc::new(TokioClock::starting_at(time(BEGIN)));
        let mut world = World::with(stored(&[("missed", "at(2025-12-31T23:00:00)")]), clock);
        tokens.push(world.run_within(MINUTE).await.unwrap().request.client_token.unwrap());
    }
    assert_eq!(tokens[0], tokens[1]);
}

/// A clock that a test sets, as the time of a machine that was asleep.
#[derive(Debug)]
struct Wall(Mutex<Timestamp>);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_asleep_runs_what_was_due_once() {
    let wall = Arc::new(Wall(Mutex::new(time(BEGIN))));
    let mut world = World::with(Arc::default(), Arc::clone(&wall) as _);
    world.create(&schedule("cron(0 * * * ? *)", json!({ "Description": Value::Null }))).await;
    assert!(world.run_within(MINUTE / 2).await.is_some(), "at midnight");
    *wall.0.lock().unwrap() = time("2026-01-01T06:30:00Z");
    assert!(world.run_within(2 * MINUTE).await.is_some());
    assert!(world.run_within(2 * MINUTE).await.is_none());
}
