//! One container: its definition, its override, ECS's defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use kecs_model::ecs::{
    ApplicationProtocol, ContainerCondition, ContainerDefinition, ContainerOverride, HealthCheck as WireHealthCheck,
    LinuxParameters as WireLinuxParameters, LogConfiguration as WireLogConfiguration, PortMapping as WirePortMapping,
    ResourceRequirement, ResourceType, TransportProtocol,
};

use super::artifacts::artifacts;
use super::environment::environment;
use super::secrets::Secrets;
use super::{Found, ResolveError};
use crate::task_spec::{
    Condition, ContainerSpec, Dependency, Device, HealthCheck, HealthCommand, LinuxParameters, LogConfiguration, Mount,
    NetworkMode, PortMapping, Protocol, RestartPolicy, Tmpfs, Ulimit,
};
use crate::{SecretRef, SecretValue};

/// "If the parameter is not specified, the default value of 30 seconds is used" (ContainerDefinition, stopTimeout).
const STOP_TIMEOUT: u64 = 30;
/// "The default value is 300 seconds" (ContainerRestartPolicy, restartAttemptPeriod).
const RESTART_ATTEMPT_PERIOD: u64 = 300;

/// Every member of a container definition is named here, so that a new one stops the build until it is honoured, or left out with a reason.
pub(super) fn resolve(
    definition: &ContainerDefinition,
    change: Option<&ContainerOverride>,
    network_mode: NetworkMode,
    found: &Found<'_>,
) -> Result<ContainerSpec, ResolveError> {
    let ContainerDefinition {
        command,
        cpu,
        credential_specs,
        depends_on,
        disable_networking,
        dns_search_domains,
        dns_servers,
        docker_labels,
        docker_security_options,
        entry_point,
        // Together with the override's, in a room of their own.
        environment: _,
        environment_files: _,
        essential,
        extra_hosts,
        // Together with the log configurations of the other containers, in a room of its own.
        firelens_configuration: _,
        health_check: check,
        hostname,
        image,
        interactive,
        links,
        linux_parameters: linux,
        log_configuration: log,
        memory,
        memory_reservation,
        mount_points,
        name,
        port_mappings,
        privileged,
        pseudo_terminal,
        readonly_root_filesystem,
        repository_credentials,
        resource_requirements,
        restart_policy,
        secrets: _,
        start_timeout,
        stop_timeout,
        system_controls,
        ulimits,
        user,
        // Says whether all tasks of a service get the image that the first one got; a backend's image is what it pulls.
        version_consistency: _,
        volumes_from,
        working_directory,
    } = definition;
    let unchanged = ContainerOverride::default();
    let ContainerOverride {
        command: command_override,
        cpu: cpu_override,
        environment: _,
        environment_files: _,
        memory: memory_override,
        memory_reservation: memory_reservation_override,
        name: _,
        resource_requirements: resource_requirements_override,
    } = change.unwrap_or(&unchanged);
    let Found { secrets, .. } = found;
    Ok(ContainerSpec {
        image: image.clone().unwrap_or_default(),
        registry_credentials: repository_credentials
            .as_ref()
            .and_then(|credentials| credentials.credentials_parameter.as_deref())
            .and_then(|parameter| secrets.get(&SecretRef::parse_registry_credentials(parameter)).cloned()),
        entry_point: non_empty(entry_point.as_ref()),
        command: non_empty(command_override.as_ref()).or_else(|| non_empty(command.as_ref())),
        working_directory: working_directory.clone().filter(|path| !path.is_empty()),
        user: user.clone().filter(|user| !user.is_empty()),
        hostname: hostname.clone(),
        environment: environment(definition, change.unwrap_or(&unchanged), found),
        essential: *essential != Some(false),
        depends_on: listed(depends_on.as_ref(), |dependency| Dependency {
            container: dependency.container_name.clone().unwrap_or_default(),
            condition: condition(dependency.condition.as_ref()),
        }),
        start_timeout: start_timeout.map(seconds),
        stop_timeout: stop_timeout.map_or(Duration::from_secs(STOP_TIMEOUT), seconds),
        restart: restart_policy.as_ref().filter(|policy| policy.enabled == Some(true)).map(|policy| RestartPolicy {
            ignored_exit_codes: policy.ignored_exit_codes.clone().unwrap_or_default(),
            attempt_period: policy.restart_attempt_period.map_or(Duration::from_secs(RESTART_ATTEMPT_PERIOD), seconds),
        }),
        health_check: check.as_ref().and_then(health_check),
        cpu: unsigned(cpu_override.or(*cpu)).unwrap_or(0),
        memory: unsigned(memory_override.or(*memory)),
        memory_reservation: unsigned(memory_reservation_override.or(*memory_reservation)),
        gpus: gpus(resource_requirements_override.as_deref().or(resource_requirements.as_deref())),
        ports: port_mappings.iter().flatten().map(|mapping| port(mapping, network_mode)).collect::<Result<_, _>>()?,
        mounts: listed(mount_points.as_ref(), |mount| Mount {
            volume: mount.source_volume.clone().unwrap_or_default(),
            path: mount.container_path.clone().unwrap_or_default(),
            read_only: mount.read_only == Some(true),
        }),
        volumes_from: listed(volumes_from.as_ref(), |from| {
            (from.source_container.clone().unwrap_or_default(), from.read_only == Some(true))
        }),
        links: links.clone().unwrap_or_default(),
        ulimits: listed(ulimits.as_ref(), |limit| Ulimit {
            name: limit.name.as_ref().map_or_else(String::new, |name| name.as_str().to_owned()),
            soft: limit.soft_limit.unwrap_or(0).into(),
            hard: limit.hard_limit.unwrap_or(0).into(),
        }),
        linux: linux_parameters(linux.as_ref()),
        privileged: *privileged == Some(true),
        readonly_root: *readonly_root_filesystem == Some(true),
        dns_servers: dns_servers.clone().unwrap_or_default(),
        dns_search: dns_search_domains.clone().unwrap_or_default(),
        extra_hosts: listed(extra_hosts.as_ref(), |host| {
            (host.hostname.clone().unwrap_or_default(), host.ip_address.clone().unwrap_or_default())
        }),
        disable_networking: *disable_networking == Some(true),
        // "credentialSpecs … replaces dockerSecurityOptions": both hold `credentialspec:…` for a gMSA.
        security_options: docker_security_options.iter().flatten().chain(credential_specs.iter().flatten()).cloned().collect(),
        interactive: *interactive == Some(true),
        pseudo_terminal: *pseudo_terminal == Some(true),
        artifacts: artifacts(definition, found)?,
        labels: docker_labels.clone().unwrap_or_default(),
        sysctls: system_controls
            .iter()
            .flatten()
            .filter_map(|control| Some((control.namespace.clone()?, control.value.clone().unwrap_or_default())))
            .collect(),
        log: log.as_ref().map(|log| log_configuration(log, secrets)),
        // With all containers, by `firelens`.
        blocking_output: false, // by the log driver
        log_router: None,
        name: name.clone().unwrap_or_default(),
    })
}

fn condition(condition: Option<&ContainerCondition>) -> Condition {
    match condition {
        Some(ContainerCondition::Complete) => Condition::Complete,
        Some(ContainerCondition::Success) => Condition::Success,
        Some(ContainerCondition::Healthy) => Condition::Healthy,
        _ => Condition::Start,
    }
}

/// `None` for `["NONE"]`, which switches the image's own check off, and for a command of no known form.
fn health_check(check: &WireHealthCheck) -> Option<HealthCheck> {
    let words = check.command.as_deref()?;
    let command = match words.split_first()? {
        (form, [line]) if form == "CMD-SHELL" => HealthCommand::Shell(line.clone()),
        (form, words) if form == "CMD-SHELL" => HealthCommand::Shell(words.join(" ")),
        (form, words) if form == "CMD" => HealthCommand::Exec(words.to_vec()),
        _ => return None,
    };
    Some(HealthCheck {
        command,
        interval: seconds(check.interval.unwrap_or(30)),
        timeout: seconds(check.timeout.unwrap_or(5)),
        retries: unsigned(check.retries).unwrap_or(3),
        start_period: seconds(check.start_period.unwrap_or(0)),
    })
}

fn gpus(requirements: Option<&[ResourceRequirement]>) -> u32 {
    requirements
        .unwrap_or_default()
        .iter()
        .filter(|requirement| requirement.r#type == Some(ResourceType::Gpu))
        .filter_map(|requirement| requirement.value.as_deref()?.parse::<u32>().ok())
        .sum()
}

fn port(mapping: &WirePortMapping, network_mode: NetworkMode) -> Result<PortMapping, ResolveError> {
    let number = |port: i32| u16::try_from(port).map_err(|_| ResolveError::Invalid(format!("{port} is not a port")));
    let (container_port, container_port_end) = match mapping.container_port_range.as_deref() {
        Some(range) => {
            let invalid = || ResolveError::Invalid(format!("{range} is not a range of ports"));
            let (first, last) = range.split_once('-').ok_or_else(invalid)?;
            let (first, last): (u16, u16) = (first.parse().map_err(|_| invalid())?, last.parse().map_err(|_| invalid())?);
            if first == 0 || first > last {
                return Err(invalid());
            }
            (first, Some(last))
        }
        None => (number(mapping.container_port.unwrap_or(0))?, None),
    };
    let host_port = match (network_mode, mapping.host_port) {
        // "Port mappings … when using awsvpc or host: the host port is the container port."
        (NetworkMode::AwsVpc | NetworkMode::Host, _) => Some(container_port),
        (_, None | Some(0)) => None,
        (_, Some(port)) => Some(number(port)?),
    };
    Ok(PortMapping {
        name: mapping.name.clone(),
        container_port,
        container_port_end,
        host_port,
        protocol: match mapping.protocol {
            Some(TransportProtocol::Udp) => Protocol::Udp,
            _ => Protocol::Tcp,
        },
        app_protocol: mapping.app_protocol.as_ref().map(ApplicationProtocol::as_str).map(str::to_owned),
    })
}

fn linux_parameters(linux: Option<&WireLinuxParameters>) -> LinuxParameters {
    let unset = WireLinuxParameters::default();
    let linux = linux.unwrap_or(&unset);
    let capabilities = linux.capabilities.clone().unwrap_or_default();
    LinuxParameters {
        add_capabilities: capabilities.add.unwrap_or_default(),
        drop_capabilities: capabilities.drop.unwrap_or_default(),
        devices: linux
            .devices
            .iter()
            .flatten()
            .map(|device| {
                let host_path = device.host_path.clone().unwrap_or_default();
                Device {
                    container_path: device.container_path.clone().unwrap_or_else(|| host_path.clone()),
                    host_path,
                    permissions: device.permissions.iter().flatten().map(|permission| permission.as_str().to_owned()).collect(),
                }
            })
            .collect(),
        init_process: linux.init_process_enabled == Some(true),
        shared_memory: unsigned(linux.shared_memory_size),
        tmpfs: linux
            .tmpfs
            .iter()
            .flatten()
            .map(|tmpfs| Tmpfs {
                path: tmpfs.container_path.clone().unwrap_or_default(),
                size: unsigned(tmpfs.size).unwrap_or(0),
                options: tmpfs.mount_options.clone().unwrap_or_default(),
            })
            .collect(),
        max_swap: unsigned(linux.max_swap),
        swappiness: unsigned(linux.swappiness),
    }
}

pub(super) fn log_configuration(log: &WireLogConfiguration, secrets: &Secrets) -> LogConfiguration {
    let secret_options: BTreeMap<String, SecretValue> = log
        .secret_options
        .iter()
        .flatten()
        .filter_map(|option| Some((option.name.clone()?, secrets.get(&SecretRef::parse(option.value_from.as_ref()?))?.clone())))
        .collect();
    LogConfiguration {
        driver: log.log_driver.as_ref().map_or_else(String::new, |driver| driver.as_str().to_owned()),
        options: log.options.clone().unwrap_or_default(),
        secret_options,
    }
}

fn listed<T, U>(items: Option<&Vec<T>>, item: impl Fn(&T) -> U) -> Vec<U> {
    items.into_iter().flatten().map(item).collect()
}

fn non_empty(words: Option<&Vec<String>>) -> Option<Vec<String>> {
    words.filter(|words| !words.is_empty()).cloned()
}

fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn unsigned(number: Option<i32>) -> Option<u32> {
    u32::try_from(number?).ok()
}
