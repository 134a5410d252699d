//! Events on their way from the container to the service.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::events::Event;
use super::options::Mode;

// The limits of PutLogEvents in the API reference of CloudWatch Logs.
/// "The maximum batch size is 1,048,576 bytes".
pub(super) const BATCH_BYTES: usize = 1_048_576;
/// "plus 26 bytes for each log event".
pub(super) const EVENT_OVERHEAD: usize = 26;
/// "The maximum number of log events in a batch is 10,000."
const BATCH_EVENTS: usize = 10_000;
/// "the time span in a single batch cannot exceed 24 hours".
const BATCH_SPAN_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How long a batch waits for more events. Docker's driver waits 5 s, which matters where calls cost money.
const GATHERING: Duration = Duration::from_secs(1);

/// How much is read ahead in blocking mode: the next batch.
const AHEAD: usize = BATCH_BYTES;

/// Events in order, bounded. One side fills it, the other takes batches.
#[derive(Debug)]
pub(super) struct Buffer {
    state: Mutex<State>,
    mode: Mode,
    /// There are events, or there will be none.
    filled: Notify,
    /// There is a whole batch, or there will be none.
    ready: Notify,
    /// There is room again.
    taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    bytes: usize,
    dropped: u64,
    closed: bool,
}

/// What one call of PutLogEvents takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// How many events were lost before these.
    pub(super) dropped: u64,
}

impl Buffer {
    pub(super) fn new(mode: Mode) -> Self {
        let (filled, ready, taken) = (Notify::new(), Notify::new(), Notify::new());
        Self { state: Mutex::default(), mode, filled, ready, taken }
    }

    /// Adds an event: waits for room, or makes some, as the mode says.
    pub(super) async fn push(&self, event: Event) {
        let size = event.size();
        loop {
            {
                let mut state = self.lock();
                let room = |state: &State, limit: usize| state.events.is_empty() || state.bytes + size <= limit;
                match self.mode {
                    Mode::Blocking if !room(&state, AHEAD) => {}
                    Mode::Blocking => return self.add(state, event),
                    Mode::NonBlocking(limit) => {
                        while !room(&state, limit) {
                            state.take_first();
                            state.dropped += 1;
                        }
                        return self.add(state, event);
                    }
                }
            }
            // A whole batch waits, or whoever takes it is about to see so.
            self.ready.notify_one();
            self.taken.notified().await;
        }
    }

    fn add(&self, mut state: MutexGuard<'_, State>, event: Event) {
        state.bytes += event.size();
        state.events.push_back(event);
        let whole = state.events.len() >= BATCH_EVENTS || state.bytes >= BATCH_BYTES;
        drop(state);
        self.filled.notify_one();
        if whole {
            self.ready.notify_one();
        }
    }

    /// There will be no more events.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.ready.notify_one();
    }

    /// The next batch, once it is whole or has waited long enough; `None` when all was taken and there will be no more.
    pub(super) async fn batch(&self) -> Option<Batch> {
        loop {
            let (empty, closed) = {
                let state = self.lock();
                (state.events.is_empty(), state.closed)
            };
            match (empty, closed) {
                (true, true) => return None,
                (true, false) => self.filled.notified().await,
                (false, true) => return Some(self.take()),
                (false, false) => {
                    // An error is a batch that is not whole.
                    let _ = tokio::time::timeout(GATHERING, self.ready.notified()).await;
                    return Some(self.take());
                }
            }
        }
    }

    fn take(&self) -> Batch {
        let mut state = self.lock();
        let mut events: Vec<Event> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = state.events.front() {
            bytes += next.size();
            let span = events.first().map_or(0, |first| next.at.as_millis() - first.at.as_millis());
            if events.len() == BATCH_EVENTS || bytes > BATCH_BYTES || span >= BATCH_SPAN_MILLIS {
                break;
            }
            events.extend(state.take_first());
        }
        let dropped = std::mem::take(&mut state.dropped);
        drop(state);
        self.taken.notify_one();
        Batch { events, dropped }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_first(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= event.size();
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use kecs_model::Timestamp;
    use tokio::time::Instant;

    use super::*;

    fn event(at: i64, length: usize) -> Event {
        Event { at: Timestamp::from_millis(at), message: "x".repeat(length) }
    }

    async fn lengths(buffer: &Buffer) -> Vec<usize> {
        let mut lengths = Vec::new();
        while let Some(batch) = buffer.batch().await {
            lengths.push(batch.events.len());
        }
        lengths
    }

    async fn batches(events: impl IntoIterator<Item = Event>) -> Vec<usize> {
        let buffer = Buffer::new(Mode::NonBlocking(usize::MAX));
        for event in events {
            buffer.push(event).await;
        }
        buffer.close();
        lengths(&buffer).await
    }

    #[tokio::test]
    async fn a_batch_has_at_most_ten_thousand_events() {
        assert_eq!(batches((0..20_001).map(|at| event(at, 1))).await, [10_000, 10_000, 1]);
    }

    #[tokio::test]
    async fn a_batch_has_at_most_a_mebibyte_with_26_bytes_for_each_event() {
        // 1,048,576 / (1,000 + 26) = 1,022.0…
        assert_eq!(batches((0..1_023).map(|at| event(at, 1_000))).await, [1_022, 1]);
    }

    #[tokio::test]
    async fn a_batch_spans_less_than_a_day() {
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(batches([event(0, 1), event(day - 1, 1), event(day, 1)]).await, [2, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_waits_a_second_for_others() {
        let buffer = Buffer::new(Mode::Blocking);
        buffer.push(event(1, 1)).await;
        let started = Instant::now();
        assert_eq!(buffer.batch().await.unwrap().events, [event(1, 1)]);
        assert_eq!(started.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn without_blocking_the_oldest_give_way_and_are_counted() {
        let buffer = Buffer::new(Mode::NonBlocking(3 * (100 + 26)));
        for at in 0..5 {
            buffer.push(event(at, 100)).await;
        }
        buffer.close();
        let batch = buffer.batch().await.unwrap();
        assert_eq!((batch.dropped, batch.events), (2, vec![event(2, 100), event(3, 100), event(4, 100)]));
        assert_eq!(buffer.batch().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn blocking_nothing_is_lost_and_no_more_than_a_batch_is_read_ahead() {
        let buffer = Buffer::new(Mode::Blocking);
        for at in 0..4 {
            buffer.push(event(at, 262_118)).await;
        }
        assert!(buffer.push(event(4, 1)).now_or_never().is_none());
        let pushed = async {
            buffer.push(event(5, 1)).await;
            buffer.close();
        };
        let started = Instant::now();
        assert_eq!(tokio::join!(pushed, lengths(&buffer)).1, [4, 1]);
        assert_eq!(started.elapsed(), Duration::ZERO, "a whole batch waits for nothing");
    }
}
