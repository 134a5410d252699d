//! The events of one account and region, on their way to one backend.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kecs_core::{AwsHealth, AwsServiceBackend, EcsEvent, Report, Scope, ServiceId};
use tokio::sync::Notify;

use super::Counts;
use super::put_events::{Entry, Put, PutEntry, PutEvents, batch};
use crate::{AwsCallError, AwsClient};

/// How many events may wait.
const MOST_WAITING: usize = 1000;
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How soon a backend that was never ready is asked again, should there be an event then.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<EcsEvent>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event; returns how many had to go for it.
    pub(super) fn push(&self, event: EcsEvent) -> usize {
        let mut waiting = self.lock();
        waiting.events.push_back(event);
        let dropped = waiting.events.len().saturating_sub(MOST_WAITING);
        waiting.events.drain(..dropped);
        drop(waiting);
        self.changed.notify_one();
        if dropped > 0 {
            tracing::warn!(dropped, "EventBridge has been away for too long: the oldest events are dropped");
        }
        dropped
    }

    /// No more events come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits for an event; `false` when none will come.
    async fn filled(&self) -> bool {
        loop {
            {
                let waiting = self.lock();
                if !waiting.events.is_empty() {
                    return true;
                }
                if waiting.closed {
                    return false;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Takes the first events out, to be sent in one call.
    fn take(&self) -> (Vec<EcsEvent>, Vec<Entry>) {
        let mut waiting = self.lock();
        let entries = batch(waiting.events.iter());
        let events = waiting.events.drain(..entries.len()).collect();
        (events, entries)
    }

    /// Puts events back, before all others. Those that have no room any more are lost; returns how many.
    fn put_back(&self, events: Vec<EcsEvent>) -> usize {
        let mut waiting = self.lock();
        let room = MOST_WAITING.saturating_sub(waiting.events.len());
        let lost = events.len().saturating_sub(room);
        for event in events.into_iter().skip(lost).rev() {
            waiting.events.push_front(event);
        }
        lost
    }
}

/// Sends what waits.
#[derive(Debug)]
pub(super) struct Lane {
    queue: Arc<Queue>,
    backend: Arc<dyn AwsServiceBackend>,
    client: AwsClient,
    scope: Scope,
    counts: Arc<Counts>,
    /// Whether the backend was ready at some time.
    begun: bool,
}

impl Lane {
    pub(super) fn new(queue: Arc<Queue>, backend: Arc<dyn AwsServiceBackend>, scope: Scope, counts: Arc<Counts>) -> Self {
        let client = AwsClient::new(Arc::clone(&backend));
        Self { queue, backend, client, scope, counts, begun: false }
    }

    /// Sends until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_RETRY;
        while self.queue.filled().await {
            if !self.begun && !self.ready().await {
                // Nobody can have made a rule for what happened by now.
                self.queue.lock().events.clear();
                tokio::time::sleep(ASKED_AGAIN).await;
                continue;
            }
            self.begun = true;
            if self.send().await {
                pause = FIRST_RETRY;
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_RETRY);
            }
        }
    }

    async fn ready(&self) -> bool {
        self.backend.serves(&ServiceId::new("events")) && matches!(self.backend.health().await, Ok(AwsHealth::Ready))
    }

    /// Sends the first events. `false` when it is to be tried again, later.
    async fn send(&self) -> bool {
        let (events, entries) = self.queue.take();
        let sent = self.client.json(&self.scope, "events", "AWSEvents.PutEvents", &PutEvents { entries }).await;
        match sent {
            Ok(put) => self.sent(events, put),
            Err(error) if error.is_retryable() => {
                tracing::debug!(scope = %self.scope, error = %Report(&error), "EventBridge takes no events at present");
                self.counts.dropped(self.queue.put_back(events));
                false
            }
            Err(error) => {
                self.lose(events.len(), &error);
                true
            }
        }
    }

    /// Sorts out what was taken, what is to be sent again, and what never will be.
    fn sent(&self, events: Vec<EcsEvent>, put: Put) -> bool {
        let all = events.len();
        if put.failed_entry_count == 0 {
            self.counts.delivered(all);
            return true;
        }
        let mut again = Vec::new();
        let mut lost = 0;
        for (event, PutEntry { error_code, error_message }) in events.into_iter().zip(put.entries) {
            let Some(code) = error_code else { continue };
            // "InternalFailure", "InternalException" and "ThrottlingException" pass (PutEventsResultEntry.ErrorCode).
            if code.starts_with("Internal") || code.starts_with("Throttling") {
                again.push(event);
            } else {
                lost += 1;
                let message = error_message.unwrap_or_default();
                tracing::warn!(scope = %self.scope, event = event.id, code, message, "EventBridge refused an event");
            }
        }
        self.counts.dropped(lost);
        self.counts.delivered(all.saturating_sub(lost + again.len()));
        let done = again.is_empty();
        self.counts.dropped(self.queue.put_back(again));
        done
    }

    fn lose(&self, events: usize, error: &AwsCallError) {
        tracing::warn!(scope = %self.scope, events, error = %Report(error), "EventBridge refused events");
        self.counts.dropped(events);
    }
}
