//! Task roles as service accounts: one for each role in each ECS cluster's namespace, made before the first pod that has it.

mod manifest;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ServiceAccount;
use kecs_core::{BackendError, ClusterRef, TaskSpec};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::{KubernetesConfig, TaskRoles};
use crate::error::backend_error;
use crate::names;
use crate::tasks::answer;

/// Whose the fields are that are applied.
const FIELD_MANAGER: &str = "kecs";

const APPLYING: &str = "cannot make the service account of the task's role";

/// Who a task with a role is in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    role: Arc<str>,
}

impl Account {
    /// The account of a role, which is allowed nothing.
    pub(crate) fn new(role: Arc<str>) -> Self {
        Self { role }
    }

    /// The role's ARN.
    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// What it is called, in every namespace.
    pub(crate) fn name(&self) -> String {
        names::role_account(&self.role)
    }

    /// Whether it may do anything in the cluster.
    pub(crate) fn has_rights(&self) -> bool {
        false
    }
}

/// The accounts of one KECS.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// Those that were applied, so that the second task of a role costs nothing: namespace and name.
    applied: Mutex<HashSet<(String, String)>>,
}

impl Accounts {
    /// Who the task is; `None` for one without a role, or where roles are nobody in the cluster.
    pub(crate) fn of(&self, spec: &TaskSpec, config: &KubernetesConfig) -> Option<Account> {
        match config.roles {
            TaskRoles::Ignored => None,
            TaskRoles::Accounts => spec.role.clone().map(Account::new),
        }
    }

    /// Makes an account, or what differs of it.
    pub(crate) async fn apply(
        &self,
        client: &Client,
        prefix: &str,
        cluster: &ClusterRef,
        account: &Account,
    ) -> Result<(), BackendError> {
        let namespace = names::namespace(prefix, cluster);
        let key = (namespace.clone(), account.name());
        if self.lock().contains(&key) {
            return Ok(());
        }
        apply::<ServiceAccount>(client, &namespace, &manifest::account(account, prefix, cluster)).await?;
        self.lock().insert(key);
        Ok(())
    }

    /// Forgets that an account was made: it was not there.
    pub(crate) fn missing(&self, namespace: &str, account: &Account) {
        self.lock().remove(&(namespace.to_owned(), account.name()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn apply<K>(client: &Client, namespace: &str, object: &K) -> Result<K, BackendError>
where
    K: kube::Resource<Scope = NamespaceResourceScope> + Clone + fmt::Debug + Serialize + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let name = object.meta().name.as_deref().unwrap_or_default();
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = answer(APPLYING, api.patch(name, &parameters, &Patch::Apply(object))).await?;
    applied.map_err(|error| backend_error(APPLYING, error))
}
