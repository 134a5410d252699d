//! A task's volumes and where its containers see them.

use std::collections::BTreeMap;

/// A volume of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The name that mounts refer to.
    pub name: String,
    /// Where its content lives.
    pub source: VolumeSource,
}

/// Where a volume's content lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VolumeSource {
    /// Empty at the task's start, shared by its containers, gone with the task.
    Task,
    /// A folder of the host: `host.sourcePath`.
    Host {
        /// Absolute.
        path: String,
    },
    /// A Docker volume: `dockerVolumeConfiguration`.
    Docker {
        /// `true`: kept across tasks (`scope: shared`); `false`: gone with the task.
        shared: bool,
        /// `autoprovision`: made when it does not exist.
        autoprovision: bool,
        /// The volume driver; `None` is `local`.
        driver: Option<String>,
        /// `driverOpts`.
        driver_options: BTreeMap<String, String>,
        /// `labels`.
        labels: BTreeMap<String, String>,
    },
    /// Amazon EFS: `efsVolumeConfiguration`.
    Efs {
        /// The file system's id.
        file_system: String,
        /// The folder of it to mount; `None` is its root.
        root_directory: Option<String>,
        /// The access point, where one is used.
        access_point: Option<String>,
    },
    /// Amazon EBS, a volume for this task alone: `managedEBSVolume`. Empty at the task's start, or made from a snapshot.
    Ebs {
        /// Its id, `vol-…`. No other task's volume has it.
        id: String,
        /// GiB; `None` is the snapshot's size.
        size: Option<u32>,
        /// `volumeType`, such as `gp3`; `None` leaves it to the backend.
        volume_type: Option<String>,
        /// `filesystemType`, such as `ext4`; `None` is `xfs`.
        filesystem: Option<String>,
        /// The snapshot that it is made from.
        snapshot: Option<String>,
        /// Whether it stays when the task has ended (`deleteOnTermination: false`). If not, it is gone with the task.
        kept: bool,
    },
    /// Another of AWS's kinds, which a backend refuses by name.
    Other {
        /// The member of `Volume` that asked for it, such as `fsxWindowsFileServerVolumeConfiguration`.
        kind: &'static str,
    },
}

/// Where a container sees a volume: ECS's `mountPoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name.
    pub volume: String,
    /// The path in the container.
    pub path: String,
    /// Whether the container may not write.
    pub read_only: bool,
}
