//! The data folder, and the lock that lets one kecs at a time use it.
//!
//! `kecs.lock` is locked while a kecs runs and says who that is, so that `kecs status` and `kecs stop` find it. The lock is the
//! operating system's: it is free as soon as the process is gone, whatever became of it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// Who uses a data folder.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Holder {
    /// Its process id.
    pub(crate) pid: u32,
    /// Its version.
    pub(crate) version: String,
    /// Where it answers; `None` while it starts.
    pub(crate) endpoint: Option<String>,
    /// The settings of the same names.
    pub(crate) runtime: String,
    pub(crate) state: String,
    pub(crate) on_exit: String,
}

/// A data folder that this process holds. Dropping it lets go.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Makes the folder if it is not there and takes it. Others may pass through it (0711): a container may run as another user.
    ///
    /// # Errors
    /// When another kecs has it, or it cannot be made or written.
    pub(crate) fn take(path: &Path, holder: &Holder) -> Result<Self, Failure> {
        let cannot = |error: &io::Error| {
            let what = format!("cannot write in the data folder {} ({})", path.display(), reason(error));
            Failure::new(Exit::CannotCreate, what, "make it writable for this user, or choose another with --data-dir")
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o711).create(path).map_err(|error| cannot(&error))?;
        // A relative path would mean another place to a task.
        let path = path.canonicalize().map_err(|error| cannot(&error))?;
        let file = lock_file(&path);
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file);
        let lock = lock.map_err(|error| cannot(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&path, read_holder(&lock).as_ref())),
            Err(TryLockError::Error(error)) => return Err(cannot(&error)),
        }
        let data_dir = Self { path, lock };
        data_dir.publish(holder).map_err(|error| cannot(&error))?;
        Ok(data_dir)
    }

    /// Where it is, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells others who holds the folder.
    pub(crate) fn publish(&self, holder: &Holder) -> io::Result<()> {
        let mut lock = &self.lock;
        lock.set_len(0)?;
        lock.rewind()?;
        lock.write_all(&serde_json::to_vec(holder)?)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Only what it says goes: removing the file would let two processes lock two files of one name.
        let _ = self.lock.set_len(0);
    }
}

/// A kecs that holds a data folder.
#[derive(Debug)]
pub(crate) struct Running {
    /// `None` in the instant before it said who it is.
    pub(crate) holder: Option<Holder>,
    lock: File,
}

impl Running {
    /// Who holds the folder, if anybody does.
    pub(crate) fn find(path: &Path) -> io::Result<Option<Self>> {
        let lock = match File::open(lock_file(path)) {
            Ok(lock) => lock,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(Self { holder: read_holder(&lock), lock })),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits until the process has let go of the folder.
    pub(crate) fn wait_for_its_end(&self) -> io::Result<()> {
        self.lock.lock_shared()
    }
}

fn lock_file(path: &Path) -> PathBuf {
    path.join("kecs.lock")
}

fn read_holder(mut lock: &File) -> Option<Holder> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn in_use(path: &Path, holder: Option<&Holder>) -> Failure {
    let by = match holder {
        Some(Holder { pid, endpoint: Some(endpoint), .. }) => format!("another kecs (process {pid}, {endpoint})"),
        Some(Holder { pid, .. }) => format!("another kecs (process {pid})"),
        None => "another kecs".to_owned(),
    };
    let what = format!("the data folder {} is in use by {by}", path.display());
    Failure::new(Exit::Temporary, what, "end it with `kecs stop`, or choose another with --data-dir")
}

/// The system's reason as a person says it.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "a part of the path is not a folder".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::StorageFull => "no space left on the disk".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(endpoint: Option<&str>) -> Holder {
        Holder {
            pid: 42,
            version: "0.1.0".to_owned(),
            endpoint: endpoint.map(ToOwned::to_owned),
            runtime: "process".to_owned(),
            state: "file".to_owned(),
            on_exit: "leave".to_owned(),
        }
    }

    #[test]
    fn a_second_process_is_told_who_holds_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::take(folder.path(), &holder(None)).unwrap();
        first.publish(&holder(Some("http://127.0.0.1:5373"))).unwrap();
        let refused = DataDir::take(folder.path(), &holder(None)).unwrap_err();
        assert_eq!(refused.exit(), Exit::Temporary);
        assert!(refused.to_string().contains("another kecs (process 42, http://127.0.0.1:5373)"), "{refused}");
        assert_eq!(Running::find(folder.path()).unwrap().unwrap().holder, Some(holder(Some("http://127.0.0.1:5373"))));
    }

    #[test]
    fn a_folder_that_was_let_go_can_be_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataDir::take(folder.path(), &holder(None)).unwrap());
        assert!(Running::find(folder.path()).unwrap().is_none());
        DataDir::take(folder.path(), &holder(None)).unwrap();
    }

    #[test]
    fn a_folder_below_a_file_cannot_be_made() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = DataDir::take(&file.path().join("data"), &holder(None)).unwrap_err();
        assert_eq!(refused.exit(), Exit::CannotCreate);
        assert!(refused.to_string().contains("a part of the path is not a folder"), "{refused}");
    }
}
