//! The seam to wherever state is kept.

mod memory;

pub use memory::MemoryStore;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// Keeps state: an ordered map of keys to values, changed by all-or-nothing commits.
///
/// # The contract
///
/// - [`commit`](Self::commit) returns `Ok` only when every write is durable; on `Err` none has taken effect, except for
///   [`StoreError::Unknown`], after which either may be true.
/// - Commits that overlap in time are applied in some order, each as a whole; one that is sent after another returned comes after it.
/// - Reads see every commit that returned before they began.
/// - Dropping a commit's future does not undo it: it took effect or it did not.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StateStore: fmt::Debug + Send + Sync + 'static {
    /// The value of a key.
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError>;

    /// The keys that begin with `prefix` and come after `after`, in order, at most `limit` of them. Shorter than `limit` only at the end.
    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Applies all writes, or none. Returns the revision that they got.
    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, StoreError>;
}

/// Counts commits; each key carries the revision of the commit that wrote it last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A value and the revision that wrote it.
#[derive(Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Bytes,
    /// The commit that wrote it.
    pub revision: Revision,
}

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values hold task definitions, and those hold what users put into environments.
        let Self { value, revision } = self;
        f.debug_struct("Versioned").field("bytes", &value.len()).field("revision", revision).finish()
    }
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Versioned,
}

/// One write of a commit.
#[derive(Clone, PartialEq, Eq)]
pub struct Write {
    /// The key: UTF-8, at most 2 KiB, parts parted by `/`.
    pub key: String,
    /// The new value; `None` removes the key, and is fine where there is none.
    pub value: Option<Bytes>,
    /// What must hold for the commit to take effect.
    pub precondition: Precondition,
}

impl Write {
    /// Sets a key, whatever it was.
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { key: key.into(), value: Some(value.into()), precondition: Precondition::Any }
    }

    /// Removes a key, whatever it was.
    pub fn delete(key: impl Into<String>) -> Self {
        Self { key: key.into(), value: None, precondition: Precondition::Any }
    }

    /// The same write, under a condition.
    #[must_use]
    pub fn when(self, precondition: Precondition) -> Self {
        Self { precondition, ..self }
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values hold task definitions, and those hold what users put into environments.
        f.debug_struct("Write")
            .field("key", &self.key)
            .field("bytes", &self.value.as_ref().map(Bytes::len))
            .field("precondition", &self.precondition)
            .finish()
    }
}

/// What must hold of a key for a commit to take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    Any,
    /// The key does not exist.
    Absent,
    /// The key was last written by this revision.
    At(Revision),
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A precondition did not hold; nothing was written.
    #[error("the precondition on {key} does not hold")]
    Conflict {
        /// The first key whose precondition failed.
        key: String,
    },
    /// The store cannot be used; nothing was written.
    #[error("{message}")]
    Unavailable {
        /// What is wrong and what to do.
        message: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The commit may or may not be durable.
    #[error("the outcome of a write is not known")]
    Unknown {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored cannot be read.
    #[error("{message}")]
    Corrupt {
        /// What is damaged and what to do.
        message: String,
    },
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: StateStore + ?Sized> StateStore for Arc<T> {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        (**self).get(key).await
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        (**self).scan(prefix, after, limit).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, StoreError> {
        (**self).commit(writes).await
    }
}
