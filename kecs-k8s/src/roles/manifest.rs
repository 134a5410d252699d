//! What a role is in Kubernetes, as pure functions.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kecs_core::ClusterRef;

use super::Account;
use crate::names;

/// The service account of a role among the tasks of a cluster.
pub(super) fn account(account: &Account, prefix: &str, cluster: &ClusterRef) -> ServiceAccount {
    let mut metadata = metadata(account, prefix, cluster);
    metadata.annotations = Some(BTreeMap::from([
        (names::ROLE_ARN_ANNOTATION.to_owned(), account.role().to_owned()),
        (names::CLUSTER_ANNOTATION.to_owned(), cluster.to_string()),
    ]));
    // Tokens are mounted by those pods that are to have one.
    ServiceAccount { metadata, automount_service_account_token: Some(false), ..ServiceAccount::default() }
}

/// What the account may do. It goes with the account.
pub(super) fn role(account: &Account, rules: &[PolicyRule], prefix: &str, cluster: &ClusterRef, owner: &ServiceAccount) -> Role {
    Role { metadata: owned(account, prefix, cluster, owner), rules: Some(rules.to_vec()) }
}

/// That it is the account that may.
pub(super) fn binding(account: &Account, prefix: &str, cluster: &ClusterRef, owner: &ServiceAccount) -> RoleBinding {
    let metadata = owned(account, prefix, cluster, owner);
    RoleBinding {
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: account.name(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.name(),
            namespace: metadata.namespace.clone(),
            api_group: None,
        }]),
        metadata,
    }
}

fn owned(account: &Account, prefix: &str, cluster: &ClusterRef, owner: &ServiceAccount) -> ObjectMeta {
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ServiceAccount".to_owned(),
        name: account.name(),
        uid: owner.metadata.uid.clone().unwrap_or_default(),
        block_owner_deletion: None,
        controller: None,
    };
    ObjectMeta { owner_references: Some(vec![owner]), ..metadata(account, prefix, cluster) }
}

fn metadata(account: &Account, prefix: &str, cluster: &ClusterRef) -> ObjectMeta {
    ObjectMeta {
        name: Some(account.name()),
        namespace: Some(names::namespace(prefix, cluster)),
        labels: Some(BTreeMap::from([
            (names::OWNER_LABEL.to_owned(), prefix.to_owned()),
            (names::ROLE_LABEL.to_owned(), names::role_label(&cluster.scope, account.role())),
        ])),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests {
    use kecs_core::testing::task_ref;
    use serde_json::{Value, json};

    use super::*;

    const ROLE: &str = "arn:aws:iam::000000000000:role/apps/Web_Reader";

    /// The annotation is that of "IAM roles for service accounts" (Amazon EKS user guide).
    #[test]
    fn a_role_is_an_account_that_says_its_arn() {
        let cluster = task_ref("default").cluster;
        let made = serde_json::to_value(account(&Account::new(ROLE.into()), "kecs", &cluster)).expect("it has a JSON form");
        let name = names::role_account(ROLE);
        assert_eq!(made["metadata"]["name"], name.as_str());
        assert_eq!(made["metadata"]["namespace"], names::namespace("kecs", &cluster).as_str());
        let annotations = json!({"eks.amazonaws.com/role-arn": ROLE, "kecs.io/cluster": "000000000000/us-east-1/default"});
        assert_eq!(made["metadata"]["annotations"], annotations);
        assert_eq!(made["metadata"]["labels"]["kecs.io/owner"], "kecs");
        assert_eq!(made["automountServiceAccountToken"], Value::Bool(false));
    }
}
