//! Volumes, and who mounts them.

use std::collections::HashSet;

use kecs_model::ApiError;
use kecs_model::ecs::{
    DockerVolumeConfiguration, EFSAuthorizationConfigIAM, EFSTransitEncryption, EFSVolumeConfiguration,
    FSxWindowsFileServerVolumeConfiguration, S3FilesVolumeConfiguration, Scope, Volume,
};

use super::{Subject, is_name, list, refuse, text};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let volumes = list(subject.input.volumes.as_ref());
    let mut names = HashSet::new();
    for volume in volumes {
        check_volume(volume)?;
        if !names.insert(text(volume.name.as_ref())) {
            // Our wording, after that for containers.
            return refuse("Volume names must be unique within a task definition.");
        }
    }
    let mut mounted = HashSet::new();
    for container in subject.containers {
        for mount in list(container.mount_points.as_ref()) {
            let source = text(mount.source_volume.as_ref());
            if !names.contains(source) {
                return refuse(format!("Unknown volume '{source}'."));
            }
            if text(mount.container_path.as_ref()).is_empty() {
                // Our wording.
                return refuse("MountPoint.containerPath should not be null or empty.");
            }
            mounted.insert(source);
        }
        for from in list(container.volumes_from.as_ref()) {
            let source = text(from.source_container.as_ref());
            if subject.container(source).is_none() {
                return refuse(format!("Invalid 'volumesFrom' setting. Unknown container: '{source}'."));
            }
        }
    }
    check_at_launch(volumes, &mounted)
}

/// "Each task definition revision may only have one volume configured at launch" (Volume).
fn check_at_launch(volumes: &[Volume], mounted: &HashSet<&str>) -> Result<(), ApiError> {
    let at_launch: Vec<&str> = volumes
        .iter()
        .filter(|volume| volume.configured_at_launch == Some(true))
        .map(|volume| text(volume.name.as_ref()))
        .collect();
    if at_launch.len() > 1 {
        // Our wording.
        return refuse("A task definition can have only one volume that is configured at launch.");
    }
    let idle: Vec<&str> = at_launch.into_iter().filter(|name| !mounted.contains(name)).collect();
    if !idle.is_empty() {
        return refuse(format!("Volumes [{}] are not referenced by any of the containers", idle.join(", ")));
    }
    Ok(())
}

fn check_volume(volume: &Volume) -> Result<(), ApiError> {
    let name = text(volume.name.as_ref());
    // The wording of both is ours, after that for containers.
    if name.is_empty() {
        return refuse("Volume.name should not be null or empty.");
    }
    if !is_name(name) {
        return refuse("Volume.name contains invalid characters.");
    }
    let kinds = [
        volume.host.as_ref().is_some_and(|host| host.source_path.is_some()),
        volume.docker_volume_configuration.is_some(),
        volume.efs_volume_configuration.is_some(),
        volume.fsx_windows_file_server_volume_configuration.is_some(),
        volume.s3files_volume_configuration.is_some(),
        volume.configured_at_launch == Some(true),
    ];
    if kinds.into_iter().filter(|given| *given).count() > 1 {
        // cloudposse/terraform-aws-ecs-alb-service-task#185 has the text.
        return refuse("When the volume parameter is specified, only one volume configuration type should be used.");
    }
    if let Some(docker) = &volume.docker_volume_configuration {
        check_docker(name, docker)?;
    }
    if let Some(efs) = &volume.efs_volume_configuration {
        check_efs(name, efs)?;
    }
    let missing = [
        volume
            .fsx_windows_file_server_volume_configuration
            .as_ref()
            .and_then(FSxWindowsFileServerVolumeConfiguration::missing_required),
        volume.s3files_volume_configuration.as_ref().and_then(S3FilesVolumeConfiguration::missing_required),
    ];
    match missing.into_iter().flatten().next() {
        // Our wording.
        Some(member) => refuse(format!("Volume '{name}' must specify {member}.")),
        None => Ok(()),
    }
}

/// "This field is only used if the scope is shared" (DockerVolumeConfiguration, autoprovision).
fn check_docker(name: &str, docker: &DockerVolumeConfiguration) -> Result<(), ApiError> {
    if let Some(Scope::Unrecognized(scope)) = &docker.scope {
        // Our wording.
        return refuse(format!("Invalid scope '{scope}' for volume '{name}'. Must be one of [{}]", Scope::VALUES.join(",")));
    }
    if docker.autoprovision == Some(true) && docker.scope != Some(Scope::Shared) {
        // Our wording.
        return refuse(format!("Volume '{name}' can only be autoprovisioned if its scope is shared."));
    }
    Ok(())
}

fn check_efs(name: &str, efs: &EFSVolumeConfiguration) -> Result<(), ApiError> {
    if text(efs.file_system_id.as_ref()).is_empty() {
        // Our wording.
        return refuse(format!("Volume '{name}' must specify fileSystemId."));
    }
    let encrypted = efs.transit_encryption == Some(EFSTransitEncryption::Enabled);
    if efs.transit_encryption_port.is_some() && !encrypted {
        return refuse("TransitEncryptionPort requires that TransitEncryption is enabled.");
    }
    if efs.transit_encryption_port.is_some_and(|port| !(0..=65_535).contains(&port)) {
        // Our wording.
        return refuse(format!("Invalid 'transitEncryptionPort' setting for volume '{name}'."));
    }
    let Some(authorization) = &efs.authorization_config else { return Ok(()) };
    if authorization.iam == Some(EFSAuthorizationConfigIAM::Enabled) && !encrypted {
        return refuse("EFS IAM authorization requires TransitEncryption to be enabled.");
    }
    if !text(authorization.access_point_id.as_ref()).is_empty() {
        if !matches!(text(efs.root_directory.as_ref()), "" | "/") {
            return refuse("When using an EFS access point, the root directory must either be set to \"/\" or be omitted.");
        }
        if !encrypted {
            // Our wording, after that for IAM: "If an access point is used, transit encryption must be enabled" (EFSAuthorizationConfig).
            return refuse("EFS access point requires TransitEncryption to be enabled.");
        }
    }
    Ok(())
}
