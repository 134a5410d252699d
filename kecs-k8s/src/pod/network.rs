//! Ports, names and resolvers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{ContainerPort, HostAlias, PodDNSConfig};
use kecs_core::task_spec::{ContainerSpec, NetworkMode, PortMapping, Protocol};
use kecs_core::{BackendError, ErrorKind, TaskSpec};

use super::{ChoosePort, agreed, invalid, unsupported};
use crate::plan::BindingPlan;

/// The ports of a container, and those of the node that are bound to them.
pub(super) fn ports(
    mappings: &[PortMapping],
    mode: NetworkMode,
    choose: ChoosePort<'_>,
) -> Result<(Vec<ContainerPort>, Vec<BindingPlan>), BackendError> {
    let (mut ports, mut bindings) = (Vec::new(), Vec::new());
    for PortMapping { name: _, container_port, container_port_end, host_port, protocol, app_protocol: _ } in mappings {
        for port in *container_port..=container_port_end.unwrap_or(*container_port) {
            let host_port = match mode {
                // The pod's own address.
                NetworkMode::AwsVpc | NetworkMode::None => None,
                NetworkMode::Host => Some(port),
                NetworkMode::Bridge => Some(match host_port {
                    Some(host_port) => *host_port,
                    None => choose(*protocol)
                        .ok_or_else(|| BackendError::new(ErrorKind::Unavailable, "no port of the nodes is free"))?,
                }),
            };
            ports.push(ContainerPort {
                container_port: i32::from(port),
                host_port: host_port.map(i32::from),
                protocol: Some(if *protocol == Protocol::Udp { "UDP" } else { "TCP" }.to_owned()),
                ..ContainerPort::default()
            });
            bindings.extend(host_port.map(|host_port| BindingPlan { container_port: port, host_port, protocol: *protocol }));
        }
    }
    Ok((ports, bindings))
}

/// Behind ECS's bridge every container has ports of its own; the containers of a pod share them.
pub(super) fn check_ports(spec: &TaskSpec) -> Result<(), BackendError> {
    let mut owners: BTreeMap<(u16, bool), &str> = BTreeMap::new();
    for container in &spec.containers {
        for mapping in &container.ports {
            for port in mapping.container_port..=mapping.container_port_end.unwrap_or(mapping.container_port) {
                match owners.insert((port, mapping.protocol == Protocol::Udp), &container.name) {
                    Some(other) if other != container.name => {
                        return Err(unsupported(format_args!(
                            "two containers that listen on the same port ({other} and {}, port {port})",
                            container.name
                        )));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn given(servers: &[String]) -> Option<&[String]> {
    (!servers.is_empty()).then_some(servers)
}

pub(super) fn dns_policy(spec: &TaskSpec) -> String {
    let own_servers = spec.containers.iter().any(|container| !container.dns_servers.is_empty());
    match (own_servers, spec.network_mode) {
        (true, _) => "None",
        (false, NetworkMode::Host) => "ClusterFirstWithHostNet",
        (false, _) => "ClusterFirst",
    }
    .to_owned()
}

pub(super) fn dns_config(containers: &[ContainerSpec]) -> Result<Option<PodDNSConfig>, BackendError> {
    let nameservers = agreed("dnsServers", containers, |container| given(&container.dns_servers).map(<[_]>::to_vec))?;
    let searches = agreed("dnsSearchDomains", containers, |container| given(&container.dns_search).map(<[_]>::to_vec))?;
    Ok((nameservers.is_some() || searches.is_some()).then_some(PodDNSConfig { nameservers, options: None, searches }))
}

/// `extraHosts`, and `links`: a linked container is on this pod's own loopback.
pub(super) fn host_aliases(spec: &TaskSpec) -> Result<Option<Vec<HostAlias>>, BackendError> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |address: &str, name: &str| {
        let known = names.entry(address.to_owned()).or_default();
        if !known.iter().any(|other| other == name) {
            known.push(name.to_owned());
        }
    };
    for container in &spec.containers {
        for (name, address) in &container.extra_hosts {
            if address.parse::<IpAddr>().is_err() {
                return Err(invalid(format!("extraHosts of container {}: {address} is no IP address", container.name)));
            }
            add(address, name);
        }
        for link in &container.links {
            for name in link.split(':') {
                add("127.0.0.1", &name.to_ascii_lowercase());
            }
        }
    }
    let aliases: Vec<HostAlias> = names.into_iter().map(|(ip, names)| HostAlias { hostnames: Some(names), ip }).collect();
    Ok(Some(aliases).filter(|aliases| !aliases.is_empty()))
}
