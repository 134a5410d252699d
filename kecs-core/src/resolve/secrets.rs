//! The secrets that a task's containers name, read before it starts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use kecs_model::ecs::ContainerDefinition;

use crate::{ClusterRef, Report, SecretError, SecretRef, SecretSource, SecretValue};

/// How often a source is asked that cannot be asked. AWS tells the number, of every failure: "service call has been retried 1 time(s)".
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A secret could not be read. The text is ECS's `stoppedReason`, in the form that Fargate gives it (aws/copilot-cli#4504), with the source's words
/// for what is wrong.
#[derive(Debug, thiserror::Error)]
#[error(
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: {from}{retried}: {error}"
)]
pub(crate) struct SecretFailure {
    /// `unable to retrieve secret from asm`, or the same of ssm.
    from: &'static str,
    /// How often the source was asked; empty where there is none.
    retried: String,
    error: SecretError,
}

/// The values of the secrets that a task's containers name.
pub(super) type Secrets = HashMap<SecretRef, SecretValue>;

/// Reads every secret that the containers name, each once: the sources side by side, each with all that it handles.
pub(super) async fn read(
    cluster: &ClusterRef,
    containers: &[ContainerDefinition],
    sources: &[Arc<dyn SecretSource>],
) -> Result<Secrets, SecretFailure> {
    let mut named: HashMap<SecretRef, &str> = HashMap::new();
    for container in containers {
        named.extend(references(container));
    }
    let mut named: Vec<(SecretRef, &str)> = named.into_iter().collect();
    named.sort_unstable_by_key(|&(_, text)| text);
    let mut asked: Vec<Asked<'_>> = sources.iter().map(|source| Asked { source, references: Vec::new() }).collect();
    for (reference, text) in named {
        let Some(asked) = asked.iter_mut().find(|asked| asked.source.handles(&reference)) else {
            let error = SecretError::NoSource { reference: text.to_owned() };
            return Err(SecretFailure { from: from(&reference), retried: String::new(), error });
        };
        asked.references.push(reference);
    }
    asked.retain(|asked| !asked.references.is_empty());
    let values = try_join_all(asked.into_iter().map(|asked| asked.read(cluster))).await?;
    Ok(values.into_iter().flatten().collect())
}

/// All secrets of a container, each with the text that names it.
fn references(container: &ContainerDefinition) -> impl Iterator<Item = (SecretRef, &str)> {
    let options = container.log_configuration.iter().flat_map(|log| log.secret_options.iter().flatten());
    let secrets = container.secrets.iter().flatten().chain(options).filter_map(|secret| secret.value_from.as_deref());
    let registry = container.repository_credentials.iter().filter_map(|credentials| credentials.credentials_parameter.as_deref());
    secrets
        .map(|text| (SecretRef::parse(text), text))
        .chain(registry.map(|text| (SecretRef::parse_registry_credentials(text), text)))
}

/// What AWS says of the service that could not be asked.
fn from(reference: &SecretRef) -> &'static str {
    match reference {
        SecretRef::SecretsManager { .. } => "unable to retrieve secret from asm",
        SecretRef::SsmParameter { .. } => "unable to retrieve secrets from ssm",
    }
}

/// What one source is asked.
struct Asked<'a> {
    source: &'a Arc<dyn SecretSource>,
    references: Vec<SecretRef>,
}

impl Asked<'_> {
    /// Asks until all is there, or something is wrong that asking again does not mend. What was answered is not asked for again.
    async fn read(mut self, cluster: &ClusterRef) -> Result<Vec<(SecretRef, SecretValue)>, SecretFailure> {
        let mut values = Vec::new();
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let answers = self.source.resolve_all(cluster, &self.references).await;
            tries += 1;
            let failure = |reference: &SecretRef, error| {
                let retried = format!(": service call has been retried {tries} time(s)");
                SecretFailure { from: from(reference), retried, error }
            };
            let (mut open, mut unavailable) = (Vec::new(), None);
            for (reference, answer) in self.references.into_iter().zip(answers) {
                match answer {
                    Ok(value) => values.push((reference, value)),
                    Err(error @ SecretError::Unavailable { .. }) => {
                        unavailable.get_or_insert_with(|| failure(&reference, error));
                        open.push(reference);
                    }
                    Err(error) => return Err(failure(&reference, error)),
                }
            }
            let Some(failure) = unavailable else { return Ok(values) };
            if tries == TRIES {
                return Err(failure);
            }
            tracing::warn!(error = %Report(&failure.error), retry_in = ?pause, "secret not read yet");
            tokio::time::sleep(pause).await;
            pause *= 2;
            self.references = open;
        }
    }
}
