//! Rules whose target is a cluster, on LocalStack's EventBridge.

use std::sync::Arc;
use std::time::Duration;

use kecs_core::Engine;
use kecs_localstack::{AwsClient, Caller, EcsTargets};
use kecs_model::ecs::Task;
use serde_json::{Value, json};

use crate::events::{PATIENCE, call, caller, engine, stack};
use crate::support::{Emulator, unique};

/// A target that is a cluster, through [`EcsTargets`]; the client that makes rules, and what runs their tasks.
async fn with_targets(emulator: &'static Emulator, caller: &Caller) -> (AwsClient, Arc<Engine>, Value) {
    let (engine, _) = engine(caller).await;
    let (targets, runner) = EcsTargets::new(emulator.backend());
    tokio::spawn(runner.run(Arc::clone(&engine) as _, engine.scopes()));
    let target = json!({
        "Id": "app", "Arn": caller.cluster_arn("default"), "RoleArn": format!("arn:aws:iam::{}:role/none", caller.account),
        "EcsParameters": { "TaskDefinitionArn": "app", "TaskCount": 1 },
    });
    (AwsClient::new(Arc::new(targets)), engine, target)
}

async fn started_by(engine: &Engine, started_by: String, patience: Duration) -> Task {
    let found = engine.task_when(move |task| task.started_by.as_ref() == Some(&started_by));
    tokio::time::timeout(patience, found).await.expect("the rule runs its task").unwrap()
}

#[tokio::test]
async fn a_rule_whose_target_is_a_cluster_runs_the_task_with_what_it_makes_of_the_event() {
    let test = concat!(module_path!(), "::a_rule_whose_target_is_a_cluster_runs_the_task_with_what_it_makes_of_the_event");
    let Some(emulator) = Emulator::localstack(test) else { return };
    let caller = &caller(emulator, "eu-west-1");
    let (client, engine, mut target) = with_targets(emulator, caller).await;
    let (rule, source) = ("uploaded", unique("source"));
    target["InputTransformer"] = json!({
        "InputPathsMap": { "bucket": "$.detail.bucket" },
        "InputTemplate": r#"{"containerOverrides":[{"name":"app","environment":[{"name":"BUCKET","value":<bucket>}]}]}"#,
    });
    call(&client, caller, "AWSEvents.PutRule", json!({ "Name": rule, "EventPattern": json!({ "source": [source] }).to_string() }))
        .await;
    let put = call(&client, caller, "AWSEvents.PutTargets", json!({ "Rule": rule, "Targets": [target] })).await;
    assert_eq!(put["FailedEntryCount"], 0);
    let listed = call(&client, caller, "AWSEvents.ListTargetsByRule", json!({ "Rule": rule })).await;
    assert_eq!(listed["Targets"], json!([target]));

    let running = started_by(&engine, format!("events-rule/{rule}"), PATIENCE);
    let entry = json!({ "Source": source, "DetailType": "Upload", "Detail": json!({ "bucket": "photos" }).to_string() });
    let (task, _) = tokio::join!(running, call(&client, caller, "AWSEvents.PutEvents", json!({ "Entries": [entry] })));
    let overrides = task.overrides.unwrap().container_overrides.unwrap();
    let variable = &overrides[0].environment.as_ref().unwrap()[0];
    assert_eq!((variable.name.as_deref(), variable.value.as_deref()), (Some("BUCKET"), Some("photos")));
}

/// Its target is put inside of LocalStack, past KECS.
#[tokio::test]
async fn a_rule_of_a_stack_runs_its_task() {
    let Some(emulator) = Emulator::localstack(concat!(module_path!(), "::a_rule_of_a_stack_runs_its_task")) else { return };
    let caller = &caller(emulator, "ap-southeast-1");
    let (client, engine, target) = with_targets(emulator, caller).await;
    let source = unique("source");
    let properties = json!({ "Name": "stacked", "EventPattern": { "source": [source] }, "Targets": [target] });
    let resources = json!({ "Stacked": { "Type": "AWS::Events::Rule", "Properties": properties } });
    stack(&client, caller, "with-a-rule", &resources).await;
    // It is taken over a second later. Until then the event finds LocalStack's own target, which does nothing.
    let running = started_by(&engine, "events-rule/stacked".to_owned(), PATIENCE);
    let entry = json!({ "Source": source, "DetailType": "Upload", "Detail": "{}" });
    let events = async {
        loop {
            call(&client, caller, "AWSEvents.PutEvents", json!({ "Entries": [entry] })).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        _ = running => {}
        () = events => {}
    }
}

#[tokio::test]
async fn a_schedule_runs_its_task() {
    let Some(emulator) = Emulator::localstack(concat!(module_path!(), "::a_schedule_runs_its_task")) else { return };
    let caller = &caller(emulator, "eu-central-1");
    let (client, engine, mut target) = with_targets(emulator, caller).await;
    let rule = "every-minute";
    target["Input"] = r#"{"containerOverrides":[{"name":"app","command":["report"]}]}"#.into();
    call(&client, caller, "AWSEvents.PutRule", json!({ "Name": rule, "ScheduleExpression": "rate(1 minute)" })).await;
    call(&client, caller, "AWSEvents.PutTargets", json!({ "Rule": rule, "Targets": [target] })).await;
    // LocalStack looks at its schedules once a minute.
    let task = started_by(&engine, format!("events-rule/{rule}"), Duration::from_secs(100)).await;
    assert_eq!(task.overrides.unwrap().container_overrides.unwrap()[0].command, Some(vec!["report".to_owned()]));
    call(&client, caller, "AWSEvents.RemoveTargets", json!({ "Rule": rule, "Ids": ["app"] })).await;
    call(&client, caller, "AWSEvents.DeleteRule", json!({ "Name": rule })).await;
}
