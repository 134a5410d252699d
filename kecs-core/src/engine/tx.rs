//! What one change does: the writes that make it durable, and the effects that follow once it is.

use std::sync::Arc;

use kecs_model::Timestamp;
use serde_json::{Map, Value};

use super::effect::Effect;
use super::events::{EventKind, Happening, What};
use super::records::TaskRecord;
use super::table::Record;
use crate::{Scope, Write};

/// Gathers a change while the world is locked. Handed to the journal as a whole.
#[derive(Debug)]
pub(crate) struct Tx {
    /// The time of the change: one stamp for all that it touches.
    pub(crate) now: Timestamp,
    prefix: String,
    pub(super) writes: Vec<Write>,
    pub(super) effects: Vec<Effect>,
    pub(super) announced: Vec<Arc<Happening>>,
}

impl Tx {
    pub(super) fn new(scope: &Scope, now: Timestamp) -> Self {
        Self { now, prefix: key_prefix(scope), writes: Vec::new(), effects: Vec::new(), announced: Vec::new() }
    }

    /// Writes a record.
    pub(super) fn put<R: Record>(&mut self, key: &str, record: &R) {
        let value = serde_json::to_vec(record).expect("records are plain data with string keys");
        let write = Write::put(format!("{}{}/{key}", self.prefix, R::TABLE), value);
        // A record that takes several steps in one change is written as it is after the last.
        match self.writes.last_mut() {
            Some(last) if last.key == write.key => *last = write,
            _ => self.writes.push(write),
        }
    }

    /// Removes a record.
    pub(super) fn delete<R: Record>(&mut self, key: &str) {
        self.writes.push(Write::delete(format!("{}{}/{key}", self.prefix, R::TABLE)));
    }

    /// Asks for something to be done once the change is durable.
    pub(crate) fn then(&mut self, effect: Effect) {
        // Steps of one task ask for the same look at its service; looking for more repeats would cost more than they do.
        if self.effects.last() != Some(&effect) {
            self.effects.push(effect);
        }
    }

    /// Tells listeners of a task that changed, once it is durable; `versioned` where its version did too.
    pub(super) fn announce(&mut self, task: &Arc<TaskRecord>, versioned: bool) {
        self.tell(What::Task { record: Arc::clone(task), versioned });
    }

    /// Tells of an event of another kind than a task's, once the change is durable. `resource` is the ARN of what it is about.
    pub(crate) fn event(&mut self, kind: EventKind, scope: &Scope, resource: String, detail: Map<String, Value>) {
        self.tell(What::Other { kind, scope: scope.clone(), resource, detail });
    }

    fn tell(&mut self, what: What) {
        self.announced.push(Arc::new(Happening::new(self.now, what)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.effects.is_empty()
    }
}

/// What all keys of ECS state begin with.
pub(super) const STATE: &str = "ecs/";

fn key_prefix(scope: &Scope) -> String {
    format!("{STATE}{}/{}/", scope.account, scope.region)
}

/// Takes a store key apart: scope, table, key.
pub(super) fn split_key(key: &str) -> Option<(Scope, &str, &str)> {
    let mut parts = key.strip_prefix(STATE)?.splitn(4, '/');
    let (account, region, table, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((Scope::new(account, region), table, key))
}
