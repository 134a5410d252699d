//! The seam to whatever gives a task the credentials of its role: AWS STS.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kecs_model::Timestamp;

use crate::{BackendError, ClusterRef, SecretValue};

/// Gives credentials of roles.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RoleCredentialSource: fmt::Debug + Send + Sync + 'static {
    /// Fresh credentials of a role, on behalf of a task of the cluster. `session` names the task, as `RoleSessionName` of STS does. May be
    /// repeated; nothing is cached here.
    ///
    /// # Errors
    ///
    /// `NotFound` for a role that is not there, `Invalid` where it may not be assumed, `Unavailable` and `Timeout` where nobody could be asked.
    async fn assume(&self, cluster: &ClusterRef, role_arn: &str, session: &str) -> Result<RoleCredentials, BackendError>;

    /// No task needs the role any more: one that was made for tasks may go. `Ok` where there is none, which is the default. Wakes nobody for it.
    ///
    /// # Errors
    ///
    /// Why it is still there. Not repeated by the caller.
    async fn release(&self, cluster: &ClusterRef, role_arn: &str) -> Result<(), BackendError> {
        let _ = (cluster, role_arn);
        Ok(())
    }
}

/// Temporary credentials of a role.
#[derive(Clone, Debug)]
pub struct RoleCredentials {
    /// The access key's id: a name, not a secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretValue,
    /// The session token.
    pub session_token: SecretValue,
    /// When they end.
    pub expiration: Timestamp,
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: RoleCredentialSource + ?Sized> RoleCredentialSource for Arc<T> {
    async fn assume(&self, cluster: &ClusterRef, role_arn: &str, session: &str) -> Result<RoleCredentials, BackendError> {
        (**self).assume(cluster, role_arn, session).await
    }

    async fn release(&self, cluster: &ClusterRef, role_arn: &str) -> Result<(), BackendError> {
        (**self).release(cluster, role_arn).await
    }
}
