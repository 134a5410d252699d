//! What a network mode does not allow its containers.

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, NetworkMode};

use super::{Subject, in_mode, list, refuse, text};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let mode = subject.network_mode();
    if let NetworkMode::Unrecognized(mode) = mode {
        // Our wording.
        return refuse(format!("Invalid network mode '{mode}'. Must be one of [{}]", NetworkMode::VALUES.join(",")));
    }
    if *mode == NetworkMode::Awsvpc {
        subject.containers.iter().try_for_each(check_awsvpc)?;
    }
    for container in subject.containers {
        if *mode != NetworkMode::Bridge && !list(container.links.as_ref()).is_empty() {
            return refuse(format!("Links are not supported when {}.", in_mode(mode)));
        }
        if *mode == NetworkMode::None && !list(container.port_mappings.as_ref()).is_empty() {
            // Our wording, after that for links: "If the network mode is set to none, you cannot specify port mappings".
            return refuse(format!("Port mappings are not supported when {}.", in_mode(mode)));
        }
    }
    Ok(())
}

fn check_awsvpc(container: &ContainerDefinition) -> Result<(), ApiError> {
    let set = [
        ("hostname is", !text(container.hostname.as_ref()).is_empty()),
        ("Disable Networking is", container.disable_networking == Some(true)),
        ("DNS servers are", !list(container.dns_servers.as_ref()).is_empty()),
        // Our wording, after that for the servers.
        ("DNS search domains are", !list(container.dns_search_domains.as_ref()).is_empty()),
        ("Extra hosts are", !list(container.extra_hosts.as_ref()).is_empty()),
    ];
    match set.into_iter().find(|(_, set)| *set) {
        Some((what, _)) => refuse(format!("{what} not supported on container when {}.", in_mode(&NetworkMode::Awsvpc))),
        None => Ok(()),
    }
}
