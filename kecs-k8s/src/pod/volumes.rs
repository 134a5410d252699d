//! Volumes, and where containers see them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, EphemeralVolumeSource, HostPathVolumeSource, NFSVolumeSource, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate, PersistentVolumeClaimVolumeSource, SecretVolumeSource, Volume,
    VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kecs_core::BackendError;
use kecs_core::task_spec::{ContainerSpec, Device, Mount, Tmpfs, VolumeSource};

use super::{Context, invalid, log_router, unsupported};
use crate::config::{EfsBacking, VolumeClass};
use crate::names;

/// The volume with the files that containers are given.
const FILES: &str = "kecs-files";

/// The volume with the socket of the log router.
const ROUTER_SOCKET: &str = "kecs-log-router";

/// The pod's volumes, and the claims that they are of.
#[derive(Debug, Default)]
pub(super) struct VolumePlans {
    pub(super) volumes: Vec<Volume>,
    pub(super) claims: Vec<PersistentVolumeClaim>,
}

/// The task's volumes. What single containers ask for comes with [`VolumePlans::mounts`].
pub(super) fn plan(context: &Context<'_>) -> Result<VolumePlans, BackendError> {
    let mut plans = VolumePlans::default();
    for kecs_core::task_spec::Volume { name, source } in &context.spec.volumes {
        let mut volume = Volume { name: names::part(name), ..Volume::default() };
        match source {
            VolumeSource::Task => volume.empty_dir = Some(scratch(context)),
            VolumeSource::Host { path } => {
                // As with Docker: a file or a socket is mounted, too, and what is not there the container runtime makes as a folder.
                volume.host_path = Some(HostPathVolumeSource { path: path.clone(), type_: None });
            }
            VolumeSource::Docker { shared, autoprovision, driver, driver_options, labels: _ } => {
                if let Some(driver) = driver.as_deref().filter(|driver| *driver != "local") {
                    return Err(unsupported(format_args!("the volume driver {driver} (volume {name})")));
                }
                if !driver_options.is_empty() {
                    return Err(unsupported(format_args!("driverOpts (volume {name})")));
                }
                if *shared {
                    let claim = names::claim("volume", &[name]);
                    if *autoprovision {
                        plans.claim(context, &claim, "ReadWriteOnce", &context.config.shared_volumes, None);
                    }
                    volume.persistent_volume_claim = Some(claimed(claim));
                } else {
                    volume.empty_dir = Some(scratch(context));
                }
            }
            VolumeSource::Efs { file_system, root_directory, access_point } => {
                let folder = [Some(file_system), access_point.as_ref(), root_directory.as_ref()];
                plans.efs(context, &mut volume, &folder.into_iter().flatten().map(String::as_str).collect::<Vec<_>>())?;
            }
            VolumeSource::Ebs { id, size, volume_type: _, filesystem: _, snapshot, kept } => {
                if let Some(snapshot) = snapshot {
                    return Err(unsupported(format_args!("the snapshot {snapshot} (volume {name})")));
                }
                if *kept {
                    let claim = names::claim("ebs", &[id]);
                    plans.claim(context, &claim, "ReadWriteOnce", &context.config.ebs_volumes, *size);
                    volume.persistent_volume_claim = Some(claimed(claim));
                } else {
                    let template = PersistentVolumeClaimTemplate {
                        metadata: None,
                        spec: claim_spec("ReadWriteOnce", &context.config.ebs_volumes, *size),
                    };
                    volume.ephemeral = Some(EphemeralVolumeSource { volume_claim_template: Some(template) });
                }
            }
            VolumeSource::Other { kind } => return Err(unsupported(format_args!("{kind} (volume {name})"))),
            other => return Err(unsupported(format_args!("a volume of the kind {other:?} (volume {name})"))),
        }
        plans.volumes.push(volume);
    }
    Ok(plans)
}

impl VolumePlans {
    fn claim(&mut self, context: &Context<'_>, name: &str, mode: &str, class: &VolumeClass, size: Option<u32>) {
        let labels = BTreeMap::from([(names::OWNER_LABEL.to_owned(), context.config.prefix.clone())]);
        let claim = PersistentVolumeClaim {
            metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
            spec: Some(claim_spec(mode, class, size)),
            status: None,
        };
        self.claims.push(claim);
    }

    /// Each part of `folder` is a file system, an access point or a directory.
    fn efs(&mut self, context: &Context<'_>, volume: &mut Volume, folder: &[&str]) -> Result<(), BackendError> {
        match &context.config.efs {
            EfsBacking::Refused => {
                return Err(unsupported("efsVolumeConfiguration: nothing is configured that stands for Amazon EFS"));
            }
            EfsBacking::Class(class) => {
                let claim = names::claim("efs", folder);
                self.claim(context, &claim, "ReadWriteMany", class, None);
                volume.persistent_volume_claim = Some(claimed(claim));
            }
            EfsBacking::Nfs { server, path } => {
                let parts = [path.trim_end_matches('/')].into_iter().chain(folder.iter().map(|part| part.trim_matches('/')));
                let path = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
                let path = if path.starts_with('/') { path } else { format!("/{path}") };
                volume.nfs = Some(NFSVolumeSource { path, read_only: None, server: server.clone() });
            }
        }
        Ok(())
    }

    fn memory(&mut self, name: &str, mebibytes: u32) {
        let size_limit = Some(Quantity(format!("{mebibytes}Mi")));
        let source = EmptyDirVolumeSource { medium: Some("Memory".to_owned()), size_limit };
        self.volumes.push(Volume { name: name.to_owned(), empty_dir: Some(source), ..Volume::default() });
    }

    /// The files that containers are given, which anybody in them may read and run.
    fn files(&mut self, context: &Context<'_>) {
        if self.volumes.iter().all(|volume| volume.name != FILES) {
            let source = SecretVolumeSource {
                secret_name: Some(names::files(context.spec.task.id)),
                default_mode: Some(0o755),
                ..SecretVolumeSource::default()
            };
            self.volumes.push(Volume { name: FILES.to_owned(), secret: Some(source), ..Volume::default() });
        }
    }

    /// What a container mounts by itself, because another one does, and as scratch space in memory.
    pub(super) fn mounts(
        &mut self,
        index: usize,
        container: &ContainerSpec,
        context: &Context<'_>,
    ) -> Result<Option<Vec<VolumeMount>>, BackendError> {
        let mut mounts: Vec<VolumeMount> = Vec::new();
        let mut add_part = |name: String, path: &str, read_only: bool, sub_path: Option<String>| {
            // The same path a second time changes nothing.
            if !mounts.iter().any(|mount| mount.mount_path == path) {
                mounts.push(VolumeMount {
                    name,
                    mount_path: path.to_owned(),
                    read_only: read_only.then_some(true),
                    sub_path,
                    ..VolumeMount::default()
                });
            }
        };
        for artifact in &container.artifacts {
            self.files(context);
            add_part(FILES.to_owned(), &artifact.path, true, Some(names::file_key(index, artifact.number)));
        }
        for (number, (path, _)) in log_router::files(container, context.spec.network_mode).into_iter().enumerate() {
            self.files(context);
            add_part(FILES.to_owned(), &path, true, Some(names::router_file_key(number)));
        }
        let mut add = |name, path: &str, read_only| add_part(name, path, read_only, None);
        for (Mount { volume, path, read_only }, as_reader) in all_mounts(container, context) {
            if !context.spec.volumes.iter().any(|known| known.name == *volume) {
                return Err(invalid(format!("container {} mounts volume {volume}, which is not there", container.name)));
            }
            add(names::part(volume), path, *read_only || as_reader);
        }
        if container.log_router.is_some() {
            let source = Some(EmptyDirVolumeSource::default());
            self.volumes.push(Volume { name: ROUTER_SOCKET.to_owned(), empty_dir: source, ..Volume::default() });
            add(ROUTER_SOCKET.to_owned(), log_router::SOCKET_FOLDER, false);
        }
        for (number, Tmpfs { path, size, options }) in container.linux.tmpfs.iter().enumerate() {
            let name = format!("kecs-tmpfs-{index}-{number}");
            self.memory(&name, *size);
            add(name, path, options.iter().any(|option| option == "ro"));
        }
        if let Some(mebibytes) = container.linux.shared_memory {
            let name = format!("kecs-shm-{index}");
            self.memory(&name, mebibytes);
            add(name, "/dev/shm", false);
        }
        for (number, Device { host_path, container_path, permissions: _ }) in container.linux.devices.iter().enumerate() {
            if !container.privileged {
                return Err(unsupported(format_args!(
                    "the device {host_path} in a container that is not privileged ({})",
                    container.name
                )));
            }
            let name = format!("kecs-device-{index}-{number}");
            let source = HostPathVolumeSource { path: host_path.clone(), type_: None };
            self.volumes.push(Volume { name: name.clone(), host_path: Some(source), ..Volume::default() });
            add(name, container_path, false);
        }
        Ok(Some(mounts).filter(|mounts| !mounts.is_empty()))
    }
}

/// A container's mounts and those of `volumesFrom`, which may have theirs from others in turn; and whether it may only read them.
fn all_mounts<'a>(container: &'a ContainerSpec, context: &Context<'a>) -> Vec<(&'a Mount, bool)> {
    let mut mounts: Vec<(&Mount, bool)> = container.mounts.iter().map(|mount| (mount, false)).collect();
    let mut seen = vec![container.name.as_str()];
    let mut open: Vec<(&str, bool)> = container.volumes_from.iter().map(|(name, reader)| (name.as_str(), *reader)).collect();
    while let Some((name, as_reader)) = open.pop() {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        for other in context.spec.containers.iter().filter(|other| other.name == name) {
            mounts.extend(other.mounts.iter().map(|mount| (mount, as_reader)));
            open.extend(other.volumes_from.iter().map(|(name, reader)| (name.as_str(), *reader || as_reader)));
        }
    }
    mounts
}

/// Empty at the start, gone with the task, and not larger than the task's scratch space.
fn scratch(context: &Context<'_>) -> EmptyDirVolumeSource {
    EmptyDirVolumeSource { medium: None, size_limit: context.spec.ephemeral_storage.map(|gib| Quantity(format!("{gib}Gi"))) }
}

fn claimed(claim_name: String) -> PersistentVolumeClaimVolumeSource {
    PersistentVolumeClaimVolumeSource { claim_name, read_only: None }
}

fn claim_spec(mode: &str, class: &VolumeClass, size: Option<u32>) -> PersistentVolumeClaimSpec {
    let storage = Quantity(format!("{}Gi", size.unwrap_or(class.size)));
    PersistentVolumeClaimSpec {
        access_modes: Some(vec![mode.to_owned()]),
        storage_class_name: class.storage_class.clone(),
        resources: Some(VolumeResourceRequirements {
            limits: None,
            requests: Some(BTreeMap::from([("storage".to_owned(), storage)])),
        }),
        ..PersistentVolumeClaimSpec::default()
    }
}
