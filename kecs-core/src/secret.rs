//! The seam to wherever secrets are kept.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use zeroize::Zeroizing;

use crate::ClusterRef;
use crate::arn::Arn;

/// Reads secrets. It only reads: making and changing them is somebody else's power.
///
/// Several sources may be chained; the first that [`handles`](Self::handles) a reference answers for it.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SecretSource: fmt::Debug + Send + Sync + 'static {
    /// Whether this source answers for the reference. Cheap, and says nothing of whether the secret exists.
    fn handles(&self, reference: &SecretRef) -> bool;

    /// The secret's value now, for a task of the cluster: its account and region are where a name without an ARN is looked up. May be
    /// repeated; a value is not cached here. Dropping the future gives the call up.
    ///
    /// # Errors
    ///
    /// The task fails to start with the error's text. Before that, [`Unavailable`](SecretError::Unavailable) is asked again, with pauses and four times in
    /// all; the others are final.
    async fn resolve(&self, cluster: &ClusterRef, reference: &SecretRef) -> Result<SecretValue, SecretError>;

    /// The values of several, each answered for itself and in their order. A source that can read many with one call does it here; by default
    /// each is resolved alone, side by side.
    async fn resolve_all(&self, cluster: &ClusterRef, references: &[SecretRef]) -> Vec<Result<SecretValue, SecretError>> {
        join_all(references.iter().map(|reference| self.resolve(cluster, reference))).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: SecretSource + ?Sized> SecretSource for Arc<T> {
    fn handles(&self, reference: &SecretRef) -> bool {
        (**self).handles(reference)
    }

    async fn resolve(&self, cluster: &ClusterRef, reference: &SecretRef) -> Result<SecretValue, SecretError> {
        (**self).resolve(cluster, reference).await
    }

    async fn resolve_all(&self, cluster: &ClusterRef, references: &[SecretRef]) -> Vec<Result<SecretValue, SecretError>> {
        (**self).resolve_all(cluster, references).await
    }
}

/// What a container's `secrets[].valueFrom` names.
///
/// Follows "Pass sensitive data to an Amazon ECS container" of the ECS developer guide: an ARN of Secrets Manager, optionally with
/// `:json-key:version-stage:version-id`; anything else is a parameter of Systems Manager, by name or ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretRef {
    /// A secret of AWS Secrets Manager.
    SecretsManager {
        /// The secret's ARN, whole or without its random suffix; or its name, for the credentials of a registry.
        secret: String,
        /// The key of a JSON secret; `None` is the whole secret.
        json_key: Option<String>,
        /// `None` is `AWSCURRENT`.
        version_stage: Option<String>,
        /// `None` is the version that the stage names.
        version_id: Option<String>,
    },
    /// A parameter of AWS Systems Manager.
    SsmParameter {
        /// The parameter's name or ARN, as written.
        name: String,
    },
}

impl SecretRef {
    /// Reads a `valueFrom`. Every text is a reference; whether it leads anywhere is for [`SecretSource::resolve`] to say.
    ///
    /// An ARN of Secrets Manager has no further part or all three, as ECS wants it ("you must include colons"); with another number it stays the
    /// `secret` as it is written, which no source has.
    pub fn parse(value_from: &str) -> Self {
        let parts: Vec<&str> = value_from.split(':').collect();
        let is_secret = parts.len() >= 7 && parts[0] == "arn" && parts[2] == "secretsmanager" && parts[5] == "secret";
        if !is_secret {
            return Self::SsmParameter { name: value_from.to_owned() };
        }
        let named = if parts.len() == 10 { 7 } else { parts.len() };
        let part = |n: usize| parts[named..].get(n).filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
        Self::SecretsManager { secret: parts[..named].join(":"), json_key: part(0), version_stage: part(1), version_id: part(2) }
    }

    /// Reads a `repositoryCredentials.credentialsParameter`: "you can use either the full ARN or the name of the secret" (API reference,
    /// RepositoryCredentials).
    pub fn parse_registry_credentials(parameter: &str) -> Self {
        match Self::parse(parameter) {
            Self::SsmParameter { name } if Arn::parse(&name).is_none() => {
                Self::SecretsManager { secret: name, json_key: None, version_stage: None, version_id: None }
            }
            reference => reference,
        }
    }
}

/// A secret's value: kept in memory that is wiped, and printed by nothing.
#[derive(Clone)]
pub struct SecretValue(Arc<Zeroizing<String>>);

impl SecretValue {
    /// Takes the value over.
    pub fn new(value: String) -> Self {
        Self(Arc::new(Zeroizing::new(value)))
    }

    /// The value itself, for the container and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(***)")
    }
}

/// Why a secret could not be read. The text is for the task's `stoppedReason` and never holds a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// No source handles the reference.
    #[error("no secret source is configured for {reference}")]
    NoSource {
        /// The reference as the user wrote it.
        reference: String,
    },
    /// The source has no such secret, or no such key or version of it.
    #[error("{message}")]
    NotFound {
        /// What was not found, in the source's words.
        message: String,
    },
    /// The source refused.
    #[error("{message}")]
    Denied {
        /// The refusal, in the source's words.
        message: String,
    },
    /// The source could not be asked; the same call may succeed later.
    #[error("{message}")]
    Unavailable {
        /// What happened.
        message: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf";

    fn secret(secret: &str, json_key: Option<&str>, version_stage: Option<&str>, version_id: Option<&str>) -> SecretRef {
        let [json_key, version_stage, version_id] = [json_key, version_stage, version_id].map(|part| part.map(str::to_owned));
        SecretRef::SecretsManager { secret: secret.to_owned(), json_key, version_stage, version_id }
    }

    #[test]
    fn a_secret_is_named_by_its_arn_and_every_further_part_may_be_empty() {
        // The examples of "Pass Secrets Manager secrets through Amazon ECS environment variables".
        for (rest, expected) in [
            ("", secret(SECRET, None, None, None)),
            (":username1::", secret(SECRET, Some("username1"), None, None)),
            (":username1:AWSPREVIOUS:", secret(SECRET, Some("username1"), Some("AWSPREVIOUS"), None)),
            ("::AWSPREVIOUS:", secret(SECRET, None, Some("AWSPREVIOUS"), None)),
            (":::9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE", secret(SECRET, None, None, Some("9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE"))),
            (":::", secret(SECRET, None, None, None)),
        ] {
            assert_eq!(SecretRef::parse(&format!("{SECRET}{rest}")), expected, "{rest}");
        }
    }

    #[test]
    fn a_secrets_arn_with_another_number_of_parts_stays_as_it_is() {
        for rest in [":username1", ":username1:", ":username1:::"] {
            let text = format!("{SECRET}{rest}");
            assert_eq!(SecretRef::parse(&text), secret(&text, None, None, None));
        }
    }

    #[test]
    fn what_is_no_secrets_arn_is_a_parameter() {
        for text in ["db", "/app/db:3", "arn:aws:ssm:us-east-1:111122223333:parameter/app/db", "arn:aws:secretsmanager:us-east-1"] {
            assert_eq!(SecretRef::parse(text), SecretRef::SsmParameter { name: text.to_owned() });
        }
    }

    #[test]
    fn the_credentials_of_a_registry_may_be_a_secrets_name() {
        assert_eq!(SecretRef::parse_registry_credentials("prod/registry"), secret("prod/registry", None, None, None));
        assert_eq!(SecretRef::parse_registry_credentials(SECRET), secret(SECRET, None, None, None));
    }
}
