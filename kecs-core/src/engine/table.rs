//! A scope's records of one kind: in memory, and as keys of the state store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tx::Tx;

/// Something that is stored under a key of its own.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The part of the store's key that tells the kind. Never changes: it is on users' disks.
    const TABLE: &'static str;

    /// The record's key among its kind. Sorts as listings are to be sorted.
    fn key(&self) -> String;
}

/// All records of a kind.
#[derive(Debug)]
pub(crate) struct Table<R>(BTreeMap<String, Arc<R>>);

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: Record> Table<R> {
    /// The record with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<R>> {
        self.0.get(key)
    }

    /// All records in the order of their keys.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<R>> {
        self.0.values()
    }

    /// The records whose key begins with `prefix` and comes after `after`, in order.
    pub(crate) fn range<'a>(
        &'a self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a String, &'a Arc<R>)> + use<'a, R> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let prefix = prefix.to_owned();
        let start = match after {
            Some(after) if after >= prefix.as_str() => Excluded(after.to_owned()),
            _ => Included(prefix.clone()),
        };
        self.0.range((start, Unbounded)).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// Inserts or replaces a record, here and in the store.
    pub(crate) fn put(&mut self, tx: &mut Tx, record: R) -> Arc<R> {
        let key = record.key();
        tx.put(&key, &record);
        let record = Arc::new(record);
        self.0.insert(key, Arc::clone(&record));
        record
    }

    /// Removes a record, here and in the store.
    pub(crate) fn remove(&mut self, tx: &mut Tx, key: &str) -> Option<Arc<R>> {
        let removed = self.0.remove(key);
        if removed.is_some() {
            tx.delete::<R>(key);
        }
        removed
    }

    /// Takes in a record that was read from the store.
    pub(crate) fn load(&mut self, record: R) -> Arc<R> {
        let record = Arc::new(record);
        self.0.insert(record.key(), Arc::clone(&record));
        record
    }
}
