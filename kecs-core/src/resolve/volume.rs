//! A task definition's volumes.

use kecs_model::ecs::{Scope as VolumeScope, Volume as WireVolume};

use crate::task_spec::{Volume, VolumeSource};

/// One volume.
pub(super) fn resolve(volume: &WireVolume) -> Volume {
    Volume { name: volume.name.clone().unwrap_or_default(), source: source(volume) }
}

fn source(volume: &WireVolume) -> VolumeSource {
    if let Some(docker) = &volume.docker_volume_configuration {
        return VolumeSource::Docker {
            shared: docker.scope == Some(VolumeScope::Shared),
            autoprovision: docker.autoprovision.unwrap_or(false),
            driver: docker.driver.clone(),
            driver_options: docker.driver_opts.clone().unwrap_or_default(),
            labels: docker.labels.clone().unwrap_or_default(),
        };
    }
    if let Some(efs) = &volume.efs_volume_configuration {
        return VolumeSource::Efs {
            file_system: efs.file_system_id.clone().unwrap_or_default(),
            root_directory: efs.root_directory.clone(),
            access_point: efs.authorization_config.as_ref().and_then(|authorization| authorization.access_point_id.clone()),
        };
    }
    if volume.fsx_windows_file_server_volume_configuration.is_some() {
        return VolumeSource::Other { kind: "fsxWindowsFileServerVolumeConfiguration" };
    }
    if volume.s3files_volume_configuration.is_some() {
        return VolumeSource::Other { kind: "s3filesVolumeConfiguration" };
    }
    match volume.host.as_ref().and_then(|host| host.source_path.clone()) {
        Some(path) => VolumeSource::Host { path },
        None => VolumeSource::Task,
    }
}
