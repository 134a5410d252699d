//! A task definition's volumes.

use kecs_model::ecs::{Scope as VolumeScope, TaskManagedEBSVolumeConfiguration, Volume as WireVolume};

use crate::engine::ManagedVolume;
use crate::task_spec::{Volume, VolumeSource};

/// One volume; `managed` is what the task has for the one that is configured at launch.
///
/// Every member is named here, so that a new one stops the build until it is honoured, or left out with a reason.
pub(super) fn resolve(volume: &WireVolume, managed: Option<&ManagedVolume>) -> Volume {
    let WireVolume {
        configured_at_launch,
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
    } else if let Some(managed) = managed.filter(|_| *configured_at_launch == Some(true)) {
        ebs(managed)
    } else {
        match host.as_ref().and_then(|host| host.source_path.clone()) {
            Some(path) => VolumeSource::Host { path },
            None => VolumeSource::Task,
        }
    };
    Volume { name: name.clone().unwrap_or_default(), source }
}

fn ebs(volume: &ManagedVolume) -> VolumeSource {
    let TaskManagedEBSVolumeConfiguration {
        filesystem_type,
        size_in_gib,
        snapshot_id,
        volume_type,
        // `ManagedVolume::kept` reads it.
        termination_policy: _,
        // Shown to clients; a backend has no AWS account to act in.
        role_arn: _,
        tag_specifications: _,
        // Encryption and speed are those of the backend's own storage.
        encrypted: _,
        iops: _,
        kms_key_id: _,
        throughput: _,
        volume_initialization_rate: _,
    } = volume.configuration.managed_ebs_volume.clone().unwrap_or_default();
    VolumeSource::Ebs {
        id: volume.id.clone(),
        size: size_in_gib.and_then(|size| u32::try_from(size).ok()),
        volume_type,
        filesystem: filesystem_type.map(|kind| kind.as_str().to_owned()),
        snapshot: snapshot_id,
        kept: volume.kept(),
    }
}
