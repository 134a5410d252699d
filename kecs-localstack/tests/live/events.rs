//! ECS's events on LocalStack's EventBridge. moto's delivers to no queue.

use std::sync::Arc;
use std::time::Duration;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore, OneBackend};
use kecs_localstack::{AwsClient, Caller, EventBridge};
use kecs_model::RequestContext;
use kecs_model::ecs::{ContainerDefinition, CreateClusterRequest, EcsApi, RegisterTaskDefinitionRequest, RunTaskRequest};
use serde_json::{Value, json};

use crate::support::{Emulator, unique};

/// How long anything but a schedule may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A caller in a region of a test's own, since there is one queue of targets a region.
pub(crate) fn caller(emulator: &Emulator, region: &str) -> Caller {
    Caller::new(emulator.caller().account, region)
}

/// An engine with a cluster and a task definition `app`, for this caller.
pub(crate) async fn engine(caller: &Caller) -> (Arc<Engine>, RequestContext) {
    let config = EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::new(MemoryStore::new()));
    let engine = Engine::start(config).await.unwrap();
    let (account, region) = (Arc::clone(&caller.account), Arc::clone(&caller.region));
    let ctx = RequestContext { account, region, ..RequestContext::local() };
    engine.create_cluster(&ctx, CreateClusterRequest::default()).await.unwrap();
    let container = ContainerDefinition {
        name: Some("app".to_owned()),
        image: Some("app".to_owned()),
        memory: Some(64),
        ..ContainerDefinition::default()
    };
    let definition = RegisterTaskDefinitionRequest {
        family: Some("app".to_owned()),
        container_definitions: Some(vec![container]),
        ..RegisterTaskDefinitionRequest::default()
    };
    engine.register_task_definition(&ctx, definition).await.unwrap();
    (engine, ctx)
}

pub(crate) async fn call(client: &AwsClient, caller: &Caller, target: &'static str, input: Value) -> Value {
    let service = if target.starts_with("AmazonSQS") { "sqs" } else { "events" };
    client.json(caller, service, target, &input).await.unwrap()
}

/// Makes a stack of these resources, and waits until it is complete.
pub(crate) async fn stack(client: &AwsClient, caller: &Caller, name: &str, resources: &Value) {
    let template = json!({ "Resources": resources }).to_string();
    let made = [("StackName", name), ("TemplateBody", &template)];
    client.query(caller, "cloudformation", "2010-05-15", "CreateStack", &made).await.unwrap();
    tokio::time::timeout(PATIENCE, async {
        loop {
            let told =
                client.query(caller, "cloudformation", "2010-05-15", "DescribeStacks", &[("StackName", name)]).await.unwrap();
            if told.contains("<StackStatus>CREATE_COMPLETE</StackStatus>") {
                return;
            }
            assert!(told.contains("<StackStatus>CREATE_IN_PROGRESS</StackStatus>"), "{}", *told);
        }
    })
    .await
    .expect("the stack is complete");
}

/// "AWS service event metadata": a rule on the default bus sees the events of its account and region.
#[tokio::test]
async fn a_rule_with_a_queue_sees_what_happens_to_a_task() {
    let test = concat!(module_path!(), "::a_rule_with_a_queue_sees_what_happens_to_a_task");
    let Some(emulator) = Emulator::localstack(test) else { return };
    let (client, name, caller) = (emulator.client(), unique("rule"), &caller(emulator, "us-east-1"));
    let queue = call(&client, caller, "AmazonSQS.CreateQueue", json!({ "QueueName": name })).await["QueueUrl"].clone();
    let (engine, ctx) = engine(caller).await;
    let pattern = json!({ "source": ["aws.ecs"], "detail-type": ["ECS Task State Change"], "detail": { "group": [name] } });
    call(&client, caller, "AWSEvents.PutRule", json!({ "Name": name, "EventPattern": pattern.to_string() })).await;
    let arn = format!("arn:aws:sqs:{}:{}:{name}", ctx.region, ctx.account);
    call(&client, caller, "AWSEvents.PutTargets", json!({ "Rule": name, "Targets": [{ "Id": "queue", "Arn": arn }] })).await;

    let bridge = EventBridge::new(Arc::new(OneBackend(emulator.backend())));
    let (delivering, events) = (bridge.clone(), engine.events());
    tokio::spawn(async move { delivering.deliver(events).await });
    let request = RunTaskRequest {
        task_definition: Some("app".to_owned()),
        group: Some(name.clone()),
        // Quotes must survive the way.
        reference_id: Some("said \"yes\"".to_owned()),
        ..RunTaskRequest::default()
    };
    let task = engine.run_task(&ctx, request).await.unwrap().tasks.unwrap().remove(0);
    let mut seen: Vec<Value> = Vec::new();
    let running = |seen: &[Value]| seen.iter().any(|event| event["detail"]["lastStatus"] == "RUNNING");
    tokio::time::timeout(PATIENCE, async {
        while !running(&seen) {
            let receive = json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 5 });
            let received = call(&client, caller, "AmazonSQS.ReceiveMessage", receive).await;
            for message in received["Messages"].as_array().into_iter().flatten() {
                seen.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
            }
        }
    })
    .await
    .unwrap();
    for event in &seen {
        assert_eq!(event["source"], "aws.ecs");
        assert_eq!((event["account"].as_str(), event["region"].as_str()), (Some(&*ctx.account), Some(&*ctx.region)));
        assert_eq!(event["resources"], json!([task.task_arn]));
        assert_eq!(event["id"].as_str().unwrap().len(), 36);
        let (time, updated_at) = (event["time"].as_str().unwrap(), event["detail"]["updatedAt"].as_str().unwrap());
        assert_eq!(time.get(..19), updated_at.get(..19));
    }
    assert_eq!(bridge.dropped(), 0);
}
