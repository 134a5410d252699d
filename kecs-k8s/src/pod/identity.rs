//! Who a task is in the cluster: the service account of its role, and the tokens that prove it.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, EnvVar, KeyToPath, ObjectFieldSelector,
    ProjectedVolumeSource, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};

use super::Context;
use crate::roles::Account;

/// Where Amazon EKS has the token that STS takes ("IAM roles for service accounts", `AWS_WEB_IDENTITY_TOKEN_FILE`).
const WEB_IDENTITY_FOLDER: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
const WEB_IDENTITY: &str = "kecs-web-identity";
/// STS, as the audience of a token.
const AUDIENCE: &str = "sts.amazonaws.com";
/// A day, as on Amazon EKS. The kubelet writes a new token in time.
const WEB_IDENTITY_SECONDS: i64 = 86_400;

/// Where every Kubernetes client looks for its token ("Accessing the Kubernetes API from a Pod").
const API_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const API_ACCESS: &str = "kecs-api-access";
/// An hour, with the seven seconds by which the API server knows a token that is mounted where older clients do not read it again.
const API_SECONDS: i64 = 3607;
/// The cluster's authority, which Kubernetes puts into each namespace.
const AUTHORITY: &str = "kube-root-ca.crt";

const TOKEN: &str = "token";

/// Asks for the variables by which SDKs show that token to STS.
const WEB_IDENTITY_LABEL: &str = "kecs.io/web-identity";

/// Gives the containers the tokens of their task's account. The sidecar has none: whatever comes by it is the task's own call.
pub(super) fn give(account: &Account, context: &Context<'_>, parts: &mut [Container], volumes: &mut Vec<Volume>) {
    let mut tokens = vec![(WEB_IDENTITY, WEB_IDENTITY_FOLDER, vec![token(Some(AUDIENCE), WEB_IDENTITY_SECONDS)])];
    if account.has_rights() {
        tokens.push((API_ACCESS, API_FOLDER, vec![token(None, API_SECONDS), authority(), namespace()]));
    }
    for (name, folder, sources) in tokens {
        let source = ProjectedVolumeSource { default_mode: Some(0o644), sources: Some(sources) };
        volumes.push(Volume { name: name.to_owned(), projected: Some(source), ..Volume::default() });
        for part in &mut *parts {
            let mounts = part.volume_mounts.get_or_insert_default();
            // What a task mounts itself stays.
            if mounts.iter().all(|mount| mount.mount_path != folder) {
                mounts.push(VolumeMount {
                    name: name.to_owned(),
                    mount_path: folder.to_owned(),
                    read_only: Some(true),
                    ..VolumeMount::default()
                });
            }
        }
    }
    for (part, container) in parts.iter_mut().zip(&context.spec.containers) {
        if container.labels.get(WEB_IDENTITY_LABEL).is_some_and(|wish| wish == "true") {
            variables(account, context, part);
        }
    }
}

/// SDKs prefer these to the credentials that ECS has for a task, so they come to those only that ask.
fn variables(account: &Account, context: &Context<'_>, part: &mut Container) {
    let own = part.env.get_or_insert_default();
    for (name, value) in [
        ("AWS_ROLE_ARN", account.role()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &format!("{WEB_IDENTITY_FOLDER}/{TOKEN}")),
        // As ECS calls the sessions of a task.
        ("AWS_ROLE_SESSION_NAME", &context.spec.task.id.to_string()),
    ] {
        if own.iter().all(|variable| variable.name != name) {
            own.push(EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None });
        }
    }
}

fn token(audience: Option<&str>, seconds: i64) -> VolumeProjection {
    VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: audience.map(str::to_owned),
            expiration_seconds: Some(seconds),
            path: TOKEN.to_owned(),
        }),
        ..VolumeProjection::default()
    }
}

fn authority() -> VolumeProjection {
    let file = "ca.crt".to_owned();
    VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: AUTHORITY.to_owned(),
            items: Some(vec![KeyToPath { key: file.clone(), path: file, mode: None }]),
            optional: None,
        }),
        ..VolumeProjection::default()
    }
}

fn namespace() -> VolumeProjection {
    let field = ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: "metadata.namespace".to_owned() };
    let file = DownwardAPIVolumeFile { path: "namespace".to_owned(), field_ref: Some(field), ..DownwardAPIVolumeFile::default() };
    VolumeProjection { downward_api: Some(DownwardAPIProjection { items: Some(vec![file]) }), ..VolumeProjection::default() }
}
