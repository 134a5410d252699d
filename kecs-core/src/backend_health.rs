//! How a backend is doing.

use kecs_model::Timestamp;

/// Whether a [`TaskManager`](crate::TaskManager) can do its work now, for people and monitors; core goes by what its calls answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendHealth {
    /// Nothing is known to be wrong.
    #[default]
    Ready,
    /// Something does not work now and is tried again.
    Degraded {
        /// What, as a lower-case phrase without a secret.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
}

impl BackendHealth {
    /// Something has not worked since then.
    pub fn degraded(reason: impl Into<String>, since: Timestamp) -> Self {
        Self::Degraded { reason: reason.into(), since }
    }
}
