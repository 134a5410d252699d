//! A manager on the cluster of this run, and containers that do something there.

use std::collections::BTreeMap;
use std::env;
use std::io::Write;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, Pod, ResourceQuota, ResourceQuotaSpec, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kecs_core::task_spec::{EnvValue, NetworkMode};
use kecs_core::testing::task_manager::{Harness, Missing, Program, RestartHarness};
use kecs_core::testing::{ContainerBuilder, spec_for, task_ref};
use kecs_core::{
    BackendError, ContainerState, SecretValue, TaskEvent, TaskId, TaskManager, TaskObservation, TaskPhase, TaskRef, TaskSpec,
};
use kecs_k8s::{KubernetesConfig, KubernetesTaskManager};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, Config};
use serde_json::json;

/// An image that the test cluster has, and pulls from nowhere.
pub(crate) const BUSYBOX: &str = "docker.io/library/busybox:1";

const QUOTA: &str = "none";

/// A control plane with a prefix of its own, so that tests do not see each other's pods.
pub(crate) struct OnCluster {
    config: KubernetesConfig,
    tasks: KubernetesTaskManager,
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
        let tasks = KubernetesTaskManager::connect(config.clone()).await.expect("the run says how to reach its cluster");
        Self { config, tasks }
    }
}

/// `None`, said on the real standard error, where there is no cluster.
pub(crate) async fn cluster(test: &str) -> Option<OnCluster> {
    cluster_with(test, |_| ()).await
}

pub(crate) async fn cluster_with(test: &str, change: impl FnOnce(&mut KubernetesConfig)) -> Option<OnCluster> {
    if is_there() {
        return Some(OnCluster::with(change).await);
    }
    writeln!(std::io::stderr(), "skipped: {test}: KECS_TEST_CLUSTER does not say that there is a cluster").ok();
    None
}

/// A task of the cluster `default`, with an address of its own.
pub(crate) fn task(containers: impl IntoIterator<Item = ContainerBuilder>) -> TaskSpec {
    TaskSpec { network_mode: NetworkMode::AwsVpc, ..spec_for(task_ref("default"), containers) }
}

/// The first process runs this line, whatever else it does not do.
pub(crate) fn running(name: &str, line: &str) -> ContainerBuilder {
    kecs_core::testing::container(name).program(shell(line))
}

/// The same, with a secret in the variable `PASSWORD`.
pub(crate) fn with_password(name: &str, line: &str, password: &str) -> ContainerBuilder {
    let password = EnvValue::Secret(SecretValue::new(password.to_owned()));
    running(name, line).with(|container| container.environment.push(("PASSWORD".to_owned(), password)))
}

impl OnCluster {
    pub(crate) fn tasks(&self) -> &KubernetesTaskManager {
        &self.tasks
    }

    pub(crate) fn config(&self) -> &KubernetesConfig {
        &self.config
    }

    /// The cluster as an operator has it.
    pub(crate) async fn client() -> Client {
        Client::try_from(Config::infer().await.expect("the run says how to reach its cluster")).expect("it can be used")
    }

    /// The namespace of the tasks' cluster, once there is one.
    pub(crate) async fn namespace(&self) -> String {
        let namespaces: Api<Namespace> = Api::all(Self::client().await);
        let own = ListParams::default().labels(&format!("kecs.io/owner={}", self.config.prefix));
        let found = namespaces.list(&own).await.expect("namespaces can be listed").items;
        found.into_iter().find_map(|namespace| namespace.metadata.name).expect("a task was created")
    }

    pub(crate) async fn pods(&self) -> Api<Pod> {
        Api::namespaced(Self::client().await, &self.namespace().await)
    }

    pub(crate) async fn ensure(&self, spec: &TaskSpec) {
        self.tasks.ensure_task(spec).await.expect("a well-formed task is taken");
    }

    pub(crate) async fn stop(&self, spec: &TaskSpec) {
        self.tasks.stop_task(&spec.task).await.expect("a stop is taken");
    }

    /// Waits until the task is seen in such a state.
    pub(crate) async fn until(&self, task: &TaskRef, what: &str, is_so: impl Fn(&TaskObservation) -> bool) -> TaskObservation {
        let mut last = None;
        let search = async {
            let mut events = self.tasks.watch_tasks(&task.cluster);
            while let Some(event) = events.next().await {
                let seen = match event.expect("a watch does not break by itself") {
                    TaskEvent::Resynced(all) => all,
                    TaskEvent::Observed(one) => vec![one],
                    _ => Vec::new(),
                };
                for seen in seen.into_iter().filter(|seen| seen.task == *task) {
                    if is_so(&seen) {
                        return Some(seen);
                    }
                    last = Some(seen);
                }
            }
            None
        };
        let found = tokio::time::timeout(self.patience(), search).await.ok().flatten();
        found.unwrap_or_else(|| panic!("the task did not come to: {what}; last seen: {last:#?}"))
    }

    pub(crate) async fn until_running(&self, spec: &TaskSpec) -> TaskObservation {
        let seen = self.until(&spec.task, "running", |seen| seen.phase >= TaskPhase::Running).await;
        assert_eq!(seen.phase, TaskPhase::Running, "it should run: {seen:#?}");
        seen
    }

    pub(crate) async fn until_stopped(&self, spec: &TaskSpec) -> TaskObservation {
        self.until(&spec.task, "stopped", |seen| seen.phase == TaskPhase::Stopped).await
    }

    /// Lets no pod be made in the tasks' namespace; a task that was refused for that, and how.
    pub(crate) async fn refuse_pods(&self, task: impl Fn() -> TaskSpec) -> (TaskSpec, BackendError) {
        let hard = BTreeMap::from([("pods".to_owned(), Quantity("0".to_owned()))]);
        let quota = ResourceQuota {
            metadata: ObjectMeta { name: Some(QUOTA.to_owned()), ..ObjectMeta::default() },
            spec: Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }),
            status: None,
        };
        self.quotas().await.create(&PostParams::default(), &quota).await.expect("an operator may");
        loop {
            // The quota is enforced once it is counted.
            let spec = task();
            match self.tasks.ensure_task(&spec).await {
                Err(refusal) => return (spec, refusal),
                Ok(()) => self.clean_up(&spec).await,
            }
        }
    }

    /// Lets pods be made again.
    pub(crate) async fn take_pods(&self) {
        self.quotas().await.delete(QUOTA, &DeleteParams::default()).await.expect("an operator may");
    }

    async fn quotas(&self) -> Api<ResourceQuota> {
        Api::namespaced(Self::client().await, &self.namespace().await)
    }

    /// The secrets of a task.
    pub(crate) async fn secrets(&self, task: TaskId) -> Vec<Secret> {
        let secrets: Api<Secret> = Api::namespaced(Self::client().await, &self.namespace().await);
        let of_task = ListParams::default().labels(&format!("kecs.io/task-id={task}"));
        secrets.list(&of_task).await.expect("secrets can be listed").items
    }

    /// Ends the task and takes it away.
    pub(crate) async fn clean_up(&self, spec: &TaskSpec) {
        self.stop(spec).await;
        self.until_stopped(spec).await;
        self.tasks.forget_task(&spec.task).await.expect("an ended task can be forgotten");
    }
}

/// Waits until the manager tells what another one saw.
pub(crate) async fn until_told(tasks: &KubernetesTaskManager, seen: &TaskObservation) {
    let told = async {
        let mut events = tasks.watch_tasks(&seen.task.cluster);
        while let Some(event) = events.next().await {
            match event.expect("a watch does not break by itself") {
                TaskEvent::Resynced(all) if all.contains(seen) => return,
                TaskEvent::Observed(one) if one == *seen => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), told).await.expect("it is told");
}

/// A token of an account that may do everything, of the cluster's own making. The account is called as the tasks' prefix.
pub(crate) async fn token(cluster: &OnCluster) -> String {
    let (client, name) = (OnCluster::client().await, cluster.config().prefix.clone());
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let account = serde_json::from_value(json!({"metadata": {"name": name}})).expect("it is an object");
    accounts.create(&PostParams::default(), &account).await.expect("an operator may");
    let binding: ClusterRoleBinding = serde_json::from_value(json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]}))
    .expect("it is an object");
    Api::all(client).create(&PostParams::default(), &binding).await.expect("an operator may");
    let request = TokenRequest::default();
    let answer = accounts.create_token_request(&name, &PostParams::default(), &request).await.expect("an operator may");
    answer.status.and_then(|status| status.token).expect("it is given")
}

/// A container's exit code and reason.
pub(crate) fn end_of(seen: &TaskObservation, name: &str) -> (Option<i32>, Option<String>) {
    let container = seen.containers.iter().find(|container| container.name == name);
    match &container.unwrap_or_else(|| panic!("{name} is not in {seen:#?}")).state {
        ContainerState::Exited { code, reason } => (*code, reason.clone()),
        other => panic!("{name} has not ended but is {other:?}"),
    }
}

pub(crate) fn has_ended(seen: &TaskObservation, name: &str) -> bool {
    seen.containers.iter().any(|container| container.name == name && matches!(container.state, ContainerState::Exited { .. }))
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
    type Backend = KubernetesTaskManager;

    async fn start() -> Result<Self, Missing> {
        if !is_there() {
            return Err(Missing("KECS_TEST_CLUSTER does not say that there is a cluster".to_owned()));
        }
        Ok(Self::with(|_| ()).await)
    }

    fn is_required() -> bool {
        is_there() && env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| value == "1")
    }

    fn backend(&self) -> &KubernetesTaskManager {
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

    fn tells_terminal_size(&self, columns: u16, rows: u16) -> Vec<String> {
        // The runtime starts the command, and then gives its terminal the size.
        let line = format!("until test \"$(stty size 2>&1)\" = '{rows} {columns}'; do sleep 0.1; done; stty size");
        vec!["sh".to_owned(), "-c".to_owned(), line]
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
        let tasks = KubernetesTaskManager::connect(config.clone()).await.expect("the cluster is still there");
        Self { config, tasks }
    }
}
