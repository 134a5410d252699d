//! What is there of LocalStacks, and their end.

use std::fmt;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret, Service};
use kecs_core::BackendError;
use kube::Resource;
use kube::api::{Api, DeleteParams, ListParams};
use kube::core::PartialObjectMeta;
use serde::de::DeserializeOwned;

use super::{KubernetesLocalStacks, manifest};
use crate::error::{backend_error, is};
use crate::names;
use crate::tasks::answer;

const LOOKING: &str = "cannot look for LocalStacks";
const REMOVING: &str = "cannot remove what belongs to the LocalStack";

impl KubernetesLocalStacks {
    /// The clusters that have a LocalStack of their own here, of this KECS.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn clusters(&self) -> Result<Vec<String>, BackendError> {
        let ours = ListParams::default().labels(&format!("{}={},{}", names::OWNER_LABEL, self.0.owner, manifest::ALL));
        let found = answer(LOOKING, self.api::<Deployment>().list(&ours)).await?.map_err(|error| backend_error(LOOKING, error))?;
        let cluster = |deployment: Deployment| deployment.metadata.annotations?.remove(names::CLUSTER_ANNOTATION);
        Ok(found.items.into_iter().filter_map(cluster).collect())
    }

    /// Scales the LocalStack of a cluster to none, and keeps all that is in it. What is not there is no error.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn retire(&self, cluster: Option<&str>) -> Result<(), BackendError> {
        let name = names::localstack(cluster);
        let _turn = self.turn(&name).await;
        self.not_somebody_elses(&name).await?;
        self.scale_to_none(&name).await
    }

    /// Removes the LocalStack of a cluster with all that it kept. The namespace stays. What is not there is no error.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn remove(&self, cluster: Option<&str>) -> Result<(), BackendError> {
        let name = names::localstack(cluster);
        let _turn = self.turn(&name).await;
        self.not_somebody_elses(&name).await?;
        self.delete::<Deployment>(&name, &DeleteParams::foreground()).await?;
        self.delete::<Service>(&name, &DeleteParams::default()).await?;
        self.delete::<Secret>(&names::localstack_token(&name), &DeleteParams::default()).await?;
        self.delete::<PersistentVolumeClaim>(&name, &DeleteParams::default()).await
    }

    pub(super) async fn delete<K>(&self, name: &str, parameters: &DeleteParams) -> Result<(), BackendError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + fmt::Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        // Of what is answered nothing but its metadata is read: code for the whole of it is large.
        let api: Api<PartialObjectMeta<K>> = Api::namespaced(self.0.client.clone(), &self.0.namespace);
        match answer(REMOVING, api.delete(name, parameters)).await? {
            Ok(_) => Ok(()),
            Err(error) if is(&error, 404) => Ok(()),
            Err(error) => Err(backend_error(REMOVING, error)),
        }
    }
}
