//! How far the output of each container has reached its log router, which cannot be asked.
//!
//! Written together from time to time, and when the engine stops: after a restart no line is missing, and after a crash some may come twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kecs_model::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{LogPosition, StateStore, TaskId, TaskRef, Write};

/// Where they are kept in the store, beside the state of ECS.
const PREFIX: &str = "log-positions/";

/// How much may come twice after a crash.
const INTERVAL: Duration = Duration::from_secs(2);

/// How many entries of a task are read at a time.
const PAGE: usize = 100;

/// The positions of an engine.
#[derive(Debug)]
pub(crate) struct Positions {
    store: Arc<dyn StateStore>,
    /// What is not written yet, by key.
    changed: Mutex<HashMap<String, LogPosition>>,
    changes: Notify,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    at: i64,
    count: usize,
}

impl Positions {
    pub(crate) fn new(store: Arc<dyn StateStore>) -> Self {
        Self { store, changed: Mutex::default(), changes: Notify::new() }
    }

    /// How far a container's output was sent by whoever sent it before.
    pub(super) async fn of(&self, task: &TaskRef, container: &str) -> LogPosition {
        let stored = match self.store.get(&key(task.id, container)).await {
            Ok(Some(stored)) => serde_json::from_slice(&stored.value).ok(),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%task, container, %error, "cannot tell what was sent; sending all of it");
                None
            }
        };
        stored.map_or_else(LogPosition::default, |Stored { at, count }| LogPosition::new(Timestamp::from_millis(at), count))
    }

    pub(super) fn note(&self, task: &TaskRef, container: &str, position: LogPosition) {
        self.changed().insert(key(task.id, container), position);
        self.changes.notify_one();
    }

    /// Writes what changes, for ever.
    pub(crate) async fn run(&self) {
        loop {
            self.changes.notified().await;
            tokio::time::sleep(INTERVAL).await;
            self.flush().await;
        }
    }

    /// Writes what has changed.
    pub(crate) async fn flush(&self) {
        let changed = std::mem::take(&mut *self.changed());
        let writes: Vec<Write> = changed.iter().filter_map(|(key, position)| write(key, *position)).collect();
        if writes.is_empty() {
            return;
        }
        if let Err(error) = self.store.commit(writes).await {
            tracing::warn!(%error, "how far output was sent is not written yet");
            let mut newer = self.changed();
            for (key, position) in changed {
                newer.entry(key).or_insert(position);
            }
        }
    }

    /// Removes what is kept of a task.
    pub(crate) async fn forget(&self, task: TaskId) {
        let prefix = key(task, "");
        self.changed().retain(|key, _| !key.starts_with(&prefix));
        let Ok(entries) = self.store.scan(&prefix, None, PAGE).await else { return };
        let writes: Vec<Write> = entries.into_iter().map(|entry| Write::delete(entry.key)).collect();
        if !writes.is_empty() {
            // What stays is of a task that there will never be again.
            let _ = self.store.commit(writes).await;
        }
    }

    fn changed(&self) -> std::sync::MutexGuard<'_, HashMap<String, LogPosition>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(task: TaskId, container: &str) -> String {
    format!("{PREFIX}{task}/{container}")
}

fn write(key: &str, position: LogPosition) -> Option<Write> {
    let (at, count) = position.parts()?;
    let value = serde_json::to_vec(&Stored { at: at.as_millis(), count }).expect("plain data has a JSON form");
    Some(Write::put(key, value))
}
