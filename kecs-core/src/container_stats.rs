//! What a container uses.

use std::time::Duration;

use kecs_model::Timestamp;

/// What one container uses, measured now. What a backend cannot tell is `None` or zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStats {
    /// The container's name.
    pub container: String,
    /// When it was measured.
    pub at: Timestamp,
    /// Processor time since the container started, in its own programs.
    pub cpu_user: Duration,
    /// Processor time since the container started, in the kernel on its behalf.
    pub cpu_kernel: Duration,
    /// Processor time of the whole host since it started, of all processors together, idle time included: what shares of it are computed from.
    pub host_cpu: Option<Duration>,
    /// How many processors the host has.
    pub host_cpus: u32,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// The most that it may use, in bytes; `None` is no limit, or one that is not known.
    pub memory_limit: Option<u64>,
    /// How many processes it has.
    pub processes: u32,
}
