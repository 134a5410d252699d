//! The process backend keeps the contract of every backend.

use std::time::Duration;

use kecs_core::testing::ContainerBuilder;
use kecs_core::testing::task_manager::{Harness, Missing, Program, RestartHarness};
use kecs_embedded::ProcessTaskManager;

use crate::support::Host;

struct OnThisHost(Host);

fn shell(line: impl Into<String>) -> Program {
    let line = line.into();
    Program::new(move |container: ContainerBuilder| container.command(["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]))
}

impl Harness for OnThisHost {
    type Backend = ProcessTaskManager;

    async fn start() -> Result<Self, Missing> {
        Ok(Self(Host::new().await))
    }

    fn backend(&self) -> &ProcessTaskManager {
        self.0.tasks()
    }

    fn sleeper(&self) -> Program {
        shell("exec sleep 600")
    }

    fn exits_after(&self, after: Duration, code: i32) -> Program {
        shell(format!("sleep {}; exit {code}", after.as_secs_f64()))
    }

    fn ignores_sigterm(&self) -> Program {
        let ignores = shell("trap '' TERM; touch ignores; exec sleep 600");
        Program::health_check(&["test", "-e", "ignores"]).and(|container| container.program(ignores))
    }

    fn prints(&self, lines: &[&str]) -> Program {
        let words = lines.iter().map(|line| format!("'{line}'")).collect::<Vec<_>>().join(" ");
        shell(format!("printf '%s\\n' {words}"))
    }

    fn cannot_start(&self) -> Program {
        Program::new(|container| container.command(["/no/such/program"]))
    }

    fn checked(&self, healthy: bool) -> Program {
        Program::health_check(&[if healthy { "true" } else { "false" }]).and(|container| container.command(["sleep", "600"]))
    }
}

impl RestartHarness for OnThisHost {
    async fn restart(mut self, pause: Duration) -> Self {
        self.0.reopen_after(tokio::time::sleep(pause)).await;
        self
    }
}

kecs_core::task_manager_conformance!(OnThisHost, survives_restart);
