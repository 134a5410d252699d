//! A pseudo-terminal.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::FdFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

/// A terminal of that size: our side, and the one of whoever sits at it. No child inherits either.
pub(super) fn open(size: Winsize) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&ours, FdFlags::CLOEXEC)?;
    rustix::pty::grantpt(&ours)?;
    rustix::pty::unlockpt(&ours)?;
    let theirs = other_side(&ours)?;
    rustix::io::fcntl_setfd(&theirs, FdFlags::CLOEXEC)?;
    rustix::termios::tcsetwinsize(&theirs, size)?;
    Ok((ours, theirs))
}

/// By the side that is open: in a container of its own the name may be another's.
#[cfg(target_os = "linux")]
fn other_side(ours: impl AsFd) -> io::Result<OwnedFd> {
    Ok(rustix::pty::ioctl_tiocgptpeer(ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY)?)
}

#[cfg(not(target_os = "linux"))]
fn other_side(ours: impl AsFd) -> io::Result<OwnedFd> {
    let name = rustix::pty::ptsname(ours, Vec::new())?;
    Ok(rustix::fs::open(name, rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY, rustix::fs::Mode::empty())?)
}

/// Makes the terminal that of this process, which leads a session of its own from here on.
pub(super) fn take_over(terminal: impl AsFd) -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(rustix::process::ioctl_tiocsctty(terminal)?)
}
