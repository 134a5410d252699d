//! What KECS runs with nothing installed: tasks as host processes, state in one file.
//!
//! Start at [`ProcessTaskManager`], the backend that a fresh machine gets, and [`RedbStore`], where it keeps its state.

mod process;
mod redb_store;

pub use process::{ProcessConfig, ProcessShutdown, ProcessTaskManager, SupervisorCommand, run_task_supervisor};
pub use redb_store::{OpenStoreError, RedbStore};
