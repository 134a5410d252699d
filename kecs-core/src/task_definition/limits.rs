//! Timeouts, restart policies, ulimits and kernel settings of a container.

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerDefinition, ContainerRestartPolicy, LinuxParameters, SystemControl, Ulimit, UlimitName};

use super::{list, name, refuse, text};

/// "You can specify a maximum of 50 container exit codes" (ContainerRestartPolicy).
const MOST_EXIT_CODES: usize = 50;

/// The IPC parameters that SystemControl lists, beside `fs.mqueue.*` and `net.*`.
const KERNEL_PARAMETERS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

pub(super) fn check(container: &ContainerDefinition) -> Result<(), ApiError> {
    let name = name(container);
    for (which, timeout) in [("start", container.start_timeout), ("stop", container.stop_timeout)] {
        if timeout.is_some_and(|seconds| seconds < 2) {
            return refuse(format!("Granular {which} timeout on container '{name}' must be at least 2 seconds."));
        }
    }
    if let Some(policy) = &container.restart_policy {
        check_restart(name, policy)?;
    }
    list(container.ulimits.as_ref()).iter().try_for_each(|ulimit| check_ulimit(name, ulimit))?;
    list(container.system_controls.as_ref()).iter().try_for_each(|control| check_system_control(name, control))?;
    container.linux_parameters.as_ref().map_or(Ok(()), |linux| check_linux(name, linux))
}

fn check_restart(name: &str, policy: &ContainerRestartPolicy) -> Result<(), ApiError> {
    if policy.enabled.is_none() {
        // Our wording.
        return refuse(format!("Invalid 'restartPolicy' setting for container '{name}'. 'enabled' must be specified."));
    }
    if policy.restart_attempt_period.is_some_and(|seconds| !(60..=1800).contains(&seconds)) {
        return refuse(format!("The 'restartAttemptPeriod' setting for container '{name}' must be between 60 and 1800."));
    }
    if list(policy.ignored_exit_codes.as_ref()).len() > MOST_EXIT_CODES {
        // Our wording.
        return refuse(format!(
            "The 'ignoredExitCodes' setting for container '{name}' must have at most {MOST_EXIT_CODES} exit codes."
        ));
    }
    Ok(())
}

fn check_ulimit(name: &str, ulimit: &Ulimit) -> Result<(), ApiError> {
    let (Some(limit), Some(soft), Some(hard)) = (&ulimit.name, ulimit.soft_limit, ulimit.hard_limit) else {
        // Our wording.
        return refuse(format!(
            "Invalid 'ulimits' setting for container '{name}'. 'name', 'softLimit' and 'hardLimit' must be specified."
        ));
    };
    if matches!(limit, UlimitName::Unrecognized(_)) {
        return refuse(format!("Unrecognized ulimit name {limit}"));
    }
    // -1 is unlimited, as for Docker.
    if hard != -1 && (soft == -1 || soft > hard) {
        return refuse(format!("Soft limit exceeds hard limit for ulimit {limit}"));
    }
    Ok(())
}

fn check_system_control(name: &str, control: &SystemControl) -> Result<(), ApiError> {
    let namespace = text(control.namespace.as_ref());
    let namespaced = namespace.starts_with("net.") || namespace.starts_with("fs.mqueue.") || KERNEL_PARAMETERS.contains(&namespace);
    if !namespaced || text(control.value.as_ref()).is_empty() {
        // Our wording.
        return refuse(format!(
            "Invalid 'systemControls' setting for container '{name}'. '{namespace}' is not a namespaced kernel parameter with a value."
        ));
    }
    Ok(())
}

fn check_linux(name: &str, linux: &LinuxParameters) -> Result<(), ApiError> {
    // "Accepted values are 0 or any positive integer"; "Accepted values are whole numbers between 0 and 100" (LinuxParameters).
    let settings = [
        ("maxSwap", linux.max_swap, 0, i32::MAX),
        ("swappiness", linux.swappiness, 0, 100),
        ("sharedMemorySize", linux.shared_memory_size, 1, i32::MAX),
    ];
    for (setting, value, least, most) in settings {
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            // Our wording.
            return refuse(format!("Invalid '{setting}' setting for container '{name}'."));
        }
    }
    if list(linux.devices.as_ref()).iter().any(|device| text(device.host_path.as_ref()).is_empty()) {
        // Our wording.
        return refuse(format!("Invalid 'devices' setting for container '{name}'. 'hostPath' must be specified."));
    }
    let nameless =
        |tmpfs: &kecs_model::ecs::Tmpfs| text(tmpfs.container_path.as_ref()).is_empty() || tmpfs.size.is_none_or(|size| size < 1);
    if list(linux.tmpfs.as_ref()).iter().any(nameless) {
        // Our wording.
        return refuse(format!("Invalid 'tmpfs' setting for container '{name}'. 'containerPath' and 'size' must be specified."));
    }
    Ok(())
}
