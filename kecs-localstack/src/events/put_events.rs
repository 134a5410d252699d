//! PutEvents: how events become entries, and which go into one call.

use kecs_core::EcsEvent;
use kecs_model::Timestamp;
use serde::{Deserialize, Serialize};

/// "Maximum number of 10 items" (PutEvents, Entries).
const MOST_ENTRIES: usize = 10;
/// "The total entry size must be less than 256KB" ("Calculating PutEvents event entry size").
const MOST_BYTES: usize = 256 * 1024 - 1;

/// The input of PutEvents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutEvents {
    pub(super) entries: Vec<Entry>,
}

/// A PutEventsRequestEntry for the default bus.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    time: Timestamp,
    source: &'static str,
    resources: [String; 1],
    detail_type: &'static str,
    detail: String,
}

/// The output of PutEvents.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Put {
    pub(super) failed_entry_count: u64,
    pub(super) entries: Vec<PutEntry>,
}

/// What became of an entry, in the order of the input.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PutEntry {
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
}

impl Entry {
    pub(super) fn new(event: &EcsEvent) -> Self {
        Self {
            time: event.time,
            source: EcsEvent::SOURCE,
            resources: [event.resource.clone()],
            detail_type: event.kind.as_str(),
            detail: serde_json::to_string(&event.detail).expect("a map with string keys has a JSON form"),
        }
    }

    /// "If the Time parameter is specified, it is measured as 14 bytes"; the rest by its UTF-8 form.
    fn size(&self) -> usize {
        14 + self.source.len() + self.detail_type.len() + self.detail.len() + self.resources[0].len()
    }
}

/// The first events that go into one call: at least one, however large.
pub(super) fn batch<'a>(events: impl Iterator<Item = &'a EcsEvent>) -> Vec<Entry> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for entry in events.take(MOST_ENTRIES).map(Entry::new) {
        bytes += entry.size();
        if bytes > MOST_BYTES && !batch.is_empty() {
            break;
        }
        batch.push(entry);
    }
    batch
}
