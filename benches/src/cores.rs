//! Which core runs what: servers on one, the client on another, so that neither is counted for the other.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of the servers.
pub const SERVER_CORE: usize = 0;
/// The core of the client, where there are two.
pub const CLIENT_CORE: usize = 1;

/// Runs the calling thread, and what it starts, on one core. Does nothing where that core is not there.
pub(crate) fn pin(core: usize) -> Result<()> {
    let allowed = sched_getaffinity(None).context("cannot ask for the cores")?;
    let mut cores = CpuSet::new();
    cores.set(core);
    if std::thread::available_parallelism().is_ok_and(|count| count.get() > core) || allowed.is_set(core) {
        sched_setaffinity(None, &cores).context("cannot choose a core")?;
    }
    Ok(())
}

/// Runs this program on the client's core from here on. To be called before any runtime is made.
///
/// # Errors
/// When the kernel refuses.
pub fn pin_client() -> Result<()> {
    pin(CLIENT_CORE)
}
