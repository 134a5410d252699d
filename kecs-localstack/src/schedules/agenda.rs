//! Which schedules there are, and which is due next.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use kecs_core::Scope;
use kecs_model::Timestamp;

use super::schedule::Schedule;

/// Names a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) scope: Scope,
    pub(super) group: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:scheduler:{}:{}:schedule/{}/{}", self.scope.region, self.scope.account, self.group, self.name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.name)
    }
}

/// A schedule that runs.
#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    /// When it came to be as it is: rates count from here.
    since: Timestamp,
    due: Option<Timestamp>,
    /// Tells it from one that was in its place.
    version: u64,
}

/// One invocation of a schedule.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) key: Key,
    pub(super) at: Timestamp,
    pub(super) schedule: Schedule,
    pub(super) version: u64,
}

impl Due {
    /// For people and programs, to the second.
    pub(super) fn scheduled_time(&self) -> String {
        let time = jiff::Timestamp::from_second(self.at.as_millis().div_euclid(1000));
        time.map(|time| time.to_string()).unwrap_or_default()
    }
}

/// All schedules that run, in the order in which they are due.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: HashMap<Key, Entry>,
    order: BTreeSet<(Timestamp, Key)>,
    versions: u64,
}

impl Agenda {
    /// A schedule was made or changed, now. A rate goes on where nothing changed that matters for when it runs.
    pub(super) fn put(&mut self, key: Key, schedule: Schedule, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.schedule.runs_as(&schedule)) {
            entry.schedule = schedule;
            return;
        }
        self.insert(key, schedule, now, Timestamp::from_millis(now.as_millis() - 1), now);
    }

    /// A schedule was found that has been there for a while. What it missed before `began`, when nobody looked, is past, but for a one-time schedule. One
    /// that is known already is another only if it was changed since, by other means.
    pub(super) fn found(&mut self, key: Key, schedule: Schedule, began: Timestamp, now: Timestamp) {
        let since = schedule.modified.or(schedule.created).unwrap_or(now);
        match self.entries.get(&key) {
            None => {
                let after = if since > began { Timestamp::from_millis(since.as_millis() - 1) } else { now };
                self.insert(key, schedule, since, after, now);
            }
            Some(known) if known.since < since && !known.schedule.runs_as(&schedule) => self.put(key, schedule, now),
            Some(_) => {}
        }
    }

    fn insert(&mut self, key: Key, schedule: Schedule, since: Timestamp, after: Timestamp, now: Timestamp) {
        self.remove(&key);
        let after = if schedule.timing.is_once() {
            // One that was due while nobody looked is run late, as long as AWS would go on trying. Each has a token of its own, by which ECS knows what
            // it ran already.
            let age = schedule.target.retry_policy.maximum_event_age_in_seconds.saturating_mul(1000);
            Timestamp::from_millis(now.as_millis().saturating_sub(age))
        } else {
            after
        };
        let due = if schedule.enabled { schedule.timing.next(since, after) } else { None };
        self.order.extend(due.map(|due| (due, key.clone())));
        self.versions += 1;
        self.entries.insert(key, Entry { schedule, since, due, version: self.versions });
    }

    /// A schedule is gone.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(due) = self.entries.remove(key).and_then(|entry| entry.due) {
            self.order.remove(&(due, key.clone()));
        }
    }

    /// A group of schedules is gone.
    pub(super) fn remove_group(&mut self, scope: &Scope, group: &str) {
        let keys: Vec<Key> = self.entries.keys().filter(|key| key.scope == *scope && key.group == group).cloned().collect();
        for key in keys {
            self.remove(&key);
        }
    }

    /// When the next schedule is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes a schedule that is due, and plans its next time, after now: times that were slept through are not made up for one by one.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        let (at, key) = self.order.pop_first()?;
        let entry = self.entries.get_mut(&key)?;
        entry.due = if entry.schedule.timing.is_once() { None } else { entry.schedule.timing.next(entry.since, now.max(at)) };
        self.order.extend(entry.due.map(|due| (due, key.clone())));
        Some(Due { key, at, schedule: entry.schedule.clone(), version: entry.version })
    }

    /// Whether the schedule is still the one that it was.
    pub(super) fn is(&self, key: &Key, version: u64) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.version == version)
    }

    /// Takes a schedule out that was invoked for the last time and is to be deleted then.
    pub(super) fn complete(&mut self, key: &Key, version: u64) -> bool {
        let completed =
            self.entries.get(key).is_some_and(|entry| entry.version == version && entry.due.is_none() && entry.schedule.delete);
        if completed {
            self.remove(key);
        }
        completed
    }
}
