//! Files that containers are given: downloaded when their task is created, into a secret that its pod mounts.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kecs_core::task_spec::Artifact;
use kecs_core::{BackendError, ErrorKind, TaskSpec};

use crate::names;
use crate::pod::log_router;
use crate::secret::{Content, TaskSecret};

/// What a secret may hold, in bytes (`MaxSecretSize` of Kubernetes' API).
const ROOM: usize = 1024 * 1024;

/// The secret with the files of a task; `None` where there are none.
///
/// # Errors
///
/// `Invalid` with ECS's text where one cannot be had, or all together are too large.
pub(super) async fn secret(spec: &TaskSpec, prefix: &str, namespace: &str) -> Result<Option<TaskSecret>, BackendError> {
    let (mut data, mut room) = (BTreeMap::new(), ROOM);
    for (index, container) in spec.containers.iter().enumerate() {
        for artifact in &container.artifacts {
            let content = download(artifact, &mut room).await.map_err(|why| {
                let text = format!("ResourceInitializationError: failed to download artifacts: {}: {why}", artifact.object);
                BackendError::new(ErrorKind::Invalid, text)
            })?;
            data.insert(names::file_key(index, artifact.number), Content::new(content));
        }
        for (number, (_, content)) in log_router::files(container, spec.network_mode).into_iter().enumerate() {
            room = room.checked_sub(content.len()).ok_or_else(too_large)?;
            data.insert(names::router_file_key(number), Content::new(content.into()));
        }
    }
    let labels = [(names::OWNER_LABEL.to_owned(), prefix.to_owned()), (names::TASK_LABEL.to_owned(), spec.task.id.to_string())];
    Ok((!data.is_empty()).then(|| TaskSecret {
        metadata: ObjectMeta {
            name: Some(names::files(spec.task.id)),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from(labels)),
            ..ObjectMeta::default()
        },
        kind: "Opaque",
        data,
    }))
}

fn too_large() -> BackendError {
    BackendError::new(ErrorKind::Unsupported, "the files of a task are larger than 1 MiB, which is what a pod can be given")
}

async fn download(artifact: &Artifact, room: &mut usize) -> Result<Vec<u8>, BackendError> {
    let (mut stream, mut content) = (artifact.open().await?, Vec::new());
    while let Some(bytes) = stream.try_next().await? {
        *room = room.checked_sub(bytes.len()).ok_or_else(too_large)?;
        content.extend_from_slice(&bytes);
    }
    Ok(content)
}
