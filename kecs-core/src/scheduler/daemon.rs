//! DAEMON services: one task on each ACTIVE container instance.
//!
//! A cluster without registered instances runs its tasks on the backend's own host, which then counts as the one instance there is.

use crate::engine::{ServiceRecord, World};

/// How many tasks a DAEMON service should have.
pub(super) fn desired(_world: &World, _service: &ServiceRecord) -> usize {
    1
}
