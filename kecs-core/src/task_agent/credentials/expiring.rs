//! A map whose entries end.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use kecs_model::Timestamp;

/// The fewest entries for which it is worth looking for those that have ended.
const FEW: usize = 64;

/// Entries until their time is over. What has ended is removed by and by, so that no more than twice what is good is kept.
pub(super) struct Expiring<K, V> {
    entries: HashMap<K, (V, Timestamp)>,
    /// How many entries there may be before those that have ended are removed.
    limit: usize,
}

impl<K, V> Default for Expiring<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), limit: FEW }
    }
}

impl<K, V> fmt::Debug for Expiring<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiring").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, V> Expiring<K, V> {
    /// The entry, if its time is not over.
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Timestamp) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).filter(|(_, end)| *end > now).map(|(value, _)| value)
    }

    /// Inserts or replaces.
    pub(super) fn insert(&mut self, key: K, value: V, end: Timestamp, now: Timestamp) {
        if self.entries.len() >= self.limit {
            self.entries.retain(|_, (_, end)| *end > now);
            self.limit = (2 * self.entries.len()).max(FEW);
        }
        self.entries.insert(key, (value, end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_found_and_not_kept() {
        let at = Timestamp::from_millis;
        let mut map: Expiring<i64, ()> = Expiring::default();
        for time in 0..10_000 {
            map.insert(time, (), at(time + 10), at(time));
        }
        assert!(map.entries.len() <= FEW, "{map:?}");
        assert_eq!(map.get(&9_995, at(10_004)), Some(&()));
        assert_eq!(map.get(&9_995, at(10_005)), None);
    }
}
