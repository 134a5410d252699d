//! What goes to EventBridge, and when: on a scripted backend and tokio's paused time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{
    AwsHealth, AwsServiceBackend, BackendError, Body, Engine, EngineConfig, ErrorKind, EventNotice, MemoryStore, OneBackend,
    ServiceId,
};
use kecs_model::RequestContext;
use kecs_model::ecs::{ContainerDefinition, CreateClusterRequest, EcsApi, RegisterTaskDefinitionRequest, RunTaskRequest};
use serde_json::{Value, json};

use super::EventBridge;

/// Answers each PutEvents as the script says, then takes everything.
#[derive(Debug, Default)]
struct Scripted {
    ready: Mutex<bool>,
    script: Mutex<VecDeque<(u16, Value)>>,
    seen: Mutex<Vec<Vec<Value>>>,
}

impl Scripted {
    fn new(ready: bool, script: impl IntoIterator<Item = (u16, Value)>) -> Arc<Self> {
        let backend = Self::default();
        *backend.ready.lock().unwrap() = ready;
        backend.script.lock().unwrap().extend(script);
        Arc::new(backend)
    }

    fn calls(&self) -> Vec<Vec<Value>> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl AwsServiceBackend for Scripted {
    fn serves(&self, _: &ServiceId) -> bool {
        true
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(if *self.ready.lock().unwrap() { AwsHealth::Ready } else { AwsHealth::NotReady("starting".to_owned()) })
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        assert_eq!((service.as_str(), request.headers()["x-amz-target"].to_str().unwrap()), ("events", "AWSEvents.PutEvents"));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let input: Value = serde_json::from_slice(&body).unwrap();
        let entries = input["Entries"].as_array().unwrap().clone();
        let taken = json!({ "FailedEntryCount": 0, "Entries": vec![json!({ "EventId": "1" }); entries.len()] });
        self.seen.lock().unwrap().push(entries);
        let (status, answer) = self.script.lock().unwrap().pop_front().unwrap_or((200, taken));
        if status == 0 {
            return Err(BackendError::new(ErrorKind::Unavailable, "away"));
        }
        let body = Full::new(answer.to_string().into()).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().status(status).body(body).unwrap())
    }
}

/// An engine with a task definition `app`.
async fn engine() -> Arc<Engine> {
    let config = EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::new(MemoryStore::new()));
    let (engine, ctx) = (Engine::start(config).await.unwrap(), RequestContext::local());
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
    engine
}

async fn run(engine: &Engine, count: i32) {
    let request = RunTaskRequest { task_definition: Some("app".to_owned()), count: Some(count), ..RunTaskRequest::default() };
    engine.run_task(&RequestContext::local(), request).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
}

fn deliver(engine: &Engine, backend: &Arc<Scripted>) -> (EventBridge, tokio::task::JoinHandle<()>) {
    let bridge = EventBridge::new(Arc::new(OneBackend(Arc::clone(backend) as _)));
    let (work, events) = (bridge.clone(), engine.events());
    (bridge, tokio::spawn(async move { work.deliver(events).await }))
}

/// The id and version of what an entry tells of.
fn versions(entries: &[Value]) -> Vec<(String, u64)> {
    let of = |entry: &Value| {
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        (detail["taskArn"].as_str().unwrap().to_owned(), detail["version"].as_u64().unwrap())
    };
    entries.iter().map(of).collect()
}

/// The shape of PutEventsRequestEntry; no more than 10 entries a call.
#[tokio::test(start_paused = true)]
async fn events_go_out_in_order_ten_at_most_a_call() {
    let (engine, backend) = (engine().await, Scripted::new(true, []));
    let expected = engine.events();
    let (bridge, _work) = deliver(&engine, &backend);
    run(&engine, 10).await;
    let calls = backend.calls();
    assert!(calls.iter().all(|entries| (1..=10).contains(&entries.len())), "{:?}", calls.iter().map(Vec::len).collect::<Vec<_>>());
    let sent: Vec<_> = calls.concat();
    let first = &sent[0];
    assert_eq!((&first["Source"], &first["DetailType"]), (&json!("aws.ecs"), &json!("ECS Task State Change")));
    assert!(first["Time"].is_number() && first.get("EventBusName").is_none());
    let all: Vec<_> = expected
        .take(sent.len())
        .map(|notice| {
            let EventNotice::Event(event) = notice else { panic!("{notice:?}") };
            (event.resource.clone(), event.detail["version"].as_u64().unwrap())
        })
        .collect()
        .await;
    assert_eq!(versions(&sent), all);
    assert_eq!((bridge.delivered(), bridge.dropped()), (sent.len() as u64, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_sent_again_in_order_until_it_is() {
    let away = (0, Value::Null);
    let (engine, backend) = (engine().await, Scripted::new(true, [away.clone(), (503, json!({})), away]));
    let (bridge, _work) = deliver(&engine, &backend);
    run(&engine, 1).await;
    let calls = backend.calls();
    assert_eq!(versions(&calls[0]), versions(&calls[1])[..calls[0].len()]);
    let sent = versions(&calls[3..].concat());
    let counted: Vec<_> = sent.iter().map(|(_, version)| *version).collect();
    assert_eq!(counted, (1..=sent.len() as u64).collect::<Vec<_>>());
    assert_eq!((bridge.delivered(), bridge.dropped()), (sent.len() as u64, 0));
}

/// "…you can retry the failed entries" ("Handling failures with PutEvents").
#[tokio::test(start_paused = true)]
async fn of_a_call_only_the_entries_that_failed_are_sent_again() {
    let failed = json!({ "FailedEntryCount": 1, "Entries": [{ "ErrorCode": "InternalFailure", "ErrorMessage": "later" }] });
    let (engine, backend) = (engine().await, Scripted::new(true, [(200, failed)]));
    let (bridge, _work) = deliver(&engine, &backend);
    run(&engine, 1).await;
    let calls = backend.calls();
    assert_eq!(versions(&calls[0])[0], versions(&calls[1])[0]);
    assert_eq!(bridge.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_counted_and_not_sent_again() {
    let refused = json!({ "__type": "ValidationException", "message": "no" });
    let (engine, backend) = (engine().await, Scripted::new(true, [(400, refused)]));
    let (bridge, _work) = deliver(&engine, &backend);
    run(&engine, 1).await;
    let calls = backend.calls();
    assert_eq!(bridge.dropped(), calls[0].len() as u64);
    let sent = versions(&calls.concat());
    assert!(sent.iter().zip(1..).all(|((_, version), expected)| *version == expected), "none twice: {sent:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_or_kept_before_the_backend_is_ready() {
    let (engine, backend) = (engine().await, Scripted::new(false, []));
    let (bridge, _work) = deliver(&engine, &backend);
    run(&engine, 1).await;
    assert!(backend.calls().is_empty());
    *backend.ready.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_secs(5)).await;
    run(&engine, 1).await;
    let sent = versions(&backend.calls().concat());
    assert_eq!(sent[0].1, 1, "only of the second task");
    assert_eq!((bridge.delivered(), bridge.dropped()), (sent.len() as u64, 0));
}

#[tokio::test(start_paused = true)]
async fn while_the_backend_is_away_the_newest_thousand_wait() {
    let (engine, backend) = (engine().await, Scripted::new(true, std::iter::repeat_n((0, Value::Null), 6)));
    let (bridge, _work) = deliver(&engine, &backend);
    for _ in 0..40 {
        let request = RunTaskRequest { task_definition: Some("app".to_owned()), count: Some(10), ..RunTaskRequest::default() };
        engine.run_task(&RequestContext::local(), request).await.unwrap();
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(bridge.dropped() > 0);
    assert_eq!(bridge.delivered(), 1000);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_events_waits_for_what_was_not_sent() {
    let (engine, backend) = (engine().await, Scripted::new(true, [(0, Value::Null)]));
    let (bridge, work) = deliver(&engine, &backend);
    let request = RunTaskRequest { task_definition: Some("app".to_owned()), ..RunTaskRequest::default() };
    engine.run_task(&RequestContext::local(), request).await.unwrap();
    engine.shutdown().await;
    drop(engine);
    work.await.unwrap();
    assert!(bridge.delivered() > 0);
    assert!(backend.calls().len() > 1);
}
