//! A `TaskManager` of one's own: here one that lets only trusted images run, and leaves the running to another.
//!
//! `cargo test --example custom_task_manager` holds it against the conformance kit, as any backend should be.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use async_trait::async_trait;
use futures::stream::BoxStream;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{
    BackendError, BackendHealth, ClusterRef, ContainerStats, ErrorKind, ExecCommand, ExecSession, HostStream, LogQuery,
    LogRouterConnection, LogStream, RoleRef, TaskCapabilities, TaskEvent, TaskManager, TaskObservation, TaskRef, TaskSpec,
};

/// Runs the tasks whose images all come from one registry; core stops the others with the reason given here.
#[derive(Debug)]
struct TrustedImages<T> {
    registry: String,
    inner: T,
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: TaskManager> TaskManager for TrustedImages<T> {
    fn capabilities(&self) -> TaskCapabilities {
        self.inner.capabilities()
    }

    fn health(&self) -> BackendHealth {
        self.inner.health()
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        match spec.containers.iter().find(|container| !container.image.starts_with(&self.registry)) {
            None => self.inner.ensure_task(spec).await,
            Some(container) => {
                let message = format!("CannotPullContainerError: image {} is not from {}", container.image, self.registry);
                Err(BackendError::new(ErrorKind::Invalid, message))
            }
        }
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.inner.stop_task(task).await
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.inner.forget_task(task).await
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        self.inner.observe_task(task).await
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        self.inner.list_tasks(cluster).await
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        self.inner.watch_tasks(cluster)
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        self.inner.logs(task, container, query).await
    }

    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        self.inner.exec(task, container, command).await
    }

    async fn stats(&self, task: &TaskRef) -> Result<Vec<ContainerStats>, BackendError> {
        self.inner.stats(task).await
    }

    async fn connect_log_router(&self, task: &TaskRef) -> Result<LogRouterConnection, BackendError> {
        self.inner.connect_log_router(task).await
    }

    async fn release_log_router(&self, task: &TaskRef) {
        self.inner.release_log_router(task).await;
    }

    fn watch_instances(&self) -> Option<HostStream> {
        self.inner.watch_instances()
    }

    async fn drain_instance(&self, instance: &str, drains: bool) -> Result<(), BackendError> {
        self.inner.drain_instance(instance, drains).await
    }

    async fn held_roles(&self) -> Result<Vec<RoleRef>, BackendError> {
        self.inner.held_roles().await
    }

    async fn release_role(&self, role: &RoleRef) -> Result<(), BackendError> {
        self.inner.release_role(role).await
    }
}

#[tokio::main]
async fn main() {
    let tasks = TrustedImages { registry: "registry.example/".to_owned(), inner: MemoryTaskManager::new() };
    for image in ["registry.example/app:1", "elsewhere/app:1"] {
        let container = kecs_core::testing::container("app").with(|container| image.clone_into(&mut container.image));
        match tasks.ensure_task(&kecs_core::testing::spec([container])).await {
            Ok(()) => println!("{image}: runs"),
            Err(error) => println!("{image}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kecs_core::testing::task_manager::{Harness, Missing, Program};

    use super::*;

    struct Trusted(TrustedImages<MemoryTaskManager>);

    /// Containers that do on this backend what the kit needs them to do.
    impl Harness for Trusted {
        type Backend = TrustedImages<MemoryTaskManager>;

        async fn start() -> Result<Self, Missing> {
            Ok(Self(TrustedImages { registry: String::new(), inner: MemoryTaskManager::new() }))
        }

        fn backend(&self) -> &Self::Backend {
            &self.0
        }

        fn sleeper(&self) -> Program {
            Program::new(|container| container)
        }

        fn exits_after(&self, after: Duration, code: i32) -> Program {
            let (after, code) = (format!("{}ms", after.as_millis()), code.to_string());
            Program::new(move |container| {
                container.label("kecs.io/memory.exit-after", &after).label("kecs.io/memory.exit-code", &code)
            })
        }

        fn ignores_sigterm(&self) -> Program {
            Program::new(|container| container.label("kecs.io/memory.ignore-sigterm", "true"))
        }

        fn prints(&self, lines: &[&str]) -> Program {
            let lines = lines.join("\n");
            Program::new(move |container| container.label("kecs.io/memory.log", &lines).label("kecs.io/memory.exit-code", "0"))
        }

        fn cannot_start(&self) -> Program {
            Program::new(|container| container.label("kecs.io/memory.start-failure", "CannotStartContainerError: no such program"))
        }

        fn checked(&self, healthy: bool) -> Program {
            let health = if healthy { "healthy" } else { "unhealthy" };
            Program::health_check(&[""]).and(move |container| container.label("kecs.io/memory.health", health))
        }
    }

    kecs_core::task_manager_conformance!(Trusted);
}
