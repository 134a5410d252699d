//! What a LocalStack is in Kubernetes, as a pure function of its settings.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, HTTPGetAction, Namespace, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SeccompProfile, Secret, SecretKeySelector, SecurityContext, Service, ServicePort, ServiceSpec, Volume,
    VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::settings::LocalStackSettings;
use crate::names;

/// Where it listens, as LocalStack always does.
pub(super) const PORT: u16 = 4566;
/// Its path for questions about its health.
const HEALTH: &str = "/_localstack/health";
/// Where the image keeps its files.
const FILES: &str = "/var/lib/localstack";
/// The container, and the name of a port.
const CONTAINER: &str = "localstack";
const PORT_NAME: &str = "aws";
/// The key of the token in its Secret.
const TOKEN_KEY: &str = "token";
/// How long a rollout may make no progress. Kubernetes' own default: pulling a gigabyte takes its time.
const PROGRESS_SECONDS: i32 = 600;

/// The label of all LocalStacks' objects, as a selector has it.
pub(super) const ALL: &str = "app.kubernetes.io/name=localstack";

/// All that a LocalStack is, in the order in which it is applied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) namespace: Namespace,
    pub(crate) secret: Option<Secret>,
    pub(crate) claim: Option<PersistentVolumeClaim>,
    pub(crate) service: Service,
    pub(crate) deployment: Deployment,
}

/// From the settings of a LocalStack of the KECS `owner` to what is applied in `namespace`.
pub(crate) fn manifest(settings: &LocalStackSettings, owner: &str, namespace: &str) -> Manifest {
    let name = names::localstack(settings.cluster.as_deref());
    let metadata = |name: &str| metadata(settings, owner, namespace, name);
    let secret = settings.token.as_ref().map(|(_, token)| Secret {
        metadata: metadata(&names::localstack_token(&name)),
        data: Some([(TOKEN_KEY.to_owned(), ByteString(token.expose().as_bytes().to_vec()))].into()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    });
    let claim = settings.volume.as_ref().map(|class| PersistentVolumeClaim {
        metadata: metadata(&name),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: class.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(format!("{}Gi", class.size)))].into()),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    });
    let service = Service {
        metadata: metadata(&name),
        spec: Some(ServiceSpec {
            selector: Some(selector(&name)),
            ports: Some(vec![ServicePort {
                name: Some(PORT_NAME.to_owned()),
                port: i32::from(PORT),
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    };
    let deployment = Deployment {
        metadata: metadata(&name),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: LabelSelector { match_labels: Some(selector(&name)), ..LabelSelector::default() },
            // Never two at once: their contents differ, and a volume is one pod's.
            strategy: Some(DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None }),
            revision_history_limit: Some(1),
            progress_deadline_seconds: Some(PROGRESS_SECONDS),
            template: template(settings, &name),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    };
    Manifest { namespace: namespace_of(namespace), secret, claim, service, deployment }
}

/// The labels by which its pods are found. Not the owner's, by which those of tasks are.
pub(super) fn selector(name: &str) -> BTreeMap<String, String> {
    [(names::LOCALSTACK_LABEL.to_owned(), name.to_owned())].into()
}

fn namespace_of(name: &str) -> Namespace {
    Namespace {
        metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(usual_labels()), ..ObjectMeta::default() },
        ..Namespace::default()
    }
}

fn usual_labels() -> BTreeMap<String, String> {
    [("app.kubernetes.io/managed-by".to_owned(), "kecs".to_owned())].into()
}

fn metadata(settings: &LocalStackSettings, owner: &str, namespace: &str, name: &str) -> ObjectMeta {
    let mut labels = usual_labels();
    labels.insert("app.kubernetes.io/name".to_owned(), "localstack".to_owned());
    labels.insert(names::OWNER_LABEL.to_owned(), owner.to_owned());
    let cluster = settings.cluster.as_ref().map(|cluster| [(names::CLUSTER_ANNOTATION.to_owned(), cluster.clone())].into());
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels),
        annotations: cluster,
        ..ObjectMeta::default()
    }
}

fn template(settings: &LocalStackSettings, name: &str) -> PodTemplateSpec {
    let spec = pod(settings, name);
    let mut labels = usual_labels();
    labels.insert("app.kubernetes.io/name".to_owned(), "localstack".to_owned());
    labels.extend(selector(name));
    // Tells the pods of these settings from those of others, and makes another token another pod.
    let token = settings.token.as_ref().map_or("", |(_, token)| token.expose());
    let text = serde_json::to_string(&spec).expect("a pod has a JSON form");
    labels.insert(names::SETTINGS_LABEL.to_owned(), names::digest(&[&text, token]));
    PodTemplateSpec { metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }), spec: Some(spec) }
}

fn pod(settings: &LocalStackSettings, name: &str) -> PodSpec {
    let volume = Volume { name: "files".to_owned(), ..Volume::default() };
    let volume = if settings.volume.is_some() {
        let claim = PersistentVolumeClaimVolumeSource { claim_name: name.to_owned(), read_only: None };
        Volume { persistent_volume_claim: Some(claim), ..volume }
    } else {
        Volume { empty_dir: Some(EmptyDirVolumeSource::default()), ..volume }
    };
    PodSpec {
        containers: vec![container(settings, name)],
        volumes: Some(vec![volume]),
        // It is not to ask the cluster for anything, and a variable such as LOCALSTACK_PORT, which every Service makes, is a setting to LocalStack.
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(seconds(settings.stop_timeout).into()),
        security_context: Some(PodSecurityContext {
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

fn container(settings: &LocalStackSettings, name: &str) -> Container {
    let plain = settings.environment.iter().map(|(name, value)| EnvVar {
        name: name.clone(),
        // Kubernetes would expand $(NAME).
        value: Some(value.replace("$(", "$$(")),
        value_from: None,
    });
    let secret = settings.token.iter().map(|(variable, _)| EnvVar {
        name: variable.clone(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: names::localstack_token(name),
                key: TOKEN_KEY.to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
    });
    let requests = settings.requests.iter().map(|(of, much)| (of.clone(), Quantity(much.clone()))).collect();
    Container {
        name: CONTAINER.to_owned(),
        image: Some(settings.image.clone()),
        image_pull_policy: settings.image_pull_policy.clone(),
        env: Some(plain.chain(secret).collect()),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: PORT.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        volume_mounts: Some(vec![VolumeMount { name: "files".to_owned(), mount_path: FILES.to_owned(), ..VolumeMount::default() }]),
        // Looked at often, so that it is called as soon as it can be; the others begin when this has succeeded.
        startup_probe: Some(probe(1, seconds(settings.start_timeout).max(1))),
        readiness_probe: Some(probe(5, 2)),
        // As often and as patient as KECS itself is with a LocalStack that hangs.
        liveness_probe: Some(probe(10, 3)),
        resources: Some(ResourceRequirements { requests: Some(requests), ..ResourceRequirements::default() }),
        // Its image runs as root and starts services as other users, so that it keeps the usual capabilities.
        security_context: Some(SecurityContext { allow_privilege_escalation: Some(false), ..SecurityContext::default() }),
        ..Container::default()
    }
}

fn probe(period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(HEALTH.to_owned()),
            port: IntOrString::String(PORT_NAME.to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
