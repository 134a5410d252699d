//! The file, which is opened again when a disk that was full has space.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::Database;

use super::disk::{Condition, Health};
use super::error::{self, Failure, OpenStoreError, is_full};

/// How often a file on a full disk is opened again at most: all of it is checked each time.
pub(super) const REST: Duration = Duration::from_secs(1);

/// An open file.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) health: Health,
}

/// A file that could not be opened again.
struct Closed {
    why: String,
    /// What is wrong does not pass, or not so that it could be trusted.
    for_good: bool,
}

impl Closed {
    fn of(error: &OpenStoreError, path: &Path) -> Self {
        match error {
            OpenStoreError::Io { error, .. } if is_full(error) => Self { why: error::no_space(path), for_good: false },
            OpenStoreError::InUse { .. } => Self { why: error.to_string(), for_good: false },
            _ => Self { why: error.to_string(), for_good: true },
        }
    }
}

/// The state file of one store. All of it blocks.
pub(super) struct StateFile {
    path: PathBuf,
    /// Readers are on the blocking pool and brief; only who opens the file again writes.
    current: RwLock<Result<Opened, Closed>>,
    reopen: Box<dyn Fn() -> Result<Opened, OpenStoreError> + Send + Sync>,
    rest: Duration,
}

impl StateFile {
    pub(super) fn new(
        path: &Path,
        opened: Opened,
        reopen: impl Fn() -> Result<Opened, OpenStoreError> + Send + Sync + 'static,
        rest: Duration,
    ) -> Self {
        Self { path: path.to_owned(), current: RwLock::new(Ok(opened)), reopen: Box::new(reopen), rest }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, Failure> {
        match &*self.current.read().unwrap_or_else(PoisonError::into_inner) {
            Ok(opened) => act(&opened.database),
            Err(closed) => Err(Failure::Closed(closed.why.clone())),
        }
    }

    /// Whether a write has failed, and can be tried again once there is space.
    fn lacks_space(&self) -> bool {
        match &*self.current.read().unwrap_or_else(PoisonError::into_inner) {
            Ok(opened) => opened.health.condition() == Condition::Full,
            Err(closed) => !closed.for_good,
        }
    }

    /// Opens a file again that lacked space. redb takes nothing more after a failed write; what is in the file is as after a crash, which opening it finds
    /// out. The lock is free for a moment in between: whoever takes it then is named in each answer.
    fn open_again(&self) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Closed first: the file is locked while it is open.
        *current = Err(Closed { why: "the state file is being opened again".to_owned(), for_good: false });
        *current = (self.reopen)().map_err(|error| Closed::of(&error, &self.path));
        match &*current {
            Ok(_) => tracing::info!(path = %self.path.display(), "opened the state file again"),
            Err(closed) => tracing::warn!(error = %closed.why, "cannot open the state file again"),
        }
    }
}

/// Opens a file again when that may help. There is one, the writer's.
#[derive(Default)]
pub(super) struct Mender {
    tried: Option<Instant>,
}

impl Mender {
    /// To be called before and after each write. An error is that there is no space, for all that is known.
    pub(super) fn mend(&mut self, file: &StateFile) -> Result<(), Failure> {
        if !file.lacks_space() {
            return Ok(());
        }
        if self.tried.is_some_and(|tried| tried.elapsed() < file.rest) {
            return Err(Failure::Closed(error::no_space(&file.path)));
        }
        file.open_again();
        self.tried = Some(Instant::now());
        Ok(())
    }
}
