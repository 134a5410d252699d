//! A manager on the cluster of this run, and containers that do something there.

use std::env;
use std::time::Duration;

use kecs_core::TaskId;
use kecs_core::testing::ContainerBuilder;
use kecs_core::testing::task_manager::{Harness, Missing, Program, RestartHarness};
use kecs_k8s::{KubernetesConfig, KubernetesTasks};

/// An image that the test cluster has, and pulls from nowhere.
pub(crate) const BUSYBOX: &str = "docker.io/library/busybox:1";

/// A control plane with a prefix of its own, so that tests do not see each other's pods.
pub(crate) struct OnCluster {
    config: KubernetesConfig,
    tasks: KubernetesTasks,
}

pub(crate) fn is_there() -> bool {
    env::var_os("KECS_TEST_CLUSTER").is_some()
}

impl OnCluster {
    pub(crate) async fn with(change: impl FnOnce(&mut KubernetesConfig)) -> Self {
        let mut config = KubernetesConfig::default();
        config.prefix = format!("t{}", &TaskId::random().to_string()[..12]);
        config.image_pull_policy = Some("IfNotPresent".to_owned());
        change(&mut config);
        let tasks = KubernetesTasks::connect(config.clone()).await.expect("the run says how to reach its cluster");
        Self { config, tasks }
    }
}

/// A shell in a container that ends when it is told to.
pub(crate) fn shell(line: impl Into<String>) -> Program {
    let line = format!("trap 'exit 143' TERM; {}", line.into());
    Program::new(move |container| busybox(container).command(["sh".to_owned(), "-c".to_owned(), line]))
}

pub(crate) fn busybox(container: ContainerBuilder) -> ContainerBuilder {
    container.with(|container| BUSYBOX.clone_into(&mut container.image))
}

impl Harness for OnCluster {
    type Backend = KubernetesTasks;

    async fn start() -> Result<Self, Missing> {
        if !is_there() {
            return Err(Missing("KECS_TEST_CLUSTER does not say that there is a cluster".to_owned()));
        }
        Ok(Self::with(|_| ()).await)
    }

    fn is_required() -> bool {
        is_there() && env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| value == "1")
    }

    fn backend(&self) -> &KubernetesTasks {
        &self.tasks
    }

    fn sleeper(&self) -> Program {
        shell("sleep 600 & wait")
    }

    fn exits_after(&self, after: Duration, code: i32) -> Program {
        shell(format!("sleep {} & wait $!; exit {code}", after.as_secs_f64()))
    }

    fn ignores_sigterm(&self) -> Program {
        // The first process of a container has no default action upon a signal.
        Program::new(|container| busybox(container).command(["sleep", "600"]))
    }

    fn prints(&self, lines: &[&str]) -> Program {
        let words = lines.iter().map(|line| format!("'{line}'")).collect::<Vec<_>>().join(" ");
        shell(format!("printf '%s\\n' {words}"))
    }

    fn cannot_start(&self) -> Program {
        Program::new(|container| busybox(container).command(["/no/such/program"]))
    }

    fn checked(&self, healthy: bool) -> Program {
        let sleeper = self.sleeper();
        Program::health_check(&[if healthy { "true" } else { "false" }]).and(|container| container.program(sleeper))
    }

    fn patience(&self) -> Duration {
        // A kubelet looks at its containers once a second, backs off for 10 s before a second restart, and knows one stop time-out for a
        // whole pod.
        Duration::from_secs(90)
    }
}

impl RestartHarness for OnCluster {
    async fn restart(self, pause: Duration) -> Self {
        let Self { config, tasks } = self;
        drop(tasks);
        tokio::time::sleep(pause).await;
        let tasks = KubernetesTasks::connect(config.clone()).await.expect("the cluster is still there");
        Self { config, tasks }
    }
}
