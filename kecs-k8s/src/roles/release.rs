//! The accounts of roles that no task has any more go, with their rights.

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kecs_core::{BackendError, ErrorKind, RoleRef, Scope};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Preconditions};

use super::Accounts;
use crate::error::{backend_error, is};
use crate::names;
use crate::tasks::answer;

const RELEASING: &str = "cannot remove the service account of a role";

impl Accounts {
    /// The roles that have an account.
    pub(crate) async fn held(&self, client: &Client, prefix: &str) -> Result<Vec<RoleRef>, BackendError> {
        let ours = format!("{}={prefix},{}", names::OWNER_LABEL, names::ROLE_LABEL);
        let mut held: Vec<RoleRef> = accounts(client, &ours).await?.iter().filter_map(role_of).collect();
        held.sort();
        held.dedup();
        Ok(held)
    }

    /// Removes the accounts of a role from all namespaces; its Role and RoleBinding belong to it and go with it.
    ///
    /// # Errors
    ///
    /// `Conflict` while a pod has the account: it may be a task's that core does not know.
    pub(crate) async fn release(&self, client: &Client, prefix: &str, role: &RoleRef) -> Result<(), BackendError> {
        let label = names::role_label(&role.scope, &role.arn);
        let of_role = format!("{}={prefix},{}={label}", names::OWNER_LABEL, names::ROLE_LABEL);
        self.known.forget(role);
        for account in accounts(client, &of_role).await? {
            let (Some(namespace), Some(name)) = (account.metadata.namespace, account.metadata.name) else { continue };
            let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
            let live = ListParams::default().labels(&of_role).fields("status.phase!=Succeeded,status.phase!=Failed").limit(1);
            let live = answer(RELEASING, pods.list(&live)).await?.map_err(|error| backend_error(RELEASING, error))?;
            if !live.items.is_empty() {
                return Err(BackendError::new(ErrorKind::Conflict, format!("a pod in {namespace} has the account {name}")));
            }
            self.applied().remove(&(namespace.clone(), name.clone()));
            let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
            // The one that was seen, and not one that came since.
            let preconditions = Some(Preconditions { uid: account.metadata.uid, resource_version: None });
            match answer(RELEASING, api.delete(&name, &DeleteParams { preconditions, ..DeleteParams::default() })).await? {
                Ok(_) => {}
                Err(error) if is(&error, 404) || is(&error, 409) => {}
                Err(error) => return Err(backend_error(RELEASING, error)),
            }
        }
        Ok(())
    }
}

async fn accounts(client: &Client, labels: &str) -> Result<Vec<ServiceAccount>, BackendError> {
    let all: Api<ServiceAccount> = Api::all(client.clone());
    let listed = answer(RELEASING, all.list(&ListParams::default().labels(labels))).await?;
    Ok(listed.map_err(|error| backend_error(RELEASING, error))?.items)
}

/// Whose account it is, as it says itself.
fn role_of(account: &ServiceAccount) -> Option<RoleRef> {
    let annotations = account.metadata.annotations.as_ref()?;
    let (scope, _) = annotations.get(names::CLUSTER_ANNOTATION)?.rsplit_once('/')?;
    let (account, region) = scope.split_once('/')?;
    let arn = annotations.get(names::ROLE_ARN_ANNOTATION)?.as_str().into();
    Some(RoleRef { scope: Scope::new(account, region), arn })
}
