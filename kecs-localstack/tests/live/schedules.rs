//! Schedules whose target is a cluster, on LocalStack's EventBridge Scheduler, which stores them.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use kecs_core::{Clock, Engine, SystemClock};
use kecs_localstack::{AwsCallError, AwsClient, Caller, EcsSchedules};
use kecs_model::ecs::Task;
use serde_json::{Value, json};

use crate::events::{PATIENCE, caller, engine, stack};
use crate::support::Emulator;

/// A scheduler that runs tasks, an engine that has the task definition `app`, and who calls.
#[derive(Debug)]
struct World {
    client: AwsClient,
    engine: Arc<Engine>,
    caller: Caller,
}

impl World {
    async fn new(emulator: &'static Emulator, region: &str) -> Self {
        let caller = caller(emulator, region);
        let (engine, _) = engine(&caller).await;
        let (schedules, runner) = EcsSchedules::new(emulator.backend(), Arc::new(SystemClock));
        tokio::spawn(runner.run(Arc::clone(&engine) as _, engine.scopes()));
        Self { client: AwsClient::new(Arc::new(schedules)), engine, caller }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, AwsCallError> {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.client.rest(&self.caller, "scheduler", method, path, body).await?;
        Ok(serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap())
    }

    fn schedule(&self, expression: &str) -> Value {
        json!({
            "ScheduleExpression": expression, "FlexibleTimeWindow": { "Mode": "OFF" }, "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": self.caller.cluster_arn("default"), "RoleArn": format!("arn:aws:iam::{}:role/none", self.caller.account),
                "EcsParameters": { "TaskDefinitionArn": "app" },
                "Input": r#"{"containerOverrides":[{"name":"app","command":["report","<aws.scheduler.attempt-number>"]}]}"#,
            },
        })
    }

    async fn started_by(&self, name: &str) -> Task {
        let started_by = format!("chronos-schedule/{name}");
        let found = self.engine.task_when(move |task| task.started_by.as_ref() == Some(&started_by));
        tokio::time::timeout(PATIENCE, found).await.expect("the schedule runs its task").unwrap()
    }

    async fn is_gone(&self, name: &str) {
        tokio::time::timeout(PATIENCE, async {
            let path = format!("/schedules/{name}");
            while self.call(Method::GET, &path, &Value::Null).await.is_ok() {}
        })
        .await
        .expect("the schedule is deleted");
    }
}

/// `at(…)`, two seconds from now, in UTC.
fn soon() -> String {
    let soon = kecs_model::Timestamp::from_millis(SystemClock.now().as_millis() / 1000 * 1000 + 2000).to_string();
    format!("at({})", soon.trim_end_matches('Z'))
}

#[tokio::test]
async fn a_one_time_schedule_runs_its_task_and_is_deleted() {
    let test = concat!(module_path!(), "::a_one_time_schedule_runs_its_task_and_is_deleted");
    let Some(emulator) = Emulator::localstack(test) else { return };
    let world = World::new(emulator, "eu-west-2").await;
    let schedule = world.schedule(&soon());
    let (task, created) = tokio::join!(world.started_by("once"), world.call(Method::POST, "/schedules/once", &schedule));
    let arn = format!("arn:aws:scheduler:eu-west-2:{}:schedule/default/once", world.caller.account);
    assert_eq!(created.unwrap()["ScheduleArn"], arn);
    let command = task.overrides.unwrap().container_overrides.unwrap().remove(0).command;
    assert_eq!(command, Some(vec!["report".to_owned(), "1".to_owned()]));
    world.is_gone("once").await;
}

/// As after a restart of KECS: LocalStack has the schedules, and lists them in pages.
#[tokio::test]
async fn schedules_that_are_there_already_run() {
    let Some(emulator) = Emulator::localstack(concat!(module_path!(), "::schedules_that_are_there_already_run")) else { return };
    let before = World::new(emulator, "eu-west-3").await;
    before.call(Method::POST, "/schedule-groups/reports", &json!({})).await.unwrap();
    let mut schedule = before.schedule("at(2040-01-01T00:00:00)");
    schedule["GroupName"] = "reports".into();
    for number in 0..120 {
        before.call(Method::POST, &format!("/schedules/later-{number}"), &schedule).await.unwrap();
    }
    schedule["ScheduleExpression"] = soon().into();
    before.call(Method::POST, "/schedules/soon", &schedule).await.unwrap();
    // The runner of that world ends with its client, before the schedule is due.
    drop(before);
    let world = World::new(emulator, "eu-west-3").await;
    world.started_by("soon").await;
    world.call(Method::DELETE, "/schedule-groups/reports", &Value::Null).await.unwrap();
}

/// It is made inside of LocalStack, past KECS.
#[tokio::test]
async fn a_schedule_of_a_stack_runs_its_task() {
    let Some(emulator) = Emulator::localstack(concat!(module_path!(), "::a_schedule_of_a_stack_runs_its_task")) else { return };
    let world = World::new(emulator, "ap-south-1").await;
    let mut schedule = world.schedule("rate(1 hour)");
    schedule["Name"] = "stacked".into();
    schedule.as_object_mut().unwrap().remove("ActionAfterCompletion");
    let resources = json!({ "Stacked": { "Type": "AWS::Scheduler::Schedule", "Properties": schedule } });
    tokio::join!(world.started_by("stacked"), stack(&world.client, &world.caller, "with-a-schedule", &resources));
}

#[tokio::test]
async fn refused_expressions_have_the_form_that_localstack_gives_errors() {
    let test = concat!(module_path!(), "::refused_expressions_have_the_form_that_localstack_gives_errors");
    let Some(emulator) = Emulator::localstack(test) else { return };
    let world = World::new(emulator, "eu-north-1").await;
    let mut schedule = world.schedule("rate(1 minute s)");
    let ours = world.call(Method::POST, "/schedules/wrong", &schedule).await.unwrap_err().to_string();
    schedule["Target"]["Arn"] = "arn:aws:sqs:eu-north-1:111122223333:mine".into();
    let theirs = world.call(Method::POST, "/schedules/wrong", &schedule).await.unwrap_err().to_string();
    assert_eq!(
        (ours.as_str(), theirs.as_str()),
        ("ValidationException: Invalid Schedule Expression rate(1 minute s).", ours.as_str())
    );
}
