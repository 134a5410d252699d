//! The seam: [`TaskManager`] on Kubernetes.

mod connect;
mod create;
mod files;
mod forget;
mod log_router;
mod retry_after;
mod shutdown;
mod stop;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kecs_core::{
    BackendError, BackendHealth, ClusterRef, ContainerObservation, ContainerState, ContainerStats, ErrorKind, ExecCommand,
    ExecSession, HostStream, LogQuery, LogRouterConnection, LogStream, RoleRef, TaskCapabilities, TaskEvent, TaskManager,
    TaskObservation, TaskRef, TaskSpec,
};
use kube::{Api, Client};
use tokio::sync::OnceCell;
use tokio::task::AbortHandle;

pub(crate) use connect::client;
pub use shutdown::EndedPods;

use crate::config::{KubernetesConfig, TaskRoles};
use crate::health::ApiHealth;
use crate::index::Index;
use crate::nodes::{self, Nodes};
use crate::pod::Abilities;
use crate::roles::Accounts;
use crate::usage::{Kubelets, PodPlace};
use crate::{exec, logs, names, secret};

/// How long a call waits for the first list of pods, or for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs tasks as pods. See the [crate](crate).
///
/// ```no_run
/// # async fn demo() -> Result<(), kecs_core::BackendError> {
/// use kecs_k8s::{KubernetesConfig, KubernetesTaskManager};
///
/// let mut config = KubernetesConfig::default(); // the cluster that `kubectl` speaks to
/// config.prefix = "team-a".to_owned();
/// let tasks = KubernetesTaskManager::connect(config).await?;
/// # drop(tasks);
/// # Ok(())
/// # }
/// ```
///
/// Everything that is to be known of a task is on its pod: dropping a manager leaves the tasks alone, and the next one with the same
/// prefix finds them. Several may work side by side on the same tasks; the pods' versions keep them from acting on what is no longer so.
pub struct KubernetesTaskManager {
    client: Client,
    /// Takes silence for the end of a connection.
    watching: Client,
    config: KubernetesConfig,
    index: Arc<Index>,
    health: ApiHealth,
    abilities: OnceCell<Abilities>,
    nodes: Nodes,
    accounts: Accounts,
    kubelets: Kubelets,
    /// Namespaces that were made, or found to be there.
    namespaces: Mutex<HashSet<String>>,
    reactor: AbortHandle,
}

impl fmt::Debug for KubernetesTaskManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesTaskManager").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Drop for KubernetesTaskManager {
    fn drop(&mut self) {
        self.reactor.abort();
    }
}

impl KubernetesTaskManager {
    fn pods(&self, cluster: &ClusterRef) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &names::namespace(&self.config.prefix, cluster))
    }

    /// What a container of a task is called in its pod.
    fn part(&self, task: &TaskRef, container: &str) -> Result<String, BackendError> {
        let part = self.index.with(task.id, |entry| {
            entry.plan().containers.iter().find(|known| known.name == container).map(|known| known.part.clone())
        });
        let not_found = || BackendError::new(ErrorKind::NotFound, format!("the task has no container {container}"));
        part.flatten().ok_or_else(not_found)
    }

    async fn synced(&self) -> Result<(), BackendError> {
        let unavailable =
            |_| BackendError::new(ErrorKind::Unavailable, "the pods are not listed yet: the Kubernetes API does not answer");
        tokio::time::timeout(PATIENCE, self.index.synced()).await.map_err(unavailable)
    }
}

fn unknown_task() -> BackendError {
    BackendError::new(ErrorKind::NotFound, "the task is not known")
}

/// Waits for an answer, but not for ever.
pub(crate) async fn answer<T>(
    doing: &str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Result<T, kube::Error>, BackendError> {
    let late = |_| BackendError::new(ErrorKind::Timeout, format!("{doing}: the Kubernetes API did not answer in time"));
    tokio::time::timeout(PATIENCE, request).await.map_err(late)
}

#[async_trait]
impl TaskManager for KubernetesTaskManager {
    fn capabilities(&self) -> TaskCapabilities {
        let mut capabilities = TaskCapabilities::new("kubernetes");
        capabilities.survives_restart = true;
        // Others may have the same cluster, and a task that is not known here may be theirs.
        capabilities.exclusive = false;
        capabilities.images = true;
        capabilities.limits = true;
        capabilities.exec = true;
        capabilities.log_routers = true;
        capabilities.places = true;
        capabilities
    }

    fn health(&self) -> BackendHealth {
        self.health.now()
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        self.synced().await?;
        if self.index.is_forgotten(spec.task.id) {
            return Ok(());
        }
        // Kubernetes' types are large.
        let ensured = match self.index.with(spec.task.id, |entry| entry.pod().clone()) {
            // Whoever created it may not have come to that.
            Some(pod) => Box::pin(secret::give_to(&self.client, &pod)).await,
            None => Box::pin(self.create(spec)).await,
        };
        self.health.noted(ensured)
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.synced().await?;
        let outcome = self.stop(task).await;
        // Core tries it again until it succeeds.
        self.health.noted_of(task.id, outcome.as_ref().copied());
        self.health.noted(outcome)
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        self.synced().await?;
        self.health.noted(self.forget(task).await)
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        self.synced().await?;
        Ok(self.index.get(task).map(|observation| TaskObservation::clone(&observation)))
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        self.synced().await?;
        Ok(self.index.list(cluster))
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        self.index.watch(cluster)
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        self.synced().await?;
        if self.index.get(task).is_none() {
            return Err(unknown_task());
        }
        let part = self.part(task, container)?;
        let states = self.index.follow(task.id).ok_or_else(unknown_task)?;
        Ok(logs::stream(
            logs::Source { pods: self.pods(&task.cluster), pod: names::pod(task.id), part, states },
            container.to_owned(),
            query,
        ))
    }

    async fn stats(&self, task: &TaskRef) -> Result<Vec<ContainerStats>, BackendError> {
        self.synced().await?;
        let seen = self.index.get(task).ok_or_else(unknown_task)?;
        let pod = self.index.with(task.id, |entry| {
            let node = entry.pod().spec.as_ref()?.node_name.clone()?;
            let host = entry.pod().status.as_ref()?.host_ip.clone()?;
            let ObjectMeta { namespace: Some(namespace), name: Some(pod), uid: Some(uid), .. } = entry.pod().metadata.clone()
            else {
                return None;
            };
            let names = entry.plan().containers.iter().map(|known| (known.part.clone(), known.name.clone()));
            Some((node, host, namespace, pod, uid, names.collect::<HashMap<_, _>>()))
        });
        // A pod that is on no node uses nothing.
        let Some((node, host, namespace, pod, uid, names)) = pod.ok_or_else(unknown_task)? else { return Ok(Vec::new()) };
        let runs = |name: &str| seen.containers.iter().any(|one| one.name == name && one.state == ContainerState::Running);
        let place = PodPlace { node: &node, host: &host, namespace: &namespace, pod: &pod, uid: &uid };
        let measured = self.kubelets.measure(&self.client, &place).await?;
        let named = measured.into_iter().filter_map(|stats| {
            let container = names.get(&stats.container)?.clone();
            runs(&container).then_some(ContainerStats { container, ..stats })
        });
        Ok(named.collect())
    }

    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        self.synced().await?;
        let seen = self.index.get(task).ok_or_else(unknown_task)?;
        let part = self.part(task, container)?;
        let runs = |known: &ContainerObservation| known.name == container && known.state == ContainerState::Running;
        if !seen.containers.iter().any(runs) {
            return Err(BackendError::new(ErrorKind::Conflict, format!("container {container} does not run")));
        }
        let states = self.index.follow(task.id).ok_or_else(unknown_task)?;
        let (pods, pod) = (self.pods(&task.cluster), names::pod(task.id));
        let target = exec::Target { pods, pod, part, container: container.to_owned(), states };
        // Kubernetes' types are large.
        Box::pin(exec::start(target, command)).await
    }

    async fn held_roles(&self) -> Result<Vec<RoleRef>, BackendError> {
        match self.config.roles {
            TaskRoles::Ignored => Ok(Vec::new()),
            TaskRoles::Accounts | TaskRoles::Rights(_) => self.accounts.held(&self.client, &self.config.prefix).await,
        }
    }

    async fn release_role(&self, role: &RoleRef) -> Result<(), BackendError> {
        match self.config.roles {
            TaskRoles::Ignored => Ok(()),
            TaskRoles::Accounts | TaskRoles::Rights(_) => self.accounts.release(&self.client, &self.config.prefix, role).await,
        }
    }

    async fn connect_log_router(&self, task: &TaskRef) -> Result<LogRouterConnection, BackendError> {
        self.synced().await?;
        Box::pin(self.connect_router(task)).await
    }

    async fn release_log_router(&self, task: &TaskRef) {
        self.index.routed(task.id, self.config.clock.now());
    }

    fn watch_instances(&self) -> Option<HostStream> {
        nodes::watch(self.watching.clone(), &self.config, &self.nodes, &self.health)
    }

    async fn drain_instance(&self, instance: &str, drains: bool) -> Result<(), BackendError> {
        self.nodes.drain(&self.client, instance, drains).await
    }
}
