//! What tasks name as secrets: parameters of Systems Manager and secrets of Secrets Manager.
//!
//! A task's references are read with as few calls as there can be, side by side: parameters ten at a time, a secret once for all keys of its JSON.
//! Failures are told in the words that Fargate has for them.

mod go_print;
mod json_key;
mod parameters;
mod secrets_manager;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join;
use kecs_core::arn::Arn;
use kecs_core::{AwsBackends, ClusterRef, Scope, SecretError, SecretRef, SecretSource, SecretValue};

use crate::{AwsCallError, AwsClient, Caller};

/// [`SecretSource`] on Systems Manager (`ssm`) and Secrets Manager (`secretsmanager`) of a cluster's backend.
///
/// An ARN is asked for in its own account and region, a name in the cluster's. The caller is the owner: which role may read a secret is for real
/// AWS to say.
///
/// Follows "Pass sensitive data to an Amazon ECS container" of the ECS developer guide. A secret that stores binary data is refused, since those
/// "are not supported", unless [`binary_as_base64`](Self::binary_as_base64) says otherwise.
#[derive(Clone, Debug)]
pub struct AwsSecrets {
    backends: Arc<dyn AwsBackends>,
    binary_as_base64: bool,
}

impl AwsSecrets {
    /// Reads secrets from the backends of their tasks' clusters.
    pub fn new(backends: Arc<dyn AwsBackends>) -> Self {
        Self { backends, binary_as_base64: false }
    }

    /// Whether a secret that stores binary data is given in base64, where the whole of it is asked for. Default: no. On AWS a task with one does not work.
    #[must_use]
    pub fn binary_as_base64(self, given: bool) -> Self {
        Self { binary_as_base64: given, ..self }
    }
}

type Answer = Result<SecretValue, SecretError>;

#[async_trait]
impl SecretSource for AwsSecrets {
    fn handles(&self, reference: &SecretRef) -> bool {
        matches!(reference, SecretRef::SsmParameter { .. } | SecretRef::SecretsManager { .. })
    }

    async fn resolve(&self, cluster: &ClusterRef, reference: &SecretRef) -> Answer {
        let mut answers = self.resolve_all(cluster, std::slice::from_ref(reference)).await;
        answers.pop().expect("each reference is answered")
    }

    async fn resolve_all(&self, cluster: &ClusterRef, references: &[SecretRef]) -> Vec<Answer> {
        let client = AwsClient::new(self.backends.of(cluster));
        let (mut names, mut secrets) = (Vec::new(), Vec::new());
        for (place, reference) in references.iter().enumerate() {
            match reference {
                SecretRef::SsmParameter { name } => names.push((place, name.as_str())),
                SecretRef::SecretsManager { .. } => secrets.push((place, reference)),
                _ => {}
            }
        }
        let parameters = parameters::read(&client, &cluster.scope, &names);
        let secrets = secrets_manager::read(&client, &cluster.scope, &secrets, self.binary_as_base64);
        let (parameters, secrets) = join(parameters, secrets).await;
        let mut answers: HashMap<usize, Answer> = parameters.into_iter().chain(secrets).collect();
        let unknown = |reference| Err(SecretError::NoSource { reference: format!("{reference:?}") });
        references
            .iter()
            .enumerate()
            .map(|(place, reference)| answers.remove(&place).unwrap_or_else(|| unknown(reference)))
            .collect()
    }
}

/// Whose a thing is: the account and region of its ARN; those of the cluster where it has none.
fn owner(arn: Option<&Arn<'_>>, cluster: &Scope) -> Caller {
    let or = |part: &str, default: &Arc<str>| if part.is_empty() { Arc::clone(default) } else { part.into() };
    match arn {
        Some(arn) => Scope::new(or(arn.account, &cluster.account), or(arn.region, &cluster.region)),
        None => cluster.clone(),
    }
}

/// A failed call, as often as there are references that wanted its answer. `what` stands before the service's own words.
fn failure(what: &str, error: &AwsCallError) -> SecretError {
    let message = format!("{what}{error}");
    match error.code() {
        _ if error.is_retryable() => SecretError::Unavailable { message, source: None },
        Some("ParameterNotFound" | "ResourceNotFoundException") => SecretError::NotFound { message },
        _ => SecretError::Denied { message },
    }
}

#[cfg(test)]
mod tests;
