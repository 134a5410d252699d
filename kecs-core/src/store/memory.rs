//! State that is gone with the process: for tests and for `--state memory`.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Entry, Precondition, Revision, StateStore, StoreError, Versioned, Write};

/// A [`StateStore`] in memory. Durable means here: until the process ends.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    revision: Revision,
    entries: BTreeMap<String, Versioned>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Every critical section below leaves the state whole, even if it panics in between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.lock().entries.get(key).cloned())
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let start = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix.to_owned()),
        };
        let state = self.lock();
        let entries = state
            .entries
            .range((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| Entry { key: key.clone(), value: value.clone() })
            .collect();
        Ok(entries)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, StoreError> {
        let mut state = self.lock();
        for write in &writes {
            let current = state.entries.get(&write.key).map(|value| value.revision);
            let holds = match write.precondition {
                Precondition::Any => true,
                Precondition::Absent => current.is_none(),
                Precondition::At(revision) => current == Some(revision),
            };
            if !holds {
                return Err(StoreError::Conflict { key: write.key.clone() });
            }
        }
        state.revision.0 += 1;
        let revision = state.revision;
        for Write { key, value, precondition: _ } in writes {
            match value {
                Some(value) => state.entries.insert(key, Versioned { value, revision }),
                None => state.entries.remove(&key),
            };
        }
        Ok(revision)
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;
    use crate::testing::state_store::Harness;

    struct InMemory(MemoryStore);

    impl Harness for InMemory {
        type Store = MemoryStore;

        async fn start() -> Self {
            Self(MemoryStore::new())
        }

        fn store(&self) -> &MemoryStore {
            &self.0
        }
    }

    crate::state_store_conformance!(InMemory);
}
