//! Credentials for registries.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use kecs_core::{BackendError, TaskSpec, secret_json};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{Context, belongings, invalid};
use crate::names;
use crate::secret::{Content, TaskSecret};

/// What a user's secret holds. It is wiped.
#[derive(Deserialize, Serialize)]
struct Credentials {
    username: String,
    password: String,
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.username.zeroize();
        self.password.zeroize();
    }
}

/// Docker's configuration file, as far as it is about registries.
#[derive(Serialize)]
struct DockerConfig {
    /// By repository, as two containers may have different ones for one registry.
    auths: BTreeMap<String, Credentials>,
}

/// The content of the task's pull secret; `None` where no container has credentials.
pub(super) fn secret(spec: &TaskSpec) -> Result<Option<Content>, BackendError> {
    let (mut auths, mut room) = (BTreeMap::new(), 0);
    for container in &spec.containers {
        let Some(credentials) = &container.registry_credentials else { continue };
        let Ok(credentials) = secret_json::read(PhantomData::<Credentials>, credentials.expose().as_bytes()) else {
            return Err(invalid(format!(
                "the repositoryCredentials of container {} are not {{\"username\": …, \"password\": …}}",
                container.name
            )));
        };
        let repository = repository(&container.image);
        // What is written for each beside the texts is shorter, and no escape makes six times as much of a text.
        room += 64 + 6 * (repository.len() + credentials.username.len() + credentials.password.len());
        auths.insert(repository, credentials);
    }
    if auths.is_empty() {
        return Ok(None);
    }
    // It does not grow, which would leave copies behind.
    let mut json = Zeroizing::new(Vec::with_capacity(64 + room));
    serde_json::to_writer(&mut *json, &DockerConfig { auths }).expect("texts have a JSON form");
    Ok(Some(Content::new(std::mem::take(&mut *json))))
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

pub(super) fn docker_config(context: &Context<'_>, namespace: &str, config: Content) -> TaskSecret {
    TaskSecret {
        metadata: belongings(context, namespace, names::pull_secret(context.spec.task.id)),
        kind: "kubernetes.io/dockerconfigjson",
        data: BTreeMap::from([(".dockerconfigjson".to_owned(), config)]),
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
