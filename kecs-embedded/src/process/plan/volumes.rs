//! Where volumes are, and how containers see them.
//!
//! A process has the host's file system, and a mount namespace of its own would need root. So a volume is a folder of the host, and what
//! ECS calls its path in the container is a symbolic link at that path below the container's own folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use kecs_core::task_spec::{Volume, VolumeSource};

use super::{Refusal, cannot_start, unsupported};
use crate::process::folder::create_folder;

/// Where a volume's content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VolumePlan {
    /// In the task's folder, and gone with it.
    Task(PathBuf),
    /// Elsewhere on the host.
    Host(PathBuf),
}

impl VolumePlan {
    /// The volume's folder, for a task in `folder`.
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        match self {
            Self::Task(path) => folder.join(path),
            Self::Host(path) => path.clone(),
        }
    }
}

pub(super) fn plan(volumes: &[Volume], data: &Path) -> Result<BTreeMap<String, VolumePlan>, Refusal> {
    volumes.iter().map(|volume| Ok((volume.name.clone(), place(volume, data)?))).collect()
}

/// The plan of a volume that is one task's alone.
pub(super) fn of_task(name: &str) -> VolumePlan {
    VolumePlan::Task(Path::new("volumes").join(file_name(name)))
}

fn place(Volume { name, source }: &Volume, data: &Path) -> Result<VolumePlan, Refusal> {
    match source {
        VolumeSource::Host { path } => Ok(VolumePlan::Host(path.into())),
        VolumeSource::Docker { driver: Some(driver), .. } if driver != "local" => {
            Err(unsupported(format_args!("the volume driver {driver} (volume {name})")))
        }
        VolumeSource::Docker { driver_options, .. } if !driver_options.is_empty() => {
            Err(unsupported(format_args!("driverOpts (volume {name})")))
        }
        VolumeSource::Task | VolumeSource::Docker { shared: false, autoprovision: _, driver: _, driver_options: _, labels: _ } => {
            Ok(of_task(name))
        }
        VolumeSource::Docker { shared: true, autoprovision, driver: _, driver_options: _, labels: _ } => {
            let path = data.join("volumes").join(file_name(name));
            if !autoprovision && !path.is_dir() {
                return Err(cannot_start(format_args!("get {name}: no such volume")));
            }
            Ok(VolumePlan::Host(path))
        }
        // One folder for each file system, so that tasks share what they would share there.
        VolumeSource::Efs { file_system, root_directory, access_point } => {
            let root = data.join("volumes").join("efs").join(file_name(file_system));
            let root = access_point.as_deref().map_or_else(|| root.clone(), |point| root.join(file_name(point)));
            Ok(VolumePlan::Host(below(&root, root_directory.as_deref().unwrap_or_default())))
        }
        VolumeSource::Ebs { snapshot: Some(snapshot), .. } => {
            Err(unsupported(format_args!("the snapshot {snapshot} (volume {name}): there are no snapshots on the host")))
        }
        // The host's disk is as large and as fast as it is.
        VolumeSource::Ebs { id, size: _, volume_type: _, filesystem: _, snapshot: None, kept: true } => {
            Ok(VolumePlan::Host(data.join("volumes").join("ebs").join(file_name(id))))
        }
        VolumeSource::Ebs { id: _, size: _, volume_type: _, filesystem: _, snapshot: None, kept: false } => Ok(of_task(name)),
        VolumeSource::Other { kind } => Err(unsupported(format_args!("{kind} (volume {name})"))),
        _ => Err(unsupported(format_args!("the kind of volume {name}"))),
    }
}

/// A name as a file's name: it must not lead elsewhere.
fn file_name(name: &str) -> String {
    name.replace('/', "_").trim_start_matches('.').to_owned()
}

/// A path in a container as a path below `root`: it never leads out of it.
pub(super) fn below(root: &Path, path: &str) -> PathBuf {
    let mut below = root.to_owned();
    below.extend(Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))));
    below
}

/// Makes the folders of the volumes.
pub(super) fn prepare(volumes: &BTreeMap<String, VolumePlan>, folder: &Path, is_shared: bool) -> io::Result<()> {
    for volume in volumes.values() {
        let path = volume.path(folder);
        create_folder(&path, 0o755).map_err(|error| named(&error, &path))?;
        if is_shared && matches!(volume, VolumePlan::Task(_)) {
            // Containers of several users write it.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
        }
    }
    Ok(())
}

/// Where a container sees a volume.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The container's folder in the task's.
    pub(super) container: PathBuf,
    /// The path in the container.
    pub(super) path: String,
    pub(super) volume: VolumePlan,
}

impl Link {
    pub(super) fn make(&self, folder: &Path) -> io::Result<()> {
        let root = folder.join(&self.container);
        let link = below(&root, &self.path);
        // A mount at `/` would replace the container's folder itself.
        let Some(parent) = link.parent().filter(|_| link != root) else { return Ok(()) };
        create_folder(parent, 0o755)?;
        let target = match &self.volume {
            // Relative, so that a container of another user gets there though the folders above are closed to it.
            VolumePlan::Task(path) => {
                let depth = parent.strip_prefix(folder).map_or(0, |inner| inner.components().count());
                std::iter::repeat_n(Path::new(".."), depth).collect::<PathBuf>().join(path)
            }
            VolumePlan::Host(path) => path.clone(),
        };
        symlink(target, &link).map_err(|error| named(&error, &link))
    }
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
