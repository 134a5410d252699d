//! Secrets of Secrets Manager, each version of one with one call.

use futures::future::join_all;
use kecs_core::arn::Arn;
use kecs_core::{Scope, SecretError, SecretRef, SecretValue};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Answer, failure, json_key, owner};
use crate::{AwsCallError, AwsClient};

/// The input of GetSecretValue.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Version<'a> {
    secret_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
}

/// What is wanted of one version: by number of reference, the whole, or a key of its JSON.
type Wanted<'a> = Vec<(usize, Option<&'a str>)>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    #[serde(default, deserialize_with = "value")]
    secret_string: Option<SecretValue>,
    /// In base64, as bytes are in JSON.
    #[serde(default, deserialize_with = "value")]
    secret_binary: Option<SecretValue>,
}

fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretValue>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretValue::new))
}

/// What is stored.
enum Stored {
    Text(SecretValue),
    /// In base64.
    Binary(SecretValue),
}

/// Reads secrets, those with binary data only if they are wanted in base64. The answers are numbered like the references.
pub(super) async fn read(
    client: &AwsClient,
    cluster: &Scope,
    references: &[(usize, &SecretRef)],
    binary_as_base64: bool,
) -> Vec<(usize, Answer)> {
    let mut versions: Vec<(Version<'_>, Wanted<'_>)> = Vec::new();
    for &(place, reference) in references {
        let SecretRef::SecretsManager { secret, json_key, version_stage, version_id } = reference else { continue };
        let version = Version { secret_id: secret, version_stage: version_stage.as_deref(), version_id: version_id.as_deref() };
        let wanted = (place, json_key.as_deref());
        match versions.iter_mut().find(|(known, _)| *known == version) {
            Some((_, all)) => all.push(wanted),
            None => versions.push((version, vec![wanted])),
        }
    }
    let read = versions.into_iter().map(|(version, wanted)| async move {
        let secret = version.read(client, cluster).await;
        let part = |key: Option<&str>| match (&secret, key) {
            (Ok(Stored::Text(secret)), None) => Ok(secret.clone()),
            (Ok(Stored::Text(secret)), Some(key)) => json_key::value(secret, key),
            (Ok(Stored::Binary(secret)), None) if binary_as_base64 => Ok(secret.clone()),
            (Ok(Stored::Binary(_)), _) => Err(version.binary()),
            (Err(failure), _) => Err(failure()),
        };
        wanted.iter().map(|&(place, key)| (place, part(key))).collect::<Vec<_>>()
    });
    join_all(read).await.into_iter().flatten().collect()
}

/// Makes one failure as often as it is wanted.
type Failure<'a> = Box<dyn Fn() -> SecretError + Send + Sync + 'a>;

impl Version<'_> {
    async fn read(&self, client: &AwsClient, cluster: &Scope) -> Result<Stored, Failure<'_>> {
        let arn = Arn::parse(self.secret_id);
        if arn.is_some_and(|arn| arn.resource.split(':').count() != 2) {
            return Err(Box::new(|| self.malformed()));
        }
        let caller = owner(arn.as_ref(), cluster);
        let answer: Result<GetSecretValue, AwsCallError> =
            client.json(&caller, "secretsmanager", "secretsmanager.GetSecretValue", self).await;
        match answer {
            Ok(GetSecretValue { secret_string, secret_binary }) => {
                let stored = secret_string.map(Stored::Text).or(secret_binary.map(Stored::Binary));
                stored.ok_or_else(|| Box::new(|| self.binary()) as Failure<'_>)
            }
            // As Fargate has it (see the tests).
            Err(error) => {
                let what = format!("failed to fetch secret {} from secrets manager: ", self.secret_id);
                Err(Box::new(move || failure(&what, &error)))
            }
        }
    }

    /// In the words of the ECS agent (agent/taskresource/asmsecret), with what is right: a key needs the colons after it.
    fn malformed(&self) -> SecretError {
        let message = format!(
            "trying to retrieve secret with value {} resulted in error: an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again: arn:aws:secretsmanager:region:account:secret:name:json-key:version-stage:version-id, with all three colons after the name, or none",
            self.secret_id
        );
        SecretError::NotFound { message }
    }

    fn binary(&self) -> SecretError {
        let message = format!(
            "secret {} has no SecretString: secrets that store binary data are not supported, store it as text (in Base64, for example)",
            self.secret_id
        );
        SecretError::NotFound { message }
    }
}
