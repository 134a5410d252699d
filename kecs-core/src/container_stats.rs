//! What a container uses.

use std::time::Duration;

use kecs_model::Timestamp;

/// What one container uses, measured now. What a backend cannot tell is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStats {
    /// The container's name.
    pub container: String,
    /// When it was measured.
    pub at: Timestamp,
    /// Processor time since the container started.
    pub cpu: Duration,
    /// Of it, in its own programs.
    pub cpu_user: Option<Duration>,
    /// Of it, in the kernel on its behalf.
    pub cpu_kernel: Option<Duration>,
    /// Processor time of the whole host since it started, of all processors together, idle time included: what shares of it are computed from.
    pub host_cpu: Option<Duration>,
    /// How many processors the host has.
    pub host_cpus: Option<u32>,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// The most that it may use, in bytes; `None` is no limit, or one that is not known.
    pub memory_limit: Option<u64>,
    /// How many processes it has.
    pub processes: Option<u32>,
    /// What went to and from disks since the container started; empty is not known, or nothing.
    pub disks: Vec<DiskStats>,
    /// What went over the network since there is one, by its interfaces; containers that share a network have the same. Empty is not known.
    pub networks: Vec<NetworkStats>,
}

/// What went to and from one disk, without what was still or already in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskStats {
    /// Its major and minor number; `None` is all disks together.
    pub device: Option<(u32, u32)>,
    /// Bytes that were read.
    pub read_bytes: u64,
    /// Bytes that were written.
    pub written_bytes: u64,
}

/// What went over one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkStats {
    /// Its name, such as `eth0`.
    pub interface: String,
    /// Bytes that came in.
    pub received_bytes: u64,
    /// Packets that did not come in whole.
    pub received_errors: u64,
    /// Bytes that went out.
    pub sent_bytes: u64,
    /// Packets that could not go out.
    pub sent_errors: u64,
}
