//! The credentials of roles, from STS, and the roles themselves, which a local AWS hardly ever has.

mod policies;
mod role;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kecs_core::{AwsBackends, AwsHealth, BackendError, ClusterRef, ErrorKind, RoleCredentialSource, RoleCredentials, SecretValue};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

use crate::AwsClient;
use crate::aws::element;

use role::Role;

/// "The default expiration time for the generated IAM role credentials is 6 hours." (IAM roles for tasks, ECS developer guide)
const DURATION: Duration = Duration::from_hours(6);
/// The shortest session that STS gives: "from 900 seconds (15 minutes)" (AssumeRole, DurationSeconds).
const SHORTEST: Duration = Duration::from_mins(15);

/// [`RoleCredentialSource`] on STS (`sts`) and IAM (`iam`) of a cluster's backend.
///
/// The role is looked up first, since LocalStack and moto let one assume roles that are not there. One that is missing is created, with the trust
/// policy that ECS wants (`ecs-tasks.amazonaws.com`) and no permissions, unless [told otherwise](Self::create_missing). The caller is the role's
/// account. One that was created here goes again when no task needs it, unless somebody gave it policies. Credentials last 6 hours as those of ECS, or as long as the role allows.
#[derive(Clone, Debug)]
pub struct AwsRoles {
    backends: Arc<dyn AwsBackends>,
    create_missing: bool,
    duration: Duration,
}

impl AwsRoles {
    /// Assumes roles in the backends of their tasks' clusters.
    pub fn new(backends: Arc<dyn AwsBackends>) -> Self {
        Self { backends, create_missing: true, duration: DURATION }
    }

    /// Whether a role that is missing is created; by default it is. Where not, its tasks get no credentials.
    #[must_use]
    pub fn create_missing(mut self, create: bool) -> Self {
        self.create_missing = create;
        self
    }

    /// How long credentials last, where the role allows it: 6 hours by default, 15 minutes at least.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = duration.max(SHORTEST);
        self
    }
}

#[async_trait]
impl RoleCredentialSource for AwsRoles {
    async fn assume(&self, cluster: &ClusterRef, role_arn: &str, session: &str) -> Result<RoleCredentials, BackendError> {
        let role = Role::parse(role_arn, &cluster.scope)?;
        let client = AwsClient::new(self.backends.of(cluster));
        let allowed = role.ready(&client, self.create_missing.then_some(self.duration)).await?;
        let duration = allowed.map_or(self.duration, |allowed| allowed.min(self.duration)).as_secs().to_string();
        let parameters = [("RoleArn", role.arn.as_str()), ("RoleSessionName", session), ("DurationSeconds", &duration)];
        let answer = client.query(&role.owner, "sts", "2011-06-15", "AssumeRole", &parameters).await;
        let xml = answer.map_err(|error| role.failure("cannot be assumed", error))?;
        credentials(&xml).ok_or_else(|| {
            BackendError::new(ErrorKind::Internal, format!("role {} was assumed, but the answer has no credentials", role.arn))
        })
    }

    async fn release(&self, cluster: &ClusterRef, role_arn: &str) -> Result<(), BackendError> {
        let backend = self.backends.of(cluster);
        // One that does not run has no roles, and is not started to be told so.
        if backend.health().await? != AwsHealth::Ready {
            return Ok(());
        }
        Role::parse(role_arn, &cluster.scope)?.remove_ours(&AwsClient::new(backend)).await
    }
}

fn credentials(xml: &str) -> Option<RoleCredentials> {
    let expiration = element(xml, "Expiration")?;
    Some(RoleCredentials {
        access_key_id: element(xml, "AccessKeyId")?,
        secret_access_key: SecretValue::new(element(xml, "SecretAccessKey")?),
        session_token: SecretValue::new(element(xml, "SessionToken")?),
        expiration: Deserialize::deserialize(IntoDeserializer::<ValueError>::into_deserializer(expiration)).ok()?,
    })
}

#[cfg(test)]
mod tests;
