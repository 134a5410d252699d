//! What the task runs on: compatibilities, platform, namespaces, ephemeral storage, retired fields.

use kecs_model::ApiError;
use kecs_model::ecs::{CPUArchitecture, Compatibility, IpcMode, OSFamily, PidMode};

use super::{Subject, list, refuse};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let input = subject.input;
    for compatibility in list(input.requires_compatibilities.as_ref()) {
        if matches!(compatibility, Compatibility::Unrecognized(_)) {
            return one_of("requiresCompatibilities", compatibility.as_str(), Compatibility::VALUES);
        }
    }
    if !list(input.inference_accelerators.as_ref()).is_empty() {
        return refuse("Unsupported field 'inferenceAccelerators'.");
    }
    if let Some(PidMode::Unrecognized(mode)) = &input.pid_mode {
        return one_of("pidMode", mode, PidMode::VALUES);
    }
    if let Some(IpcMode::Unrecognized(mode)) = &input.ipc_mode {
        return one_of("ipcMode", mode, IpcMode::VALUES);
    }
    if let Some(platform) = &input.runtime_platform {
        if let Some(OSFamily::Unrecognized(family)) = &platform.operating_system_family {
            return one_of("operatingSystemFamily", family, OSFamily::VALUES);
        }
        if let Some(CPUArchitecture::Unrecognized(architecture)) = &platform.cpu_architecture {
            return one_of("cpuArchitecture", architecture, CPUArchitecture::VALUES);
        }
    }
    check_ephemeral_storage(subject)
}

/// Our wording, for all values that AWS's model does not have.
fn one_of(setting: &str, value: &str, valid: &[&str]) -> Result<(), ApiError> {
    refuse(format!("Invalid '{setting}' setting '{value}'. Must be one of [{}]", valid.join(",")))
}

fn check_ephemeral_storage(subject: &Subject<'_>) -> Result<(), ApiError> {
    let Some(storage) = &subject.input.ephemeral_storage else { return Ok(()) };
    let size = storage.size_in_gib.unwrap_or(0);
    if size < 21 {
        return refuse("EphemeralStorage size should be at least 21");
    }
    if size > 200 {
        return refuse("EphemeralStorage size should be at most 200");
    }
    // A definition that names no launch type is for EC2.
    let none_named = list(subject.input.requires_compatibilities.as_ref()).is_empty();
    if none_named || subject.requires(&Compatibility::Ec2) {
        return refuse("Tasks using the EC2 launch type do not support EphemeralStorage.");
    }
    Ok(())
}
