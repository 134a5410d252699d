//! What can go wrong with the file, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use kecs_core::StoreError;

use super::holder::Holder;

/// Why the state file could not be opened. Each is one line that names the file and says what to do; the file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// Another process has it open.
    #[error("state file {} is in use by {holder}; stop it first, or start with another data folder", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who holds it, as far as it can be known.
        holder: String,
    },
    /// It is not what was written.
    #[error(
        "state file {} is damaged and was left as it is; restore it from a copy, or move it away to start with empty state",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is another program's.
    #[error("{} is not a state file of KECS and was left as it is; give another path, or move it away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of KECS wrote it.
    #[error(
        "state file {} has schema version {file}, and this KECS knows versions up to {known}; run a KECS that is at least as new, or start with another data folder",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        file: u64,
        /// The newest one that is known.
        known: u64,
    },
    /// An earlier version wrote it, and it could not be brought to this one.
    #[error("state file {} could not be brought to this version of KECS and was left as it is; run the KECS that wrote it", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The operating system refused.
    #[error("cannot {action} state file {}: {}; {}", path.display(), describe(error), advice(error))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed. Not a `source`: the line says it already.
        error: io::Error,
    },
}

impl OpenStoreError {
    pub(super) fn io(path: &Path, action: &'static str, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), action, error }
    }

    pub(super) fn in_use(path: &Path, holder: Option<Holder>) -> Self {
        let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
        Self::InUse { path: path.to_owned(), holder }
    }
}

/// The system's reason as a person says it; the raw error is the source.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "no space left on the disk".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is not a folder".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// No space, or no more of it for this user.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "make it writable for this user, or start with another data folder",
        _ if is_full(error) => "free some space and start again",
        _ => "start with another data folder",
    }
}

/// Why nothing came of a read or a write.
#[derive(Debug)]
pub(super) enum Failure {
    /// It failed inside redb; and what is known of the transaction that met it.
    Redb { error: redb::Error, may_be_durable: bool },
    /// The file could not be opened again, and why.
    Closed(String),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Redb { error: error.into(), may_be_durable: false }
    }
}

impl Failure {
    /// The transaction had begun to be committed.
    pub(super) fn unknown(error: redb::CommitError) -> Self {
        Self::Redb { error: error.into(), may_be_durable: true }
    }

    /// The same failure for each commit of a batch: its text is copied, because the error itself cannot be.
    pub(super) fn to_store_error(&self, path: &Path) -> StoreError {
        let (error, may_be_durable) = match self {
            Self::Redb { error, may_be_durable } => (error, *may_be_durable),
            Self::Closed(why) => return StoreError::Unavailable { message: why.clone(), source: None },
        };
        let source = Box::new(io::Error::other(error.to_string()));
        if may_be_durable {
            return StoreError::Unknown { source };
        }
        if let redb::Error::Io(error) = error
            && is_full(error)
        {
            return StoreError::Unavailable { message: no_space(path), source: None };
        }
        let path = path.display();
        match error {
            redb::Error::Corrupted(_) => {
                StoreError::Corrupt { message: format!("state file {path} is damaged: stop kecs and restore the file from a copy") }
            }
            redb::Error::Io(error) => StoreError::Unavailable {
                message: format!("state file {path} cannot be used: {}; {}", describe(error), advice(error)),
                source: None,
            },
            redb::Error::PreviousIo => StoreError::Unavailable {
                message: format!(
                    "state file {path} cannot be used since an earlier I/O error; repair its disk and start kecs again"
                ),
                source: Some(source),
            },
            redb::Error::ValueTooLarge(bytes) => StoreError::Unavailable {
                message: format!("a value of {bytes} bytes is too large for state file {path}"),
                source: Some(source),
            },
            _ => StoreError::Unavailable {
                message: format!("state file {path} cannot be used; start kecs again"),
                source: Some(source),
            },
        }
    }
}

/// What helps while the program runs, which notices by itself.
pub(super) fn no_space(path: &Path) -> String {
    format!("state file {} cannot be written: no space left on the disk; free some space", path.display())
}

pub(super) fn writer_gone(path: &Path) -> StoreError {
    let message = format!("the writer of state file {} has ended; start kecs again", path.display());
    StoreError::Unavailable { message, source: None }
}

pub(super) fn shutting_down(path: &Path, source: tokio::task::JoinError) -> StoreError {
    let message = format!("state file {} was not read: the runtime is shutting down", path.display());
    StoreError::Unavailable { message, source: Some(Box::new(source)) }
}
