//! The service scheduler: does each service have the tasks that it should have?

use crate::engine::{ServiceRef, Tx, World};

/// Looks at one service and starts or stops what is missing or too much.
pub(crate) fn reconcile(_world: &mut World, _tx: &mut Tx, _service: &ServiceRef) {}

/// Takes up, after a start, every service that is on record.
pub(crate) fn resume(_world: &mut World, _tx: &mut Tx) {}
