//! Who holds the lock on a file, as Linux tells it.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A process that holds the lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pid: u32,
    command: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "process {} ({command})", self.pid),
            None => write!(f, "process {}", self.pid),
        }
    }
}

/// The holder of the lock on a file; `None` where the system does not say (it is not Linux, or the process is in another container).
pub(super) fn of(path: &Path) -> Option<Holder> {
    let pid = pid_in(&fs::read_to_string("/proc/locks").ok()?, &fs::metadata(path).ok()?)?;
    let command = fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|comm| comm.trim_end().to_owned());
    Some(Holder { pid, command })
}

/// Reads proc_locks(5): `1: FLOCK  ADVISORY  WRITE 2055 fe:00:1234 0 EOF`, the file as device and inode.
fn pid_in(locks: &str, file: &Metadata) -> Option<u32> {
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    let file = format!("{major:02x}:{minor:02x}:{}", file.ino());
    locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip_while(|field| *field != "FLOCK");
        let (pid, locked) = (fields.nth(3)?, fields.next()?);
        // A process outside of our namespace is 0, an open file description -1.
        pid.parse().ok().filter(|pid| *pid > 0 && locked == file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_locked_the_file_is_found_by_device_and_inode() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let metadata = file.as_file().metadata().unwrap();
        let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
        let inode = metadata.ino();
        let locks = format!(
            "1: POSIX  ADVISORY  WRITE 11 {major:02x}:{minor:02x}:{inode} 0 EOF\n\
             2: FLOCK  ADVISORY  WRITE 12 {major:02x}:{minor:02x}:{} 0 EOF\n\
             3: FLOCK  ADVISORY  WRITE 0 {major:02x}:{minor:02x}:{inode} 0 EOF\n\
             3: -> FLOCK  ADVISORY  WRITE 4242 {major:02x}:{minor:02x}:{inode} 0 EOF\n",
            inode + 1
        );
        assert_eq!(pid_in(&locks, &metadata), Some(4242));
        assert_eq!(pid_in("nothing here", &metadata), None);
    }
}
