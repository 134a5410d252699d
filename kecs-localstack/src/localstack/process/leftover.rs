//! What is still there of an emulator: found by the mark that all of its processes carry, whoever their parent is now, and ended.

use std::io;
use std::path::{Path, PathBuf};

/// Ends every process with this mark and waits until they are gone.
pub(super) async fn end(mark: PathBuf) -> io::Result<()> {
    end_all(move |found| found == mark).await
}

/// Ends every process whose mark lies below this one.
pub(super) async fn end_below(mark: PathBuf) -> io::Result<()> {
    end_all(move |found| found.starts_with(&mark)).await
}

async fn end_all(is_ours: impl Fn(&Path) -> bool + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(move || linux::end_all(&is_ours)).await.map_err(io::Error::other)?
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::fs;
    use std::io;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use rustix::event::{PollFd, PollFlags};
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    use crate::localstack::process::MARK;

    /// Again and again, since one that is not killed yet may start another.
    pub(super) fn end_all(is_ours: &dyn Fn(&Path) -> bool) -> io::Result<()> {
        loop {
            let mut found = false;
            for entry in fs::read_dir("/proc")? {
                let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
                if let Some(pid) = pid.filter(|&pid| is_marked(pid, is_ours)) {
                    found = true;
                    end_one(pid, is_ours)?;
                }
            }
            if !found {
                return Ok(());
            }
        }
    }

    /// A process that has ended, or that may not be looked into, has no mark.
    fn is_marked(pid: Pid, is_ours: &dyn Fn(&Path) -> bool) -> bool {
        let Ok(variables) = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else { return false };
        variables.split(|&byte| byte == 0).any(|variable| {
            let value = variable.strip_prefix(MARK.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            value.is_some_and(|value| is_ours(Path::new(OsStr::from_bytes(value))))
        })
    }

    fn end_one(pid: Pid, is_ours: &dyn Fn(&Path) -> bool) -> io::Result<()> {
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(()),
            handle => handle?,
        };
        // From here on the handle is one process; if the number was reused before, this is where it shows.
        if !is_marked(pid, is_ours) {
            return Ok(());
        }
        match pidfd_send_signal(&handle, Signal::KILL) {
            Err(Errno::SRCH) => return Ok(()),
            sent => sent?,
        }
        let mut ends = [PollFd::new(&handle, PollFlags::IN)];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut ends, None))?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    /// Nothing tells other processes' environments here.
    pub(super) fn end_all(_is_ours: &dyn Fn(&std::path::Path) -> bool) -> std::io::Result<()> {
        Ok(())
    }
}
