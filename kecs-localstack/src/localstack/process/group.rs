//! A process that leads a group of its own, and ends with whoever holds it.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Dropping it kills the whole group.
#[derive(Debug)]
pub(super) struct ProcessGroup(Child);

impl ProcessGroup {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).kill_on_drop(true).spawn().map(Self)
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Waits for the end of the process itself. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }

    /// Asks all to end, and kills after `grace` who has not; returns when the process itself is gone.
    pub(super) async fn end(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        if timeout(grace, self.0.wait()).await.is_err() {
            self.signal(Signal::KILL);
            // It cannot refuse.
            let _ = self.0.wait().await;
        }
    }

    /// Nothing once the process was waited for: its number may be somebody else's then.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // ESRCH: all are gone already.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
