//! The file as redb sees it, and what is known of its disk from the calls that failed.

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use redb::{BackendError, StorageBackend};

use super::error::is_full;

/// What a disk has shown of itself, from good to bad; it never becomes better again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing failed.
    Sound,
    /// It had no space for a write, and refused nothing else: what it took, it has.
    Full,
    /// Something else failed. After a failed sync the system may show what is not on the disk, and nobody can tell.
    Doubtful,
}

/// The condition of one open file's disk, for whoever has the database and not the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<AtomicU8>);

impl Health {
    pub(super) fn condition(&self) -> Condition {
        match self.0.load(Ordering::Acquire) {
            0 => Condition::Sound,
            1 => Condition::Full,
            _ => Condition::Doubtful,
        }
    }

    fn note(&self, condition: Condition) {
        self.0.fetch_max(condition as u8, Ordering::AcqRel);
    }
}

/// A file that notes what fails.
pub(super) struct Disk<B> {
    file: B,
    health: Health,
}

impl<B: StorageBackend> Disk<B> {
    pub(super) fn new(file: B) -> Self {
        Self { file, health: Health::default() }
    }

    pub(super) fn health(&self) -> Health {
        self.health.clone()
    }

    fn noted<T>(&self, outcome: io::Result<T>, full: Condition) -> io::Result<T> {
        if let Err(error) = &outcome {
            self.health.note(if is_full(error) { full } else { Condition::Doubtful });
        }
        outcome
    }
}

impl<B: StorageBackend> StorageBackend for Disk<B> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.noted(self.file.read(offset, out), Condition::Doubtful)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.noted(self.file.set_len(len), Condition::Full)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.noted(self.file.sync_data(), Condition::Doubtful)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.noted(self.file.write(offset, data), Condition::Full)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

impl<B: fmt::Debug> fmt::Debug for Disk<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("file", &self.file).field("health", &self.health).finish()
    }
}
