//! The secrets that a task's containers name, read before it starts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use kecs_model::ecs::ContainerDefinition;

use crate::{ClusterRef, Report, SecretError, SecretRef, SecretSource, SecretValue};

/// How often a source that cannot be asked is asked again. AWS tells such numbers: "service call has been retried 3 time(s)".
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A secret could not be read. The text is ECS's `stoppedReason`, in the form that AWS re:Post has ("How do I troubleshoot the
/// ResourceInitializationError … when I pull secrets"), with the source's words for what is wrong.
#[derive(Debug, thiserror::Error)]
#[error(
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: {from}{retried}: {error}"
)]
pub(crate) struct SecretFailure {
    /// `unable to retrieve secret from asm`, or the same of ssm.
    from: &'static str,
    retried: String,
    error: SecretError,
}

/// Reads every secret that the containers name, each once: the sources side by side, each with all that it handles.
pub(super) async fn read(
    cluster: &ClusterRef,
    containers: &[ContainerDefinition],
    sources: &[Arc<dyn SecretSource>],
) -> Result<HashMap<String, SecretValue>, SecretFailure> {
    let mut texts: Vec<&String> = containers.iter().flat_map(named).collect();
    texts.sort_unstable();
    texts.dedup();
    let mut asked: Vec<Asked<'_>> =
        sources.iter().map(|source| Asked { source, texts: Vec::new(), references: Vec::new() }).collect();
    for text in texts {
        let reference = SecretRef::parse(text);
        let Some(asked) = asked.iter_mut().find(|asked| asked.source.handles(&reference)) else {
            let error = SecretError::NoSource { reference: text.clone() };
            return Err(SecretFailure { from: from(&reference), retried: String::new(), error });
        };
        asked.texts.push(text);
        asked.references.push(reference);
    }
    asked.retain(|asked| !asked.texts.is_empty());
    let values = try_join_all(asked.into_iter().map(|asked| asked.read(cluster))).await?;
    Ok(values.into_iter().flatten().collect())
}

/// All `valueFrom`s of a container.
fn named(container: &ContainerDefinition) -> impl Iterator<Item = &String> {
    let options = container.log_configuration.iter().flat_map(|log| log.secret_options.iter().flatten());
    let secrets = container.secrets.iter().flatten().chain(options).filter_map(|secret| secret.value_from.as_ref());
    let registry = container.repository_credentials.iter().filter_map(|credentials| credentials.credentials_parameter.as_ref());
    secrets.chain(registry)
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
    texts: Vec<&'a String>,
    references: Vec<SecretRef>,
}

impl Asked<'_> {
    /// Asks until all is there, or something is wrong that asking again does not mend. What was answered is not asked for again.
    async fn read(mut self, cluster: &ClusterRef) -> Result<Vec<(String, SecretValue)>, SecretFailure> {
        let mut values = Vec::new();
        let mut pause = FIRST_PAUSE;
        let mut retries = 0;
        loop {
            let answers = self.source.resolve_all(cluster, &self.references).await;
            let (mut texts, mut references, mut unavailable) = (Vec::new(), Vec::new(), None);
            for ((text, reference), answer) in self.texts.into_iter().zip(self.references).zip(answers) {
                match answer {
                    Ok(value) => values.push((text.clone(), value)),
                    Err(error @ SecretError::Unavailable { .. }) => {
                        unavailable.get_or_insert((from(&reference), error));
                        texts.push(text);
                        references.push(reference);
                    }
                    Err(error) => return Err(SecretFailure { from: from(&reference), retried: retried(retries), error }),
                }
            }
            let Some((from, error)) = unavailable else { return Ok(values) };
            if retries == RETRIES {
                return Err(SecretFailure { from, retried: retried(retries), error });
            }
            tracing::warn!(error = %Report(&error), retry_in = ?pause, "secret not read yet");
            tokio::time::sleep(pause).await;
            pause *= 2;
            retries += 1;
            (self.texts, self.references) = (texts, references);
        }
    }
}

fn retried(retries: u32) -> String {
    if retries > 0 { format!(": service call has been retried {retries} time(s)") } else { String::new() }
}
