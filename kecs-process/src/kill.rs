//! The end of a process.

use std::io;

/// Kills the process and waits until it has ended, if it is the one that `is_it` knows, which is asked when its id can be no other's any more.
///
/// One that has ended already is no error, nor is one that is another by now.
///
/// # Errors
/// When it may not be killed, or not be waited for.
#[cfg(target_os = "linux")]
pub fn kill_and_wait(pid: i32, is_it: impl FnOnce() -> bool) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags};
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    let Some(id) = Pid::from_raw(pid) else { return Ok(()) };
    let handle = match pidfd_open(id, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(()),
        handle => handle?,
    };
    // From here on the handle is one process; if the number was reused before, this is where it shows.
    if !is_it() {
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

/// Only Linux has handles of processes: elsewhere nothing is killed.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn kill_and_wait(_pid: i32, _is_it: impl FnOnce() -> bool) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::kill_and_wait;

    #[test]
    fn the_one_that_is_known_is_ended_and_no_other() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().try_into().unwrap();
        kill_and_wait(pid, || false).unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        kill_and_wait(pid, || true).unwrap();
        assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(9));
        // It is gone, which is what was wanted.
        kill_and_wait(pid, || true).unwrap();
    }
}
