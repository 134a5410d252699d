//! State in one file.
//!
//! ```text
//! commit ─▶ queue ─▶ writer thread: one redb transaction for all that is queued ─▶ fsync ─▶ every answer
//! get, scan ─▶ blocking pool: a snapshot
//! ```

mod disk;
mod error;
mod holder;
mod open;
mod schema;
mod state_file;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use kecs_core::{Entry, Revision, StateStore, StoreError, Versioned, Write};
use redb::ReadableDatabase;
use tokio::sync::{mpsc, oneshot};

pub use error::OpenStoreError;

use schema::Migration;
use state_file::StateFile;
use writer::Commit;

/// A [`StateStore`] in one file, for one process.
///
/// A commit is on disk before its future is ready. Commits that arrive while the disk is busy with the ones before them go to disk
/// together. Dropping the store finishes what was sent, closes the file and lets go of its lock.
///
/// # When the disk fails
///
/// A commit that met an I/O error answers [`StoreError::Unknown`] if it may be on disk and [`StoreError::Unavailable`] if it is not.
///
/// On a disk without space, the store closes the file and opens it again, at most once a second when a commit comes, and goes on as soon as there is
/// space; until then commits answer [`StoreError::Unavailable`]. After any other error every later commit answers that until the store itself is
/// opened again: what the operating system kept of a failed sync cannot be known.
pub struct RedbStore {
    file: Arc<StateFile>,
    // `None` only while the store is being dropped.
    commits: Option<mpsc::Sender<Commit>>,
    writer: Option<JoinHandle<()>>,
}

impl RedbStore {
    /// Opens the state file, and creates it, with its folder, where there is none.
    ///
    /// The file is readable by its owner only (0600, and 0700 for a folder that is created). The whole file is checked against its
    /// checksums, and brought to this version's schema if an earlier version wrote it. Blocks; not to be called from async code that
    /// must not wait.
    ///
    /// # Errors
    ///
    /// [`OpenStoreError`] says in one line which file it is about and what to do. A file that is in use, damaged, foreign or of a newer
    /// version is refused and left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenStoreError> {
        Self::open_with(path.as_ref(), schema::MIGRATIONS)
    }

    fn open_with(path: &Path, migrations: &'static [Migration]) -> Result<Self, OpenStoreError> {
        let opened = open::open(path, migrations)?;
        let reopen = {
            let path = path.to_owned();
            move || open::open_again(&path, migrations)
        };
        Self::start(StateFile::new(path, opened, reopen, state_file::REST))
    }

    fn start(file: StateFile) -> Result<Self, OpenStoreError> {
        let file = Arc::new(file);
        let (commits, queue) = mpsc::channel(writer::QUEUED_COMMITS);
        let writer = writer::spawn(Arc::clone(&file), queue)
            .map_err(|source| OpenStoreError::io(file.path(), "start the writer of", source))?;
        Ok(Self { file, commits: Some(commits), writer: Some(writer) })
    }

    /// Where the state is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&redb::ReadOnlyTable<&'static str, (u64, &'static [u8])>) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = Arc::clone(&self.file);
        let outcome = tokio::task::spawn_blocking(move || {
            let answer = file.with(|database| Ok(read(&database.begin_read()?.open_table(schema::STATE)?)?));
            answer.map_err(|failure| failure.to_store_error(file.path()))
        })
        .await;
        // The closure does not panic, so the only way to lose it is a runtime that shuts down.
        outcome.unwrap_or_else(|lost| Err(error::shutting_down(self.path(), lost)))
    }
}

#[async_trait]
impl StateStore for RedbStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        let key = key.to_owned();
        self.read(move |state| Ok(state.get(key.as_str())?.map(|stored| versioned(stored.value())))).await
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |state| {
            let start = match &after {
                Some(after) if *after >= prefix => Bound::Excluded(after.as_str()),
                _ => Bound::Included(prefix.as_str()),
            };
            let mut entries = Vec::new();
            for stored in redb::ReadableTable::range::<&str>(state, (start, Bound::Unbounded))?.take(limit) {
                let (key, value) = stored?;
                if !key.value().starts_with(&prefix) {
                    break;
                }
                entries.push(Entry { key: key.value().to_owned(), value: versioned(value.value()) });
            }
            Ok(entries)
        })
        .await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let commits = self.commits.as_ref().expect("the queue is open until the store is dropped");
        if commits.send(Commit { writes, answer }).await.is_err() {
            return Err(error::writer_gone(self.path()));
        }
        match outcome.await {
            Ok(outcome) => outcome,
            // The writer ended with the commit in its hands, which only a panic inside redb can cause.
            Err(lost) => Err(StoreError::Unknown { source: Box::new(lost) }),
        }
    }
}

fn versioned((revision, value): (u64, &[u8])) -> Versioned {
    Versioned { value: Bytes::copy_from_slice(value), revision: Revision(revision) }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        // The queue ends, the writer finishes what was in it, and whoever opens the file next finds it free.
        drop(self.commits.take());
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was already answered with `Unknown`; there is nobody left to tell.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("path", &self.path()).finish_non_exhaustive()
    }
}
