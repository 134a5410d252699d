//! The memory backend keeps the contract of every backend, and a traced one keeps what it wraps.

use std::time::Duration;

use kecs_core::Traced;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::testing::task_manager::{Harness, Missing, Program};

struct InMemory(Traced<MemoryTaskManager>);

fn labelled(labels: &[(&'static str, String)]) -> Program {
    let labels = labels.to_vec();
    Program::new(move |container| {
        labels.iter().fold(container, |container, (name, value)| container.label(&format!("kecs.io/memory.{name}"), value))
    })
}

impl Harness for InMemory {
    type Backend = Traced<MemoryTaskManager>;

    async fn start() -> Result<Self, Missing> {
        Ok(Self(Traced::new(MemoryTaskManager::new())))
    }

    fn backend(&self) -> &Traced<MemoryTaskManager> {
        &self.0
    }

    fn sleeper(&self) -> Program {
        labelled(&[])
    }

    fn exits_after(&self, after: Duration, code: i32) -> Program {
        labelled(&[("exit-after", format!("{}ms", after.as_millis())), ("exit-code", code.to_string())])
    }

    fn ignores_sigterm(&self) -> Program {
        labelled(&[("ignore-sigterm", true.to_string())])
    }

    fn prints(&self, lines: &[&str]) -> Program {
        labelled(&[("log", lines.join("\n")), ("exit-code", 0.to_string())])
    }

    fn cannot_start(&self) -> Program {
        labelled(&[("start-failure", "CannotStartContainerError: no such program".to_owned())])
    }

    fn checked(&self, healthy: bool) -> Program {
        let health = if healthy { "healthy" } else { "unhealthy" };
        Program::health_check(&["true"]).and(move |container| container.label("kecs.io/memory.health", health))
    }
}

kecs_core::task_manager_conformance!(InMemory);
