//! What a `clientToken` started.

use kecs_model::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::TaskId;
use crate::engine::table::Record;

/// A RunTask that came with a client token, remembered so that a repeat starts nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunTokenRecord {
    /// The cluster and the token, as the key.
    pub(crate) key: String,
    /// A digest of the request, to tell a repeat from another request.
    pub(crate) request: Uuid,
    /// The tasks that it started.
    pub(crate) tasks: Vec<TaskId>,
    /// When it is forgotten.
    pub(crate) expires_at: Timestamp,
}

impl Record for RunTokenRecord {
    const TABLE: &'static str = "run-token";

    fn key(&self) -> String {
        self.key.clone()
    }
}
