//! From a node to the container instance that it is, as a pure function.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kecs_core::{ClusterRef, HostInstance};
use kube::ResourceExt;

use crate::config::NodeInstances;

/// The label of a node that says of which ECS cluster it is a container instance.
pub(crate) const CLUSTER_LABEL: &str = "kecs.io/cluster";
/// That KECS cordoned the node, because its instance is DRAINING.
pub(crate) const DRAINING: &str = "kecs.io/draining";

/// What taints of Kubernetes itself begin with: they say what a node's conditions say too.
const OWN_TAINTS: &str = "node.kubernetes.io/";

/// The id of the container instance that a node is: its uid, without hyphens.
pub(crate) fn instance_id(node: &Node) -> Option<String> {
    let id = node.metadata.uid.as_deref()?.replace('-', "");
    (id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(id)
}

/// The container instance that a node is, if it is one.
pub(crate) fn instance(node: &Node, instances: &NodeInstances, gpu_resource: &str) -> Option<HostInstance> {
    let cluster = cluster(node, instances)?;
    let id = instance_id(node)?;
    let status = node.status.as_ref()?;
    let info = status.node_info.as_ref();
    let allocatable = status.allocatable.as_ref()?;
    let of = |resource: &str| allocatable.get(resource).and_then(number).unwrap_or(0.0);
    let cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    let drained = cordoned && node.annotations().contains_key(DRAINING);
    let ready = status.conditions.iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let gpus = (0..whole(of(gpu_resource))).map(|index| format!("gpu-{index}")).collect();
    Some(HostInstance {
        cluster,
        id,
        name: node.name_any(),
        cpu: whole(of("cpu") * 1024.0),
        memory: whole(of("memory") / 1024.0 / 1024.0),
        gpus,
        attributes: attributes(node),
        agent_version: info.map(|info| info.kubelet_version.clone()),
        runtime_version: info.map(|info| info.container_runtime_version.clone()),
        // Nothing is scheduled to a node that its operators cordoned either.
        available: ready && (drained || !cordoned),
        drained,
    })
}

fn cluster(node: &Node, instances: &NodeInstances) -> Option<ClusterRef> {
    let (scope, all) = match instances {
        NodeInstances::None => return None,
        NodeInstances::Labelled(scope) => (scope, None),
        NodeInstances::All(cluster) => (&cluster.scope, Some(&cluster.name)),
    };
    let name = match node.labels().get(CLUSTER_LABEL).filter(|name| !name.is_empty()) {
        Some(name) => name.as_str().into(),
        None => all.filter(|_| takes_any_pod(node))?.clone(),
    };
    Some(ClusterRef { scope: scope.clone(), name })
}

/// Whether pods run there that tolerate nothing, such as those of tasks.
fn takes_any_pod(node: &Node) -> bool {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    !taints.filter(|taint| taint.effect != "PreferNoSchedule").any(|taint| !taint.key.starts_with(OWN_TAINTS))
}

/// Those that ECS has of its own ("Amazon ECS container instance attributes"), and the node's labels.
fn attributes(node: &Node) -> BTreeMap<String, String> {
    let mut attributes: BTreeMap<String, String> = node.labels().clone();
    let label = |name: &str| node.labels().get(name).cloned();
    let architecture = label("kubernetes.io/arch").map(|name| if name == "amd64" { "x86_64".to_owned() } else { name });
    for (name, value) in [
        ("ecs.os-type", Some(label("kubernetes.io/os").unwrap_or_else(|| "linux".to_owned()))),
        ("ecs.cpu-architecture", architecture),
        ("ecs.availability-zone", label("topology.kubernetes.io/zone")),
        ("ecs.instance-type", label("node.kubernetes.io/instance-type")),
    ] {
        attributes.extend(value.map(|value| (name.to_owned(), value)));
    }
    attributes
}

/// A quantity as a number ("Quantity" of Kubernetes' API reference).
fn number(quantity: &Quantity) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let text = quantity.0.trim();
    let with_suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (digits, factor) = with_suffix.unwrap_or((text, 1.0));
    digits.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0).map(|value| value * factor)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and nothing here is negative")]
fn whole(value: f64) -> u32 {
    // What a factor such as 0.001 loses must not cost a unit.
    (value + 1e-6) as u32
}
