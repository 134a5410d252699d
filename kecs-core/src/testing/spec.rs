//! Specifications in one line: everything that a test does not speak of has ECS's default.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::task_spec::{
    Condition, ContainerSpec, Dependency, EnvValue, HealthCheck, HealthCommand, NamespaceMode, NetworkMode, PortMapping, Protocol,
    RestartPolicy,
};
use crate::{ClusterRef, Scope, TaskId, TaskRef, TaskSpec};

/// A new task of the cluster `cluster` in account 000000000000 and region us-east-1.
pub fn task_ref(cluster: &str) -> TaskRef {
    TaskRef { cluster: ClusterRef { scope: Scope::new("000000000000", "us-east-1"), name: cluster.into() }, id: TaskId::random() }
}

/// A new task of the cluster `default` with these containers, in network mode `host`.
pub fn spec(containers: impl IntoIterator<Item = ContainerBuilder>) -> TaskSpec {
    spec_for(task_ref("default"), containers)
}

/// The given task with these containers, in network mode `host`.
pub fn spec_for(task: TaskRef, containers: impl IntoIterator<Item = ContainerBuilder>) -> TaskSpec {
    let arn =
        format!("arn:aws:ecs:{}:{}:task/{}/{}", task.cluster.scope.region, task.cluster.scope.account, task.cluster.name, task.id);
    TaskSpec {
        task,
        arn: Arc::from(arn),
        family: Arc::from("test"),
        revision: 1,
        group: Arc::from("family:test"),
        instance: None,
        role: None,
        cpu: None,
        memory: None,
        network_mode: NetworkMode::Host,
        pid_mode: NamespaceMode::Default,
        ipc_mode: NamespaceMode::Default,
        platform: None,
        ephemeral_storage: None,
        volumes: Vec::new(),
        containers: containers.into_iter().map(ContainerBuilder::build).collect(),
        tags: BTreeMap::new(),
    }
}

/// An essential container called `name`, with neither command nor entry point.
pub fn container(name: impl Into<String>) -> ContainerBuilder {
    ContainerBuilder(ContainerSpec::new(name, "test"))
}

/// A container of a test. Whatever has no method here is reached with [`with`](Self::with).
#[derive(Clone, Debug)]
pub struct ContainerBuilder(ContainerSpec);

impl ContainerBuilder {
    /// The specification.
    pub fn build(self) -> ContainerSpec {
        self.0
    }

    /// Changes anything.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut ContainerSpec)) -> Self {
        change(&mut self.0);
        self
    }

    /// The words of its command line.
    #[must_use]
    pub fn command<S: Into<String>>(self, words: impl IntoIterator<Item = S>) -> Self {
        self.with(|spec| spec.command = Some(words.into_iter().map(Into::into).collect()))
    }

    /// Whether the task ends with it.
    #[must_use]
    pub fn essential(self, essential: bool) -> Self {
        self.with(|spec| spec.essential = essential)
    }

    /// One more dependency.
    #[must_use]
    pub fn depends_on(self, container: &str, condition: Condition) -> Self {
        self.with(|spec| spec.depends_on.push(Dependency { container: container.to_owned(), condition }))
    }

    /// How long others wait for it.
    #[must_use]
    pub fn start_timeout(self, timeout: Duration) -> Self {
        self.with(|spec| spec.start_timeout = Some(timeout))
    }

    /// From SIGTERM to SIGKILL.
    #[must_use]
    pub fn stop_timeout(self, timeout: Duration) -> Self {
        self.with(|spec| spec.stop_timeout = timeout)
    }

    /// Restarts in place, with these exit codes ignored.
    #[must_use]
    pub fn restarts(self, attempt_period: Duration, ignored_exit_codes: &[i32]) -> Self {
        self.with(|spec| spec.restart = Some(RestartPolicy { ignored_exit_codes: ignored_exit_codes.to_vec(), attempt_period }))
    }

    /// A health check with this interval, 3 retries and no start period.
    #[must_use]
    pub fn health_check(self, command: HealthCommand, interval: Duration) -> Self {
        let check = HealthCheck { command, interval, timeout: Duration::from_secs(5), retries: 3, start_period: Duration::ZERO };
        self.with(|spec| spec.health_check = Some(check))
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.with(|spec| spec.environment.push((name.to_owned(), EnvValue::Plain(value.into()))))
    }

    /// One more Docker label.
    #[must_use]
    pub fn label(self, name: &str, value: &str) -> Self {
        self.with(|spec| {
            spec.labels.insert(name.to_owned(), value.to_owned());
        })
    }

    /// One more TCP port; `host` is `None` for one that the backend chooses.
    #[must_use]
    pub fn port(self, port: u16, host: Option<u16>) -> Self {
        self.with(|spec| {
            spec.ports.push(PortMapping {
                name: None,
                container_port: port,
                container_port_end: None,
                host_port: host,
                protocol: Protocol::Tcp,
                app_protocol: None,
            });
        })
    }
}
