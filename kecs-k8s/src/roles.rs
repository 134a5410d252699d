//! Task roles as service accounts: one for each role in each ECS cluster's namespace, made before the first pod that has it, and with the rights
//! that the role's policies mean there.

mod known;
mod manifest;
mod policy;
mod release;
mod rights;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding};
use kecs_core::{BackendError, ClusterRef, TaskSpec};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::config::{KubernetesConfig, TaskRoles};
use crate::error::{backend_error, is};
use crate::names;
use crate::tasks::answer;
use known::Known;

/// Whose the fields are that are applied.
const FIELD_MANAGER: &str = "kecs";

const APPLYING: &str = "cannot make the service account of the task's role (--kube-roles off does without)";
const GRANTING: &str = "cannot give the task's role its rights in the cluster (--kube-roles accounts does without)";

/// Rights in a namespace.
type Rules = Arc<[PolicyRule]>;

/// Who a task with a role is in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    role: Arc<str>,
    /// What it may do there. `None` where that is not known: then it keeps what it has.
    rules: Option<Rules>,
}

impl Account {
    /// The account of a role whose rights are not known.
    pub(crate) fn new(role: Arc<str>) -> Self {
        Self { role, rules: None }
    }

    /// The same with these rights.
    pub(crate) fn with(self, rules: impl Into<Rules>) -> Self {
        Self { rules: Some(rules.into()), ..self }
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
        self.rules.as_ref().is_some_and(|rules| !rules.is_empty())
    }
}

/// The accounts of one KECS.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    known: Known,
    /// Those that were applied, with their rights, so that the second task of a role costs nothing: by namespace and name.
    applied: Mutex<HashMap<(String, String), Option<Rules>>>,
}

impl Accounts {
    /// Who the task is; `None` for one without a role, or where roles are nobody in the cluster.
    pub(crate) async fn of(&self, spec: &TaskSpec, config: &KubernetesConfig) -> Option<Account> {
        let account = Account::new(spec.role.clone()?);
        match &config.roles {
            TaskRoles::Ignored => None,
            TaskRoles::Accounts => Some(account),
            TaskRoles::Rights(source) => Some(match self.known.of(source, &spec.task.cluster, &account.role).await {
                Some(rules) => account.with(rules),
                None => account,
            }),
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
        if self.applied().get(&key).is_some_and(|applied| account.rules.is_none() || account.rules == *applied) {
            return Ok(());
        }
        let made: ServiceAccount = apply(client, &namespace, &manifest::account(account, prefix, cluster), APPLYING).await?;
        match &account.rules {
            None => {}
            Some(rules) if rules.is_empty() => withdraw(client, &namespace, &account.name()).await?,
            Some(rules) => {
                // Before the binding: who has no right to the rules may not bind them.
                let role = manifest::role(account, rules, prefix, cluster, &made);
                apply::<Role>(client, &namespace, &role, GRANTING).await?;
                apply::<RoleBinding>(client, &namespace, &manifest::binding(account, prefix, cluster, &made), GRANTING).await?;
            }
        }
        self.applied().insert(key, account.rules.clone());
        Ok(())
    }

    /// Forgets which accounts were made in a namespace: one was not there.
    pub(crate) fn missing(&self, namespace: &str) {
        self.applied().retain(|(of, _), _| of != namespace);
    }

    fn applied(&self) -> MutexGuard<'_, HashMap<(String, String), Option<Rules>>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the rights away that a role may have had before.
async fn withdraw(client: &Client, namespace: &str, name: &str) -> Result<(), BackendError> {
    let roles: Api<Role> = Api::namespaced(client.clone(), namespace);
    let nothing = Patch::Merge(json!({"rules": []}));
    match answer(GRANTING, roles.patch(name, &PatchParams::default(), &nothing)).await? {
        Ok(_) => Ok(()),
        Err(error) if is(&error, 404) => Ok(()),
        Err(error) => Err(backend_error(GRANTING, error)),
    }
}

async fn apply<K>(client: &Client, namespace: &str, object: &K, doing: &str) -> Result<K, BackendError>
where
    K: kube::Resource<Scope = NamespaceResourceScope> + Clone + fmt::Debug + Serialize + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let name = object.meta().name.as_deref().unwrap_or_default();
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = answer(doing, api.patch(name, &parameters, &Patch::Apply(object))).await?;
    applied.map_err(|error| backend_error(doing, error))
}
