//! The secrets that a task's containers name, read before it starts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use kecs_model::ecs::ContainerDefinition;

use crate::{Report, SecretError, SecretRef, SecretSource, SecretValue};

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

/// Reads every secret that the containers name, each once, side by side.
pub(super) async fn read(
    containers: &[ContainerDefinition],
    sources: &[Arc<dyn SecretSource>],
) -> Result<HashMap<String, SecretValue>, SecretFailure> {
    let mut references: Vec<&String> = containers
        .iter()
        .flat_map(|container| {
            let options = container.log_configuration.iter().flat_map(|log| log.secret_options.iter().flatten());
            container.secrets.iter().flatten().chain(options)
        })
        .filter_map(|secret| secret.value_from.as_ref())
        .collect();
    references.sort_unstable();
    references.dedup();
    let reads = references.into_iter().map(|text| async move { Ok((text.clone(), read_one(text, sources).await?)) });
    Ok(try_join_all(reads).await?.into_iter().collect())
}

async fn read_one(text: &str, sources: &[Arc<dyn SecretSource>]) -> Result<SecretValue, SecretFailure> {
    let reference = SecretRef::parse(text);
    let from = match reference {
        SecretRef::SecretsManager { .. } => "unable to retrieve secret from asm",
        SecretRef::SsmParameter { .. } => "unable to retrieve secrets from ssm",
    };
    let Some(source) = sources.iter().find(|source| source.handles(&reference)) else {
        let error = SecretError::NoSource { reference: text.to_owned() };
        return Err(SecretFailure { from, retried: String::new(), error });
    };
    let mut pause = FIRST_PAUSE;
    let mut retries = 0;
    loop {
        match source.resolve(&reference).await {
            Ok(value) => return Ok(value),
            Err(error @ SecretError::Unavailable { .. }) if retries < RETRIES => {
                tracing::warn!(error = %Report(&error), retry_in = ?pause, "secret not read yet");
                tokio::time::sleep(pause).await;
                pause *= 2;
                retries += 1;
            }
            Err(error) => {
                let retried =
                    if retries > 0 { format!(": service call has been retried {retries} time(s)") } else { String::new() };
                return Err(SecretFailure { from, retried, error });
            }
        }
    }
}
