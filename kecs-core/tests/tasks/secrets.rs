//! Secrets: what becomes of a task without them, and where their values are found.

use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{ClusterRef, MemoryStore, SecretError, SecretRef, SecretSource, SecretValue, StateStore, TaskManager, Traced};
use kecs_model::ecs::TaskStopCode;
use serde_json::json;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::ecs::{Ecs, Parts, clock};

const CANARY: &str = "canary-4711";
/// A plain value of an environment variable, which users make secret too.
const PLAIN: &str = "canary-plain-4712";

/// Knows `/app/password`.
#[derive(Debug)]
struct Source;

#[async_trait]
impl SecretSource for Source {
    fn handles(&self, reference: &SecretRef) -> bool {
        matches!(reference, SecretRef::SsmParameter { .. })
    }

    async fn resolve(&self, _: &ClusterRef, reference: &SecretRef) -> Result<SecretValue, SecretError> {
        match reference {
            SecretRef::SsmParameter { name } if name == "/app/password" => Ok(SecretValue::new(CANARY.to_owned())),
            _ => Err(SecretError::NotFound { message: "invalid ssm parameters: /app/nope".to_owned() }),
        }
    }
}

/// Registers `secret`, whose container has this parameter as a secret.
async fn register(ecs: &Ecs, parameter: &str) {
    ecs.register(json!({
        "family": "secret",
        "executionRoleArn": "arn:aws:iam::000000000000:role/pull",
        "containerDefinitions": [{
            "name": "web", "image": "app:1", "memory": 128,
            "environment": [{ "name": "PLAIN", "value": PLAIN }],
            "secrets": [{ "name": "PASSWORD", "valueFrom": parameter }],
        }],
    }))
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_secret_is_not_there_does_not_start() {
    let backend = MemoryTaskManager::builder().clock(clock()).build();
    let tasks = Arc::new(backend.clone());
    let ecs = Ecs::with(Parts { tasks, secrets: vec![Arc::new(Source)], ..Parts::default() }).await;
    register(&ecs, "/app/nope").await;
    let stopped = ecs.when("STOPPED");
    ecs.run(json!({ "taskDefinition": "secret" })).await;
    let task = stopped.await;
    assert_eq!(task.stop_code, Some(TaskStopCode::TaskFailedToStart));
    // As Fargate has it (aws/copilot-cli#4504), with the words for parameters that are not there, which users quote.
    let text = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /app/nope";
    assert_eq!(task.stopped_reason.as_deref(), Some(text));
    assert_eq!(backend.task_count(), 0);
}

/// What was written to the log.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_secrets_value_is_in_no_log_no_state_and_no_debug_text() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // The engine's own tasks are spawned: they log to the default of this thread, on which all of them run.
    let _guard = tracing::subscriber::set_default(subscriber);
    let seen = async {
        let backend = MemoryTaskManager::builder().clock(clock()).build();
        let store = Arc::new(MemoryStore::new());
        let ecs = Ecs::with(Parts {
            tasks: Arc::new(Traced::new(backend.clone())),
            store: Arc::new(Traced::new(Arc::clone(&store))),
            secrets: vec![Arc::new(Source)],
            ..Parts::default()
        })
        .await;
        register(&ecs, "/app/password").await;
        let task = ecs.running(json!({ "taskDefinition": "secret" })).await;
        let observed = backend.observe_task(&ecs.task_ref(&task)).await.unwrap();
        ecs.stopped(&task).await;
        let stored: Vec<String> = store
            .scan("", None, 10_000)
            .await
            .unwrap()
            .iter()
            .map(|entry| format!("{} {}", entry.key, String::from_utf8_lossy(&entry.value.value)))
            .collect();
        let debug = format!("{:?} {task:?} {observed:?} {backend:?} {store:?}", ecs.engine);
        (stored, debug)
    };
    let (stored, debug) = seen.with_current_subscriber().await;
    let log = written.text();
    assert!(log.contains("ensure_task") && log.contains("commit"), "the log was listened to: {log}");
    assert!(stored.iter().any(|entry| entry.contains(PLAIN)), "a definition's plain values are state");
    for entry in &stored {
        assert!(!entry.contains(CANARY), "{entry}");
    }
    for told in [&log, &debug] {
        assert!(!told.contains(CANARY) && !told.contains(PLAIN), "{told}");
    }
}
