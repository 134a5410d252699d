//! From a [`TaskSpec`] to its pod and what goes with it, as a pure function: every member is honoured, ignored or refused here, as
//! `docs/kubernetes.md` says.

mod container;
mod environment;
mod health;
mod identity;
pub(crate) mod log_router;
mod network;
mod registry;
mod resources;
mod security;
pub(crate) mod sidecar;
mod text;
mod volumes;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolumeClaim,
    Pod, PodOS, PodSecurityContext, PodSpec, Sysctl, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kecs_core::task_spec::{ContainerSpec, NamespaceMode, NetworkMode, Platform, Protocol};
use kecs_core::{BackendError, ErrorKind, TaskSpec};

use crate::config::KubernetesConfig;
use crate::names;
use crate::plan::TaskPlan;
use crate::roles::Account;
use crate::secret::{Content, TaskSecret};
use crate::time::seconds_up;

/// What the cluster can do that not every cluster can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// CPU and memory of a whole pod may be limited (Kubernetes 1.34).
    pub(crate) pod_resources: bool,
    /// A container may have a restart policy of its own (Kubernetes 1.35).
    pub(crate) container_restarts: bool,
}

impl Abilities {
    /// Those of Kubernetes 1.`minor`, as it comes.
    pub(crate) fn of(minor: u32) -> Self {
        Self { pod_resources: minor >= 34, container_restarts: minor >= 35 }
    }
}

/// Everything that is created for a task.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) namespace: String,
    pub(crate) pod: Pod,
    /// Belong to the pod and go with it.
    pub(crate) secrets: Vec<TaskSecret>,
    /// Outlive the pod.
    pub(crate) claims: Vec<PersistentVolumeClaim>,
}

/// Chooses a port of the node that no other task has; `None` where none is left.
pub(crate) type ChoosePort<'a> = &'a mut dyn FnMut(Protocol) -> Option<u16>;

/// What is the same for all containers of a task.
#[derive(Clone, Copy, Debug)]
struct Context<'a> {
    spec: &'a TaskSpec,
    config: &'a KubernetesConfig,
    abilities: Abilities,
}

fn unsupported(what: impl std::fmt::Display) -> BackendError {
    BackendError::new(ErrorKind::Unsupported, format!("the Kubernetes runtime does not support {what}"))
}

fn invalid(message: impl Into<String>) -> BackendError {
    BackendError::new(ErrorKind::Invalid, message)
}

/// What a pod has once and each container of a task may ask for: what all that ask agree on.
fn agreed<T: PartialEq>(
    field: &str,
    containers: &[ContainerSpec],
    wish: impl Fn(&ContainerSpec) -> Option<T>,
) -> Result<Option<T>, BackendError> {
    let mut wishes = containers.iter().filter_map(wish);
    let first = wishes.next();
    match wishes.find(|other| Some(other) != first.as_ref()) {
        Some(_) => Err(unsupported(format_args!("a {field} that differs between the containers of a task"))),
        None => Ok(first),
    }
}

/// The pod of a task and what goes with it. `account` is that of its role, and `node` the one that it has to run on.
pub(crate) fn manifest(
    spec: &TaskSpec,
    config: &KubernetesConfig,
    abilities: Abilities,
    account: Option<&Account>,
    node: Option<&str>,
    choose: ChoosePort<'_>,
) -> Result<Manifest, BackendError> {
    let TaskSpec {
        task,
        arn,
        family: _, // by `labels`
        revision: _,
        group,
        instance: _, // by `node`
        role: _,     // by `account`
        cpu,
        memory,
        network_mode,
        pid_mode,
        ipc_mode,
        platform,
        ephemeral_storage,
        volumes: _, // by `volumes::plan`
        containers,
        tags,
    } = spec;
    if *network_mode == NetworkMode::None {
        return Err(unsupported("networkMode none: a pod has a network"));
    }
    let context = Context { spec, config, abilities };
    let namespace = names::namespace(&config.prefix, &task.cluster);
    let mut volumes = volumes::plan(&context)?;
    let mut secret = environment::SecretData::default();
    let mut plans = Vec::new();
    let mut parts = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let (part, plan) = container::plan(index, container, &context, &mut volumes, &mut secret, choose)?;
        parts.push(part);
        plans.push(plan);
    }
    network::check_ports(spec)?;
    resources::of_task_in_containers(&context, &mut parts);
    if let Some(gib) = ephemeral_storage {
        resources::scratch(*gib, &mut parts);
    }
    if let Some(account) = account {
        identity::give(account, &context, &mut parts, &mut volumes.volumes);
    }
    let plan = TaskPlan {
        task: task.clone(),
        own_address: matches!(network_mode, NetworkMode::AwsVpc | NetworkMode::Bridge),
        containers: plans,
        log_router: log_router::plan(spec),
    };
    crate::life::check(&plan, arn)?;

    let pull_secret = registry::secret(spec)?;
    let grace = containers.iter().map(|container| seconds_up(container.stop_timeout)).max().unwrap_or(30);
    let pod = Pod {
        metadata: ObjectMeta {
            name: Some(names::pod(task.id)),
            namespace: Some(namespace.clone()),
            labels: Some(labels(spec, config, account)),
            annotations: Some(annotations(arn, tags, containers, &plan)),
            finalizers: Some(vec![names::FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            init_containers: sidecar::container(&context, &parts).map(|sidecar| vec![sidecar]),
            containers: parts,
            restart_policy: Some("Never".to_owned()),
            termination_grace_period_seconds: Some(i64::try_from(grace.max(1)).unwrap_or(i64::MAX)),
            resources: abilities.pod_resources.then(|| resources::of_task(*cpu, *memory)).flatten(),
            volumes: Some(volumes.volumes).filter(|volumes| !volumes.is_empty()),
            image_pull_secrets: pull_secret.as_ref().map(|_| vec![reference(&names::pull_secret(task.id))]),
            // What a task finds in its environment comes from its definition only, and its tokens are those of its role.
            enable_service_links: Some(false),
            automount_service_account_token: Some(false),
            service_account_name: account.map(Account::name).or_else(|| config.service_account.clone()),
            host_network: (*network_mode == NetworkMode::Host).then_some(true),
            hostname: agreed("hostname", containers, |container| container.hostname.clone())?,
            dns_policy: Some(network::dns_policy(spec)),
            dns_config: network::dns_config(containers)?,
            host_aliases: network::host_aliases(spec)?,
            host_pid: (*pid_mode == NamespaceMode::Host).then_some(true),
            share_process_namespace: shares_processes(*pid_mode, containers).then_some(true),
            // The containers of a pod share IPC, whatever the mode.
            host_ipc: (*ipc_mode == NamespaceMode::Host).then_some(true),
            os: platform.as_ref().filter(|platform| is_windows(platform)).map(|_| PodOS { name: "windows".to_owned() }),
            affinity: node.map(on_node),
            node_selector: node_selector(platform.as_ref())?,
            topology_spread_constraints: Some(vec![spread(group)]),
            security_context: sysctls(containers)?,
            ..PodSpec::default()
        }),
        status: None,
    };
    let secrets = secret.into_data().map(|data| opaque(&context, &namespace, data)).into_iter();
    let secrets = secrets.chain(pull_secret.map(|data| registry::docker_config(&context, &namespace, data))).collect();
    Ok(Manifest { namespace, pod, secrets, claims: volumes.claims })
}

fn reference(name: &str) -> LocalObjectReference {
    LocalObjectReference { name: name.to_owned() }
}

/// The metadata of what belongs to a task beside its pod.
fn belongings(context: &Context<'_>, namespace: &str, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(namespace.to_owned()),
        labels: Some(BTreeMap::from([
            (names::OWNER_LABEL.to_owned(), context.config.prefix.clone()),
            (names::TASK_LABEL.to_owned(), context.spec.task.id.to_string()),
        ])),
        ..ObjectMeta::default()
    }
}

fn opaque(context: &Context<'_>, namespace: &str, data: BTreeMap<String, Content>) -> TaskSecret {
    TaskSecret { metadata: belongings(context, namespace, names::pod(context.spec.task.id)), kind: "Opaque", data }
}

fn labels(spec: &TaskSpec, config: &KubernetesConfig, account: Option<&Account>) -> BTreeMap<String, String> {
    let TaskSpec { task, family, revision, group, .. } = spec;
    let mut labels = BTreeMap::from([
        (names::OWNER_LABEL.to_owned(), config.prefix.clone()),
        (names::TASK_LABEL.to_owned(), task.id.to_string()),
        (names::FAMILY_LABEL.to_owned(), names::label(&format!("{family}.{revision}"))),
        (names::GROUP_LABEL.to_owned(), names::label(group)),
    ]);
    labels.extend(account.map(|account| (names::ROLE_LABEL.to_owned(), names::role_label(&task.cluster.scope, account.role()))));
    labels
}

fn annotations(
    arn: &str,
    tags: &BTreeMap<String, String>,
    containers: &[ContainerSpec],
    plan: &TaskPlan,
) -> BTreeMap<String, String> {
    let labels: BTreeMap<_, _> = containers
        .iter()
        .filter(|container| !container.labels.is_empty())
        .map(|container| (&container.name, &container.labels))
        .collect();
    let json = |key: &str, value: serde_json::Result<String>| (key.to_owned(), value.expect("plain data has a JSON form"));
    let mut annotations = BTreeMap::from([
        (names::ARN_ANNOTATION.to_owned(), arn.to_owned()),
        json(names::PLAN_ANNOTATION, serde_json::to_string(plan)),
    ]);
    if !tags.is_empty() {
        annotations.extend([json(names::TAGS_ANNOTATION, serde_json::to_string(tags))]);
    }
    if !labels.is_empty() {
        annotations.extend([json(names::DOCKER_LABELS_ANNOTATION, serde_json::to_string(&labels))]);
    }
    annotations
}

/// An init process that reaps is what a pod's shared process namespace brings; a container alone shares it with nobody.
fn shares_processes(mode: NamespaceMode, containers: &[ContainerSpec]) -> bool {
    match mode {
        NamespaceMode::Task => true,
        NamespaceMode::Host => false,
        NamespaceMode::Default | NamespaceMode::Private => containers.iter().any(|container| container.linux.init_process),
    }
}

fn is_windows(platform: &Platform) -> bool {
    platform.operating_system.starts_with("WINDOWS")
}

fn node_selector(platform: Option<&Platform>) -> Result<Option<BTreeMap<String, String>>, BackendError> {
    let mut selector = BTreeMap::new();
    if let Some(platform) = platform {
        let Platform { operating_system: _, cpu_architecture } = platform;
        let system = if is_windows(platform) { "windows" } else { "linux" };
        selector.insert("kubernetes.io/os".to_owned(), system.to_owned());
        let architecture = match cpu_architecture.as_str() {
            "X86_64" => "amd64",
            "ARM64" => "arm64",
            other => return Err(invalid(format!("there is no cpuArchitecture {other}"))),
        };
        selector.insert("kubernetes.io/arch".to_owned(), architecture.to_owned());
    }
    Ok(Some(selector).filter(|selector| !selector.is_empty()))
}

/// By its name, as pods of a DaemonSet have it: the scheduler still sees whether there is room.
fn on_node(name: &str) -> Affinity {
    let requirement =
        NodeSelectorRequirement { key: "metadata.name".to_owned(), operator: "In".to_owned(), values: Some(vec![name.to_owned()]) };
    let term = NodeSelectorTerm { match_fields: Some(vec![requirement]), match_expressions: None };
    let required = NodeSelector { node_selector_terms: vec![term] };
    let affinity = NodeAffinity { required_during_scheduling_ignored_during_execution: Some(required), ..NodeAffinity::default() };
    Affinity { node_affinity: Some(affinity), ..Affinity::default() }
}

/// The tasks of a group stay apart where they can. Which instance ECS wants is core's to say: strategies do not come here.
fn spread(group: &str) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(BTreeMap::from([(names::GROUP_LABEL.to_owned(), names::label(group))])),
            match_expressions: None,
        }),
        ..TopologySpreadConstraint::default()
    }
}

fn sysctls(containers: &[ContainerSpec]) -> Result<Option<PodSecurityContext>, BackendError> {
    let mut values = BTreeMap::new();
    for (name, value) in containers.iter().flat_map(|container| &container.sysctls) {
        if values.insert(name, value).is_some_and(|other| other != value) {
            return Err(unsupported(format_args!("a systemControl ({name}) that differs between the containers of a task")));
        }
    }
    let sysctls: Vec<Sysctl> =
        values.into_iter().map(|(name, value)| Sysctl { name: name.clone(), value: value.clone() }).collect();
    Ok((!sysctls.is_empty()).then(|| PodSecurityContext { sysctls: Some(sysctls), ..PodSecurityContext::default() }))
}

#[cfg(test)]
mod tests;
