//! Credentials for registries.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use kecs_core::{BackendError, TaskSpec, secret_json};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Context, belongings, invalid};
use crate::names;
use crate::secret::{Content, TaskSecret};

/// What a user's secret holds. Each part is wiped, also where another is missing.
#[derive(Deserialize, Serialize)]
struct Credentials {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
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

/// The image without its tag and digest, by its full name: what a kubelet looks for in the file. An image that names no registry is one of Docker Hub, where one
/// that names no owner is `library`'s.
fn repository(image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let (registry, path) = match name.split_once('/') {
        Some(("docker.io" | "index.docker.io", path)) => ("docker.io", path),
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
        _ => ("docker.io", name),
    };
    let owner = if registry == "docker.io" && !path.contains('/') { "library/" } else { "" };
    format!("{registry}/{owner}{path}")
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

    // Kubernetes' `keyring.Lookup` takes a key of which the image's path is a longer one, and asks for the name that `parsers.ParseImageName` gives it, which is
    // that of `reference.ParseNormalizedNamed` (pkg/credentialprovider/keyring.go, pkg/kubelet/kuberuntime/kuberuntime_image.go). The key `https://index.docker.io/v1/`
    // is for all of Docker Hub, and only where no other one fits.
    #[test]
    fn credentials_are_for_the_repository() {
        for (image, expected) in [
            ("registry.example:5000/team/app:1", "registry.example:5000/team/app"),
            ("registry.example/app@sha256:abc", "registry.example/app"),
            ("localhost/app", "localhost/app"),
            ("team/app:1", "docker.io/team/app"),
            ("redis", "docker.io/library/redis"),
            ("redis:8@sha256:abc", "docker.io/library/redis"),
            ("docker.io/redis", "docker.io/library/redis"),
            ("index.docker.io/team/app:1", "docker.io/team/app"),
        ] {
            assert_eq!(repository(image), expected, "{image}");
        }
    }

    #[test]
    fn images_of_docker_hub_have_credentials_of_their_own() {
        let with = |name: &str, image: &str, user: &str| {
            let credentials = format!(r#"{{"username":"{user}","password":"hush"}}"#);
            kecs_core::testing::container(name).with(|container| {
                image.clone_into(&mut container.image);
                container.registry_credentials = Some(kecs_core::SecretValue::new(credentials));
            })
        };
        let spec = kecs_core::testing::spec([with("one", "ours/app:1", "us"), with("two", "theirs/app:1", "them")]);
        let config = secret(&spec).expect("they are credentials").expect("there are some");
        let config: serde_json::Value = serde_json::from_slice(config.as_ref()).expect("it is JSON");
        assert_eq!(config["auths"]["docker.io/ours/app"]["username"], "us");
        assert_eq!(config["auths"]["docker.io/theirs/app"]["username"], "them");
    }
}
