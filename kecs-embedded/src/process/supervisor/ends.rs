//! The ends of processes: how they are reported, and how they are brought about for good.

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::process::host;

/// As shells and Docker report it: 128 + signal where a signal ended it.
pub(super) fn exit_code(status: WaitStatus) -> Option<i32> {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
}

/// Kills what left its process group. All of it are children by now, because the supervisor adopts orphans.
pub(super) fn end_descendants() {
    loop {
        let children: Vec<Pid> = host::children().into_iter().filter_map(Pid::from_raw).collect();
        if children.is_empty() {
            return;
        }
        for child in children {
            let killed = rustix::process::kill_process(child, Signal::KILL);
            // One that may not be signalled would be waited for until it ends by itself.
            if killed.is_err() || rustix::process::waitpid(Some(child), WaitOptions::empty()).is_err() {
                return;
            }
        }
    }
}
