//! Credentials for registries.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kecs_core::{BackendError, TaskSpec};
use serde::Deserialize;
use serde_json::json;

use super::{Context, belongings, invalid};
use crate::names;

/// What a user's secret holds.
#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

/// The content of the task's pull secret; `None` where no container has credentials. They are kept by repository, as two containers may have
/// different ones for one registry.
pub(super) fn secret(spec: &TaskSpec) -> Result<Option<Vec<u8>>, BackendError> {
    let mut registries = serde_json::Map::new();
    for container in &spec.containers {
        let Some(credentials) = &container.registry_credentials else { continue };
        let Ok(Credentials { username, password }) = serde_json::from_str(credentials.expose()) else {
            return Err(invalid(format!(
                "the repositoryCredentials of container {} are not {{\"username\": …, \"password\": …}}",
                container.name
            )));
        };
        registries.insert(repository(&container.image), json!({"username": username, "password": password}));
    }
    Ok((!registries.is_empty()).then(|| json!({"auths": registries}).to_string().into_bytes()))
}

/// The image without its tag and digest, with its registry.
fn repository(image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name.to_owned(),
        // Docker Hub's name in such files.
        _ => "https://index.docker.io/v1/".to_owned(),
    }
}

pub(super) fn docker_config(context: &Context<'_>, namespace: &str, config: Vec<u8>) -> Secret {
    Secret {
        metadata: belongings(context, namespace, names::pull_secret(context.spec.task.id)),
        type_: Some("kubernetes.io/dockerconfigjson".to_owned()),
        immutable: Some(true),
        data: Some(BTreeMap::from([(".dockerconfigjson".to_owned(), ByteString(config))])),
        string_data: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_for_the_repository() {
        assert_eq!(repository("registry.example:5000/team/app:1"), "registry.example:5000/team/app");
        assert_eq!(repository("registry.example/app@sha256:abc"), "registry.example/app");
        assert_eq!(repository("team/app:1"), "https://index.docker.io/v1/");
        assert_eq!(repository("redis"), "https://index.docker.io/v1/");
    }
}
