//! A task's folder: who may write it, and where things lie in it.
//!
//! ```text
//! <data>/tasks/<task id>/
//!   supervisor.log        the supervisor's standard error; locked for as long as it lives
//!   supervisor.sock       where it is spoken to
//!   state.json            the task as it is, replaced whole at every change
//!   containers/<name>/    where a container starts, and its HOME
//!   logs/<name>/          its output
//!   volumes/<name>/       volumes that live as long as the task
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use kecs_core::TaskId;
use rustix::fs::FlockOperation;

use super::record::TaskRecord;

pub(super) const SOCKET: &str = "supervisor.sock";
const LOG: &str = "supervisor.log";
const STATE: &str = "state.json";
const STAGED: &str = ".new-";

/// The folder of all task folders.
#[derive(Clone, Debug)]
pub(super) struct TasksFolder(PathBuf);

impl TasksFolder {
    /// The folder in `data`, made if it is not there.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("tasks");
        create_folder(&path, 0o711)?;
        Ok(Self(path))
    }

    pub(super) fn task(&self, id: TaskId) -> TaskFolder {
        TaskFolder(self.0.join(id.to_string()))
    }

    /// The tasks that have a folder. What a server left behind that died while it made one is removed.
    pub(super) fn tasks(&self) -> io::Result<Vec<TaskId>> {
        let mut tasks = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(STAGED) {
                let staged = TaskFolder(entry.path());
                if staged.try_lock().is_ok_and(|lock| lock.is_some()) {
                    fs::remove_dir_all(&staged.0)?;
                }
            } else if let Ok(id) = name.parse() {
                tasks.push(id);
            }
        }
        Ok(tasks)
    }

    /// A folder for a new task, filled by `fill` and locked before anybody can see it. `None` if the task has one already.
    pub(super) fn create(
        &self,
        id: TaskId,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<Option<(TaskFolder, FolderLock)>> {
        let task = self.task(id);
        if task.0.try_exists()? {
            return Ok(None);
        }
        let staged = TaskFolder(self.0.join(format!("{STAGED}{id}-{}", std::process::id())));
        DirBuilder::new().mode(0o711).create(&staged.0)?;
        let made = || -> io::Result<FolderLock> {
            let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(staged.0.join(LOG))?;
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            fill(&staged.0)?;
            // Never over another task's folder: that one is not empty.
            fs::rename(&staged.0, &task.0)?;
            Ok(FolderLock(file))
        };
        match made() {
            Ok(lock) => Ok(Some((task, lock))),
            Err(error) => {
                fs::remove_dir_all(&staged.0)?;
                if task.0.try_exists()? { Ok(None) } else { Err(error) }
            }
        }
    }
}

/// The right to change a task's folder. The kernel gives it back when the last process that has it is gone.
#[derive(Debug)]
pub(super) struct FolderLock(File);

impl FolderLock {
    /// The locked file, to be a supervisor's standard error: so the lock passes on without a gap.
    pub(super) fn into_file(self) -> File {
        self.0
    }
}

/// One task's folder.
#[derive(Clone, Debug)]
pub(super) struct TaskFolder(PathBuf);

impl TaskFolder {
    /// The folder as its supervisor sees it, which has it as its working directory.
    pub(super) fn here() -> Self {
        Self(PathBuf::from("."))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn logs(&self, container: &str) -> PathBuf {
        self.0.join("logs").join(container)
    }

    /// The lock, unless a supervisor has it.
    pub(super) fn try_lock(&self) -> io::Result<Option<FolderLock>> {
        self.lock_by(FlockOperation::NonBlockingLockExclusive)
    }

    /// The lock, once the supervisor that has it is gone. Blocks.
    pub(super) fn wait_lock(&self) -> io::Result<Option<FolderLock>> {
        self.lock_by(FlockOperation::LockExclusive)
    }

    fn lock_by(&self, operation: FlockOperation) -> io::Result<Option<FolderLock>> {
        let file = OpenOptions::new().append(true).open(self.0.join(LOG))?;
        loop {
            match rustix::fs::flock(&file, operation) {
                Ok(()) => return Ok(Some(FolderLock(file))),
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The state as it was last written; `None` before the first time.
    pub(super) fn read_state(&self) -> io::Result<Option<TaskRecord>> {
        match fs::read(self.0.join(STATE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the state, so that a reader sees the old one or the new one.
    pub(super) fn write_state(&self, json: &[u8]) -> io::Result<()> {
        let new = self.0.join("state.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        io::Write::write_all(&mut file, json)?;
        fs::rename(new, self.0.join(STATE))
    }

    /// Speaks to the supervisor. A data folder's path may be longer than a socket's address, so the way leads through an open folder.
    pub(super) fn connect(&self) -> io::Result<UnixStream> {
        if cfg!(target_os = "linux") {
            let folder = File::open(&self.0)?;
            UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
        } else {
            UnixStream::connect(self.0.join(SOCKET))
        }
    }

    /// Removes all of it.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// Makes a folder and those above it, unless it is there.
pub(super) fn create_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}
