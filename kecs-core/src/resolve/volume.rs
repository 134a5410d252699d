//! A task definition's volumes.

use kecs_model::ecs::{Scope as VolumeScope, Volume as WireVolume};

use crate::task_spec::{Volume, VolumeSource};

/// One volume.
///
/// Every member is named here, so that a new one stops the build until it is honoured, or left out with a reason.
pub(super) fn resolve(volume: &WireVolume) -> Volume {
    let WireVolume {
        // An Amazon EBS volume that is made for the task and gone with it: what `VolumeSource::Task` is.
        configured_at_launch: _,
        docker_volume_configuration,
        efs_volume_configuration,
        fsx_windows_file_server_volume_configuration,
        host,
        name,
        s3files_volume_configuration,
    } = volume;
    let source = if let Some(docker) = docker_volume_configuration {
        VolumeSource::Docker {
            shared: docker.scope == Some(VolumeScope::Shared),
            autoprovision: docker.autoprovision.unwrap_or(false),
            driver: docker.driver.clone(),
            driver_options: docker.driver_opts.clone().unwrap_or_default(),
            labels: docker.labels.clone().unwrap_or_default(),
        }
    } else if let Some(efs) = efs_volume_configuration {
        VolumeSource::Efs {
            file_system: efs.file_system_id.clone().unwrap_or_default(),
            root_directory: efs.root_directory.clone(),
            access_point: efs.authorization_config.as_ref().and_then(|authorization| authorization.access_point_id.clone()),
        }
    } else if fsx_windows_file_server_volume_configuration.is_some() {
        VolumeSource::Other { kind: "fsxWindowsFileServerVolumeConfiguration" }
    } else if s3files_volume_configuration.is_some() {
        VolumeSource::Other { kind: "s3filesVolumeConfiguration" }
    } else {
        match host.as_ref().and_then(|host| host.source_path.clone()) {
            Some(path) => VolumeSource::Host { path },
            None => VolumeSource::Task,
        }
    };
    Volume { name: name.clone().unwrap_or_default(), source }
}
