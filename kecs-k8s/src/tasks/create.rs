//! A task's pod and what goes with it, created so that repeating converges.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kecs_core::{BackendError, ClusterRef, ErrorKind, TaskSpec};
use kube::api::{Api, PostParams};

use super::{KubernetesTaskManager, answer, files};
use crate::config::NodeInstances;
use crate::error::{backend_error, is};
use crate::pod::{Manifest, manifest};
use crate::roles::Account;
use crate::{names, secret};

/// How long a new namespace may take to get its service account, without which no pod is taken.
const ACCOUNT_TRIES: u32 = 100;
const ACCOUNT_PAUSE: Duration = Duration::from_millis(100);
/// How often a namespace is made for one task.
const NAMESPACE_TRIES: u32 = 3;

impl KubernetesTaskManager {
    pub(super) async fn create(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        let abilities = self.abilities().await?;
        let node = match spec.instance.as_deref().filter(|_| self.config.nodes != NodeInstances::None) {
            Some(instance) => self.nodes.name_of(&self.client, instance).await?,
            None => None,
        };
        let account = self.accounts.of(spec, &self.config).await;
        let account = account.as_ref();
        let task = spec.task.id;
        let mut choose = |protocol| self.index.choose_port(task, protocol);
        let created = match manifest(spec, &self.config, abilities, account, node.as_deref(), &mut choose) {
            Ok(mut manifest) => match files::secret(spec, &self.config.prefix, &manifest.namespace).await {
                Ok(files) => {
                    manifest.secrets.extend(files);
                    self.create_all(spec, account, manifest).await
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if created.is_err() {
            self.index.give_up_ports(task);
        }
        created
    }

    async fn create_all(&self, spec: &TaskSpec, account: Option<&Account>, manifest: Manifest) -> Result<(), BackendError> {
        let mut tries = 0;
        let pod = loop {
            let error = match self.create_each(&spec.task.cluster, account, &manifest).await {
                Ok(pod) => break pod,
                Err(error) => error,
            };
            tries += 1;
            if error.kind() == ErrorKind::NotFound && tries < NAMESPACE_TRIES {
                // Somebody removed the namespace, with all that was in it.
                self.namespaces.lock().expect("nobody panics while holding it").remove(&manifest.namespace);
                self.accounts.missing(&manifest.namespace);
                continue;
            }
            if !error.is_retryable() && !manifest.secrets.is_empty() {
                // The secrets of a pod that there will never be.
                self.remove_secrets(&spec.task).await?;
            }
            return Err(error);
        };
        self.index.apply(pod.clone(), self.config.clock.now());
        secret::give_to(&self.client, &pod).await
    }

    /// Creates what is not there yet of all that a task has; its pod last.
    async fn create_each(&self, cluster: &ClusterRef, account: Option<&Account>, manifest: &Manifest) -> Result<Pod, BackendError> {
        let Manifest { namespace, pod, secrets, claims } = manifest;
        self.ensure_namespace(namespace, cluster).await?;
        if let Some(account) = account {
            self.accounts.apply(&self.client, &self.config.prefix, cluster, account).await?;
        }
        let volume_claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
        for claim in claims {
            create_once(&volume_claims, claim, "cannot create the volume claim").await?;
        }
        // Before the pod, which would have to wait for them; the pod owns them once there is one.
        for secret in secrets {
            secret.create(&self.client).await?;
        }
        self.create_pod(cluster, account, namespace, pod).await
    }

    async fn ensure_namespace(&self, name: &str, cluster: &ClusterRef) -> Result<(), BackendError> {
        if self.namespaces.lock().expect("nobody panics while holding it").contains(name) {
            return Ok(());
        }
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(BTreeMap::from([(names::OWNER_LABEL.to_owned(), self.config.prefix.clone())])),
                annotations: Some(BTreeMap::from([(names::CLUSTER_ANNOTATION.to_owned(), cluster.to_string())])),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        const CREATING: &str = "cannot create the namespace";
        match answer(CREATING, namespaces.create(&PostParams::default(), &namespace)).await? {
            Ok(_) => {}
            // There already. And who may not create namespaces may have been given this one.
            Err(error) if is(&error, 409) || is(&error, 403) => {}
            Err(error) => return Err(backend_error(CREATING, error)),
        }
        self.namespaces.lock().expect("nobody panics while holding it").insert(name.to_owned());
        Ok(())
    }

    async fn create_pod(
        &self,
        cluster: &ClusterRef,
        account: Option<&Account>,
        namespace: &str,
        pod: &Pod,
    ) -> Result<Pod, BackendError> {
        const CREATING: &str = "cannot create the pod";
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let mut tries = 0;
        loop {
            let error = match answer(CREATING, pods.create(&PostParams::default(), pod)).await? {
                Ok(pod) => return Ok(pod),
                Err(error) => error,
            };
            if is(&error, 409) {
                return answer(CREATING, pods.get(name)).await?.map_err(|error| backend_error(CREATING, error));
            }
            tries += 1;
            if !lacks_account(&error) || tries > ACCOUNT_TRIES {
                return Err(backend_error(CREATING, error));
            }
            match account {
                // Somebody removed it.
                Some(account) => {
                    self.accounts.missing(namespace);
                    self.accounts.apply(&self.client, &self.config.prefix, cluster, account).await?;
                }
                None => tokio::time::sleep(ACCOUNT_PAUSE).await,
            }
        }
    }
}

/// What the API server says of a namespace that is so new that its service account is not there yet.
fn lacks_account(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403 && status.message.contains("error looking up service account"))
}

/// Creates what does not exist.
async fn create_once<K>(api: &Api<K>, object: &K, doing: &str) -> Result<(), BackendError>
where
    K: kube::Resource<Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    match answer(doing, api.create(&PostParams::default(), object)).await? {
        Ok(_) => Ok(()),
        Err(error) if is(&error, 409) => Ok(()),
        Err(error) => Err(backend_error(doing, error)),
    }
}
