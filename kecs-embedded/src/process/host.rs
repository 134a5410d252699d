//! What the system tells of processes. Linux tells all of it; elsewhere identities are pids alone, and nothing is found by searching.

use std::fs;

use rustix::process::{Pid, Signal};

use super::record::ProcessRecord;

/// Names the task in the environment of each of its processes, so that those that left their process group are found too.
pub(super) const TASK_MARK: &str = "KECS_TASK_ID";

/// The process with this id, told apart from all others that had or will have it.
pub(super) fn identify(pid: Pid) -> ProcessRecord {
    let pid = pid.as_raw_nonzero().get();
    ProcessRecord { pid, start: Stat::of(pid).map(|stat| stat.start), boot: boot_id() }
}

/// The id of this boot of the machine.
pub(super) fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

/// One process, from `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) state: char,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    pub(super) start: u64,
}

impl Stat {
    pub(super) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The program's name is in parentheses and may hold anything, so the fields are counted from its end (proc_pid_stat(5)).
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.get(text.rfind(')')? + 1..)?.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let session = fields.next()?.parse().ok()?;
        // Field 22, and the session was field 6.
        let start = fields.nth(15)?.parse().ok()?;
        Some(Self { state, parent, group, session, start })
    }

    /// Whether it has ended already and only waits to be asked for its exit code.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// All processes that can be seen. Empty where there is no `/proc`.
pub(super) fn processes() -> impl Iterator<Item = (i32, Stat)> {
    kecs_process::ids().filter_map(|pid| Some((pid, Stat::of(pid)?)))
}

/// The children of this process, which has one thread.
pub(super) fn children() -> Vec<i32> {
    let this = rustix::process::getpid().as_raw_nonzero();
    match fs::read_to_string(format!("/proc/{this}/task/{this}/children")) {
        Ok(children) => children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect(),
        // Not every kernel is built with it.
        Err(_) => processes().filter(|(_, stat)| stat.parent == this.get()).map(|(pid, _)| pid).collect(),
    }
}

/// Whether the process carries the mark of the task. Only those that may be looked into are known to. Blocks.
pub(super) fn is_marked(pid: i32, task: &str) -> bool {
    kecs_process::value(pid, TASK_MARK).is_some_and(|mark| mark == task)
}

/// Signals a whole process group; one that is gone is no error.
pub(super) fn signal_group(group: Pid, signal: Signal) {
    // ESRCH: gone. EPERM: all that is left of it has another user, which this one may not signal.
    let _ = rustix::process::kill_process_group(group, signal);
}

/// Whether a process of the group is left that can be waited for.
pub(super) fn group_is_alive(group: Pid) -> bool {
    rustix::process::test_kill_process_group(group).is_ok()
}

/// Waits for the end of the process; returns at once if it is over, or cannot be waited for.
#[cfg(target_os = "linux")]
pub(super) async fn exited(process: Option<&ProcessRecord>) {
    let Some(process) = process else { return };
    let Some(pid) = Pid::from_raw(process.pid) else { return };
    let Ok(handle) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::NONBLOCK) else { return };
    // From here on the handle is one process; if the number was reused before, this is where it shows.
    if identify(pid) != *process {
        return;
    }
    #[expect(deprecated, reason = "its successor is unsafe for the sake of types that lend their file out; an OwnedFd does not")]
    let handle = tokio::io::unix::AsyncFd::with_interest(handle, tokio::io::Interest::READABLE);
    if let Ok(handle) = handle {
        // An error: the runtime ends.
        let _ = handle.readable().await;
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn exited(_process: Option<&ProcessRecord>) {}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn a_program_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        // The order of the fields is proc_pid_stat(5)'s: pid comm state ppid pgrp session … starttime (22).
        let text = "7 (a) b (c) S 1 7 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        assert_eq!(Stat::parse(text), Some(Stat { state: 'S', parent: 1, group: 7, session: 5, start: 4242 }));
    }
}
