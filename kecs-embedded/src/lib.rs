//! What KECS runs with nothing installed: tasks as host processes, state in one file.

mod redb_store;

pub use redb_store::{OpenStoreError, RedbStore};
