//! A container, field by field as the agent has it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kecs_model::ecs::{self, ContainerDefinition, NetworkMode};
use serde::Serialize;

use super::{View, known_status};

/// "Null, zero, and CPU values of 1 are passed to Docker as two CPU shares" (ContainerDefinition, cpu), and the agent shows those.
const LEAST_CPU: u32 = 2;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Container<'a> {
    docker_id: String,
    name: &'a str,
    docker_name: &'a str,
    image: &'a str,
    #[serde(rename = "ImageID")]
    image_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port<'a>>,
    labels: BTreeMap<&'a str, String>,
    desired_status: &'a str,
    known_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    limits: Limits,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_driver: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_options: Option<BTreeMap<&'a str, String>>,
    #[serde(rename = "ContainerARN", skip_serializing_if = "Option::is_none")]
    container_arn: Option<&'a str>,
    networks: Vec<Network<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Port<'a> {
    container_port: i32,
    protocol: &'a str,
    host_port: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_ip: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Limits {
    #[serde(rename = "CPU")]
    cpu: u32,
    memory: u32,
}

/// Docker's words, in its case.
#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Network<'a> {
    network_mode: &'a str,
    #[serde(rename = "IPv4Addresses", skip_serializing_if = "Vec::is_empty")]
    ipv4_addresses: Vec<Cow<'a, str>>,
    #[serde(rename = "IPv6Addresses", skip_serializing_if = "Vec::is_empty")]
    ipv6_addresses: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_index: Option<u32>,
    #[serde(rename = "MACAddress", skip_serializing_if = "Option::is_none")]
    mac_address: Option<&'a str>,
    #[serde(rename = "PrivateDNSName", skip_serializing_if = "Option::is_none")]
    private_dns_name: Option<&'a str>,
}

/// One of the task's containers.
pub(super) fn shown<'a>(view: &'a View<'a>, container: &'a ecs::Container) -> Container<'a> {
    let task = view.task.task();
    let name = container.name.as_deref().unwrap_or_default();
    let definitions = view.task.definition().and_then(|definition| definition.container_definitions.as_deref()).unwrap_or_default();
    let definition = definitions.iter().find(|definition| definition.name.as_deref() == Some(name));
    let log = definition.and_then(|definition| definition.log_configuration.as_ref());
    let size = |text: Option<&String>| text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    Container {
        docker_id: view.agent.endpoint_id(view.task, name),
        name,
        docker_name: name,
        image: container.image.as_deref().unwrap_or_default(),
        image_id: container.image_digest.as_deref().unwrap_or_default(),
        ports: container.network_bindings.iter().flatten().map(|binding| port(view, binding)).collect(),
        labels: labels(view, name, definition),
        desired_status: task.desired_status.as_deref().unwrap_or_default(),
        known_status: known_status(container.last_status.as_deref()),
        exit_code: container.exit_code,
        limits: Limits { cpu: size(container.cpu.as_ref()).max(LEAST_CPU), memory: size(container.memory.as_ref()) },
        r#type: "NORMAL",
        health: definition
            .filter(|definition| definition.health_check.is_some())
            .and(container.health_status.as_ref())
            .map(|status| Health { status: status.as_str() }),
        log_driver: view.v4(log.and_then(|log| log.log_driver.as_ref()).map(ecs::LogDriver::as_str)),
        log_options: view.v4(log.map(|log| log_options(view, name, log))),
        container_arn: view.v4(container.container_arn.as_deref()),
        networks: vec![network(view, container)],
    }
}

fn port<'a>(view: &'a View<'a>, binding: &'a ecs::NetworkBinding) -> Port<'a> {
    Port {
        container_port: binding.container_port.unwrap_or(0),
        protocol: binding.protocol.as_ref().map_or("tcp", |protocol| protocol.as_str()),
        host_port: binding.host_port.unwrap_or(0),
        host_ip: view.v4(binding.bind_ip.as_deref()),
    }
}

/// The agent's labels, and the definition's.
fn labels<'a>(view: &'a View<'a>, name: &str, definition: Option<&'a ContainerDefinition>) -> BTreeMap<&'a str, String> {
    let (family, revision) = view.definition();
    let own = definition.and_then(|definition| definition.docker_labels.as_ref()).into_iter().flatten();
    let mut labels: BTreeMap<&str, String> = own.map(|(key, value)| (key.as_str(), value.clone())).collect();
    labels.extend([
        ("com.amazonaws.ecs.cluster", view.cluster()),
        ("com.amazonaws.ecs.container-name", name.to_owned()),
        ("com.amazonaws.ecs.task-arn", view.task.task().task_arn.clone().unwrap_or_default()),
        ("com.amazonaws.ecs.task-definition-family", family.to_owned()),
        ("com.amazonaws.ecs.task-definition-version", revision.to_owned()),
    ]);
    labels
}

/// The options as the log driver has them: a stream's prefix is told as the stream, `prefix-name/container-name/ecs-task-id`.
fn log_options<'a>(view: &'a View<'a>, name: &str, log: &'a ecs::LogConfiguration) -> BTreeMap<&'a str, String> {
    let options = log.options.iter().flatten();
    let mut options: BTreeMap<&str, String> = options.map(|(key, value)| (key.as_str(), value.clone())).collect();
    if let Some(prefix) = options.remove("awslogs-stream-prefix") {
        let arn = view.task.task().task_arn.as_deref().unwrap_or_default();
        let id = arn.rsplit('/').next().unwrap_or_default();
        options.insert("awslogs-stream", format!("{prefix}/{name}/{id}"));
    }
    options
}

fn network<'a>(view: &'a View<'a>, container: &'a ecs::Container) -> Network<'a> {
    let mode = view.task.definition().and_then(|definition| definition.network_mode.as_ref()).unwrap_or(&NetworkMode::Bridge);
    let mut network = Network { network_mode: mode.as_str(), ..Network::default() };
    if *mode == NetworkMode::Bridge {
        let addresses = view.task.addresses().iter().filter(|address| address.is_ipv4());
        network.ipv4_addresses = addresses.map(|address| Cow::Owned(address.to_string())).collect();
        return network;
    }
    if *mode != NetworkMode::Awsvpc {
        // The agent hands on what Docker says, which is an empty text for the networks `host` and `none` (GetContainerNetworkMetadata in
        // agent/handlers/v3/container_metadata_handler.go).
        network.ipv4_addresses = vec![Cow::Borrowed("")];
        return network;
    }
    let interfaces = || container.network_interfaces.iter().flatten();
    network.ipv4_addresses =
        interfaces().filter_map(|interface| interface.private_ipv4_address.as_deref()).map(Cow::Borrowed).collect();
    network.ipv6_addresses = interfaces().filter_map(|interface| interface.ipv6_address.as_deref()).collect();
    let attachments = view.task.task().attachments.iter().flatten();
    let details = attachments.flat_map(|attachment| attachment.details.iter().flatten());
    let detail = |name: &str| details.clone().find(|detail| detail.name.as_deref() == Some(name))?.value.as_deref();
    network.attachment_index = view.v4(Some(0));
    network.mac_address = view.v4(detail("macAddress"));
    network.private_dns_name = view.v4(detail("privateDnsName"));
    network
}
