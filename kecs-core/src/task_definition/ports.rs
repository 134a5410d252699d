//! Port mappings.

use std::collections::HashSet;

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, NetworkMode, PortMapping, TransportProtocol};

use super::{Subject, in_mode, list, name, refuse, text};

/// "You can specify a maximum of 100 port ranges per container" (PortMapping).
const MOST_RANGES: usize = 100;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let mode = subject.network_mode();
    let mut names = HashSet::new();
    let mut taken = HashSet::new();
    for container in subject.containers {
        let mappings = list(container.port_mappings.as_ref());
        if mappings.iter().filter(|mapping| mapping.container_port_range.is_some()).count() > MOST_RANGES {
            // Our wording.
            return refuse(format!("Container '{}' has more than {MOST_RANGES} port ranges.", name(container)));
        }
        for mapping in mappings {
            let (first, last) = container_ports(container, mapping, mode)?;
            let port_name = text(mapping.name.as_ref());
            check_name(container, port_name)?;
            if !port_name.is_empty() && !names.insert(port_name) {
                return refuse(format!("When {}, port mapping name is already used", in_mode(mode)));
            }
            let protocol = if mapping.protocol == Some(TransportProtocol::Udp) { "UDP" } else { "TCP" };
            // In these modes the containers of a task share one set of ports; elsewhere only what is bound on the host is shared.
            let shared = matches!(mode, NetworkMode::Awsvpc | NetworkMode::Host);
            let used = match mapping.host_port {
                _ if shared => first..=last,
                Some(host @ 1..) => host..=host,
                #[expect(clippy::reversed_empty_ranges, reason = "a port that the host chooses takes none")]
                _ => 1..=0,
            };
            for port in used {
                if !taken.insert((protocol, port)) {
                    // The text for the host's ports is ours, after the other.
                    let whose = if shared { "container" } else { "host" };
                    return refuse(format!(
                        "{protocol} {whose} port '{port}' is used multiple times in task when {}.",
                        in_mode(mode)
                    ));
                }
            }
        }
    }
    Ok(())
}

/// The container's ports, from the first to the last.
fn container_ports(container: &ContainerDefinition, mapping: &PortMapping, mode: &NetworkMode) -> Result<(i32, i32), ApiError> {
    let name = name(container);
    if let Some(range) = &mapping.container_port_range {
        if mapping.container_port.is_some() || mapping.host_port.is_some() {
            return refuse(format!("Invalid port mapping for container '{name}', cannot specify both single port and port range."));
        }
        let ends = range.split_once('-').and_then(|(first, last)| Some((port(first)?, port(last)?)));
        // "The first port in the port range must be less than last port in the port range"; "You must use either the bridge network mode or
        // the awsvpc network mode" (PortMapping).
        let allowed = matches!(mode, NetworkMode::Awsvpc | NetworkMode::Bridge);
        return match ends {
            Some((first, last)) if first < last && allowed => Ok((first, last)),
            _ => refuse(format!("Invalid 'containerPortRange' setting for container '{name}'.")),
        };
    }
    let Some(port) = mapping.container_port.filter(|port| (1..=65_535).contains(port)) else {
        return refuse(format!("Invalid 'containerPort' setting for container '{name}'."));
    };
    match mapping.host_port {
        Some(host) if !(0..=65_535).contains(&host) => refuse(format!("Invalid 'hostPort' setting for container '{name}'.")),
        // 0 stands for "not set".
        Some(host) if host != 0 && host != port && matches!(mode, NetworkMode::Awsvpc | NetworkMode::Host) => {
            refuse(format!("When {}, the host ports and container ports in port mappings must match.", in_mode(mode)))
        }
        _ => Ok((port, port)),
    }
}

fn port(text: &str) -> Option<i32> {
    text.parse().ok().filter(|port| (1..=65_535).contains(port))
}

/// "up to 64 characters … lowercase letters, numbers, underscores (_), and hyphens (-). The name can't start with a hyphen." (PortMapping)
fn check_name(container: &ContainerDefinition, port_name: &str) -> Result<(), ApiError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if port_name.len() > 64 || port_name.starts_with('-') || !port_name.bytes().all(allowed) {
        // Our wording.
        return refuse(format!("Invalid port mapping name '{port_name}' for container '{}'.", name(container)));
    }
    Ok(())
}
