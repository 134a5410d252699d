//! The seam to whatever knows what a role is allowed: AWS IAM.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{BackendError, ClusterRef};

/// Tells the policies of roles.
#[async_trait]
pub trait RolePolicySource: fmt::Debug + Send + Sync + 'static {
    /// The policies that a role has now, as the AWS services of the cluster know it. Nothing is cached here.
    ///
    /// # Errors
    ///
    /// `NotFound` for a role that is not there, `Invalid` where it may not be looked at, `Unavailable` and `Timeout` where nobody could be asked.
    async fn policies(&self, cluster: &ClusterRef, role_arn: &str) -> Result<RolePolicies, BackendError>;
}

/// The policies of a role: documents in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePolicies {
    /// Those that are its own and those that are attached, in no order.
    pub identity: Vec<String>,
    /// Its permissions boundary.
    pub boundary: Option<String>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: RolePolicySource + ?Sized> RolePolicySource for Arc<T> {
    async fn policies(&self, cluster: &ClusterRef, role_arn: &str) -> Result<RolePolicies, BackendError> {
        (**self).policies(cluster, role_arn).await
    }
}
