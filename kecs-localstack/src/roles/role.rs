//! One role in IAM: found, or made.

use std::time::Duration;

use kecs_core::arn::Arn;
use kecs_core::{BackendError, ErrorKind, Scope};

use zeroize::Zeroizing;

use crate::aws::{element, elements};
use crate::{AwsCallError, AwsClient, Caller};

const VERSION: &str = "2010-05-08";
/// "Creating the task IAM role" of the ECS developer guide, without the conditions on the source, which nobody checks here.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ecs-tasks.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#;
/// What a role of ours says of itself.
const DESCRIPTION: &str = "Created by KECS for the tasks that name it.";
/// And how it is told from others, when nobody needs it any more.
const CREATED_TAG: &str = "kecs:created";
/// MaxSessionDuration: "a value from 1 hour to 12 hours" (CreateRole).
const SESSIONS: std::ops::RangeInclusive<u64> = 3600..=43_200;

/// A role by its ARN.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    /// The role's account, in the cluster's region.
    pub(super) owner: Caller,
    name: String,
    /// Begins and ends with a slash.
    path: String,
}

impl Role {
    /// Reads "the short name or full Amazon Resource Name (ARN) of the IAM role" (RegisterTaskDefinition, taskRoleArn).
    pub(super) fn parse(text: &str, cluster: &Scope) -> Result<Self, BackendError> {
        let wrong = || BackendError::new(ErrorKind::Invalid, format!("{text} is neither the ARN nor the name of an IAM role"));
        let Some(arn) = Arn::parse(text) else {
            if text.is_empty() || text.contains(['/', ':']) {
                return Err(wrong());
            }
            let arn = format!("arn:{}:iam::{}:role/{text}", cluster.partition(), cluster.account);
            return Ok(Self { arn, owner: cluster.clone(), name: text.to_owned(), path: "/".to_owned() });
        };
        let path = arn.resource.strip_prefix("role").filter(|_| arn.service == "iam").ok_or_else(wrong)?;
        let (path, name) = path.rsplit_once('/').filter(|(_, name)| !name.is_empty()).ok_or_else(wrong)?;
        let account = if arn.account.is_empty() { &cluster.account } else { arn.account };
        let owner = Scope::new(account, cluster.region.clone());
        Ok(Self { arn: text.to_owned(), owner, name: name.to_owned(), path: format!("{path}/") })
    }

    /// Looks the role up, and makes it where it is missing and `create` has the longest session that it shall allow. Tells the longest session that it
    /// allows, where that is known. May be repeated, and called from several sides at once.
    pub(super) async fn ready(&self, client: &AwsClient, create: Option<Duration>) -> Result<Option<Duration>, BackendError> {
        match client.query(&self.owner, "iam", VERSION, "GetRole", &[("RoleName", &self.name)]).await {
            Ok(xml) => Ok(element(&xml, "MaxSessionDuration").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs)),
            // A LocalStack without IAM: STS assumes any role.
            Err(AwsCallError::Service { status: 501, .. }) => Ok(None),
            Err(error) if error.code() == Some("NoSuchEntity") => match create {
                Some(longest) => self.create(client, longest).await.map(Some),
                None => Err(self.failure("is not there", error)),
            },
            Err(error) => Err(self.failure("cannot be looked up", error)),
        }
    }

    /// As IAM calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks IAM in the name of the role's account.
    pub(super) async fn asked(
        &self,
        client: &AwsClient,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Zeroizing<String>, AwsCallError> {
        client.query(&self.owner, "iam", VERSION, action, parameters).await
    }

    /// Removes the role if it was made here, and nobody has given it policies or the like since.
    pub(super) async fn remove_ours(&self, client: &AwsClient) -> Result<(), BackendError> {
        let name = [("RoleName", self.name.as_str())];
        let is_ours = match self.asked(client, "GetRole", &name).await {
            Ok(xml) => elements(&xml, "Key").any(|key| key == CREATED_TAG),
            Err(AwsCallError::Service { status: 501, .. }) => false,
            Err(error) if error.code() == Some("NoSuchEntity") => false,
            Err(error) => return Err(self.failure("cannot be looked up", error)),
        };
        if !is_ours {
            return Ok(());
        }
        match self.asked(client, "DeleteRole", &name).await {
            Ok(_) => tracing::info!(role = self.arn, "removed a role that was made for tasks"),
            // "Make sure that the role has no policies attached": then somebody has taken it over.
            Err(error) if matches!(error.code(), Some("NoSuchEntity" | "DeleteConflict")) => {}
            Err(error) => return Err(self.failure("cannot be removed", error)),
        }
        Ok(())
    }

    async fn create(&self, client: &AwsClient, longest: Duration) -> Result<Duration, BackendError> {
        let longest = longest.as_secs().clamp(*SESSIONS.start(), *SESSIONS.end());
        let longest_text = longest.to_string();
        let parameters = [
            ("RoleName", self.name.as_str()),
            ("Path", &self.path),
            ("AssumeRolePolicyDocument", TRUST),
            ("Description", DESCRIPTION),
            ("MaxSessionDuration", &longest_text),
            ("Tags.member.1.Key", CREATED_TAG),
            ("Tags.member.1.Value", "true"),
        ];
        match client.query(&self.owner, "iam", VERSION, "CreateRole", &parameters).await {
            Ok(_) => tracing::info!(role = self.arn, "created a role that a task names"),
            // Another task was faster.
            Err(error) if error.code() == Some("EntityAlreadyExists") => {}
            Err(error) => return Err(self.failure("cannot be created", error)),
        }
        Ok(Duration::from_secs(longest))
    }

    /// A failed call about the role.
    pub(super) fn failure(&self, what: &str, error: AwsCallError) -> BackendError {
        let error = error.into_backend_error();
        BackendError::new(error.kind(), format!("role {} {what}: {error}", self.arn))
    }
}
