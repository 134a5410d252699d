//! What AWS Fargate asks of a task definition, and what it does not have.

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, LinuxParameters, LogDriver, NetworkMode, PidMode, ResourceType, Volume};

use super::{Subject, list, logging, refuse, sizes, text};

/// "For tasks on Fargate, the supported log drivers are awslogs, splunk, and awsfirelens" (LogConfiguration).
const LOG_DRIVERS: [&str; 3] = ["awslogs", "splunk", "awsfirelens"];

/// "the max stop timeout value is 120 seconds" (ContainerDefinition).
const MOST_SECONDS: i32 = 120;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    if *subject.network_mode() != NetworkMode::Awsvpc {
        return refuse("Fargate only supports network mode ‘awsvpc’.");
    }
    check_size(subject)?;
    match &subject.input.pid_mode {
        None | Some(PidMode::Task) => {}
        Some(mode) => {
            return refuse(format!(
                "Tasks using the Fargate launch type do not support pidMode '{mode}'. The supported value for pidMode is 'task'."
            ));
        }
    }
    unsupported("ipcMode", subject.input.ipc_mode.is_some())?;
    unsupported("constraints", !list(subject.input.placement_constraints.as_ref()).is_empty())?;
    list(subject.input.volumes.as_ref()).iter().try_for_each(check_volume)?;
    subject.containers.iter().try_for_each(|container| check_container(subject, container))
}

/// The combinations of CPU units and MiB that the API reference lists (RegisterTaskDefinition, cpu and memory).
fn check_size(subject: &Subject<'_>) -> Result<(), ApiError> {
    let Some(cpu) = sizes::task_cpu(subject)? else {
        return refuse("Fargate requires that 'cpu' be defined at the task level.");
    };
    let Some(memory) = sizes::task_memory(subject)? else {
        return refuse("Fargate requires that 'memory' be defined at the task level.");
    };
    let windows = subject
        .input
        .runtime_platform
        .as_ref()
        .and_then(|platform| platform.operating_system_family.as_ref())
        .is_some_and(|family| family.as_str().starts_with("WINDOWS"));
    let gib = |from: u32, to: u32, step: u32| memory.is_multiple_of(step * 1024) && (from * 1024..=to * 1024).contains(&memory);
    let exists = match cpu {
        256 => !windows && matches!(memory, 512 | 1024 | 2048),
        512 => !windows && gib(1, 4, 1),
        1024 => gib(2, 8, 1),
        2048 => gib(4, 16, 1),
        4096 => gib(8, 30, 1),
        8192 => !windows && gib(16, 60, 4),
        16384 => !windows && gib(32, 120, 8),
        _ => false,
    };
    if !exists {
        return refuse(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        ));
    }
    Ok(())
}

fn check_volume(volume: &Volume) -> Result<(), ApiError> {
    unsupported("sourcePath", volume.host.as_ref().is_some_and(|host| !text(host.source_path.as_ref()).is_empty()))?;
    unsupported("dockerVolumeConfiguration", volume.docker_volume_configuration.is_some())?;
    unsupported("fsxWindowsFileServerVolumeConfiguration", volume.fsx_windows_file_server_volume_configuration.is_some())
}

fn check_container(subject: &Subject<'_>, container: &ContainerDefinition) -> Result<(), ApiError> {
    if container.privileged == Some(true) {
        return refuse("Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.");
    }
    unsupported("dockerSecurityOptions", !list(container.docker_security_options.as_ref()).is_empty())?;
    container.linux_parameters.as_ref().map_or(Ok(()), check_linux)?;
    if list(container.resource_requirements.as_ref()).iter().any(|requirement| requirement.r#type == Some(ResourceType::Gpu)) {
        return refuse("Tasks using the Fargate launch type do not support GPU resource requirements.");
    }
    for (which, timeout) in [("stop", container.stop_timeout), ("start", container.start_timeout)] {
        if timeout.is_some_and(|seconds| seconds > MOST_SECONDS) {
            // The text for the start timeout is ours, after that for the stop timeout.
            return refuse(format!(
                "Tasks using the Fargate launch type must have a container {which} timeout of less than {MOST_SECONDS} seconds."
            ));
        }
    }
    if !subject.has_execution_role() && is_ecr(text(container.image.as_ref())) {
        return refuse("Fargate requires task definition to have execution role ARN to support ECR images.");
    }
    check_log(subject, container)
}

fn check_linux(linux: &LinuxParameters) -> Result<(), ApiError> {
    unsupported("devices", !list(linux.devices.as_ref()).is_empty())?;
    unsupported("sharedMemorySize", linux.shared_memory_size.is_some())?;
    unsupported("maxSwap", linux.max_swap.is_some())?;
    unsupported("swappiness", linux.swappiness.is_some())?;
    let added = linux.capabilities.iter().flat_map(|capabilities| list(capabilities.add.as_ref()));
    match added.into_iter().find(|capability| *capability != "SYS_PTRACE") {
        Some(capability) => refuse(format!("{capability} is not allowed on Fargate.")),
        None => Ok(()),
    }
}

fn check_log(subject: &Subject<'_>, container: &ContainerDefinition) -> Result<(), ApiError> {
    let Some(log) = &container.log_configuration else { return Ok(()) };
    let Some(driver) = &log.log_driver else { return Ok(()) };
    if !LOG_DRIVERS.contains(&driver.as_str()) {
        return logging::not_a_driver(driver.as_str(), &LOG_DRIVERS);
    }
    if *driver == LogDriver::Awslogs {
        if !subject.has_execution_role() {
            return refuse("Fargate requires task definition to have execution role ARN to support log driver awslogs.");
        }
        if !logging::has(log, "awslogs-stream-prefix") {
            return refuse(
                "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.",
            );
        }
    }
    Ok(())
}

/// Whether an image is in a private Amazon ECR registry: `<account>.dkr.ecr.<region>.amazonaws.com/…`.
pub(super) fn is_ecr(image: &str) -> bool {
    image.split('/').next().is_some_and(|host| host.contains(".dkr.ecr.") && host.contains(".amazonaws.com"))
}

fn unsupported(what: &str, given: bool) -> Result<(), ApiError> {
    if given { refuse(format!("Fargate compatible task definitions do not support {what}")) } else { Ok(()) }
}
