//! What `Traced` tells, and what it does not.

use std::io;
use std::sync::{Arc, Mutex};

use kecs_core::memory::MemoryTaskManager;
use kecs_core::testing::{container, spec};
use kecs_core::{MemoryStore, StateStore, TaskManager, Traced, Write};
use tracing::Level;
use tracing::instrument::WithSubscriber;

/// What was written to the log.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that is told while `work` is done.
async fn told_by(work: impl Future<Output = ()>) -> String {
    use tracing_subscriber::fmt::format::FmtSpan;
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    work.with_subscriber(subscriber).await;
    let bytes = written.0.lock().expect("no test panics with it").clone();
    String::from_utf8(bytes).expect("logs are UTF-8")
}

#[tokio::test]
async fn a_call_is_told_with_its_task_and_without_environment_values_and_commands() {
    let spec = spec([container("app").env("PASSWORD", "a-secret-value").command(["serve", "--token=another-secret"])]);
    let task = spec.task.clone();
    let told = told_by(async {
        Traced::new(MemoryTaskManager::new()).ensure_task(&spec).await.unwrap();
    });
    let told = told.await;
    assert!(told.contains("ensure_task") && told.contains(&task.id.to_string()), "{told}");
    assert!(!told.contains("secret"), "{told}");
}

#[tokio::test]
async fn an_error_is_told() {
    let task = spec([container("app")]);
    let told = told_by(async {
        let tasks = Traced::new(MemoryTaskManager::new());
        tasks.ensure_task(&task).await.unwrap();
        tasks.forget_task(&task.task).await.unwrap_err();
    });
    assert!(told.await.contains("has not ended"));
}

#[tokio::test]
async fn a_stored_value_is_not_told() {
    let told = told_by(async {
        Traced::new(MemoryStore::new()).commit(vec![Write::put("key", "a-secret-value")]).await.unwrap();
    });
    let told = told.await;
    assert!(told.contains("commit") && !told.contains("secret"), "{told}");
}
