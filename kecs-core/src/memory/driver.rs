//! What lets time pass: one queue of timers for all tasks, and one task of the runtime that waits for the earliest.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::not_found;
use super::state::State;
use crate::{BackendError, Clock, TaskRef};
use kecs_model::Timestamp;

/// How many timers fire before others may have the lock.
const BATCH: usize = 256;

/// The time of one step: for deadlines, and for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) time: Duration,
    pub(super) stamp: Timestamp,
}

/// The state, and what is needed to let it go on.
pub(super) struct Shared {
    state: Mutex<State>,
    origin: Instant,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::new(State::new()), origin: Instant::now(), clock, wake: Arc::new(Notify::new()) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a test that holds the lock must not hide itself behind a second one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and sees to it that its timers fire.
    pub(super) fn with_state<R>(self: &Arc<Self>, change: impl FnOnce(&mut State, Now) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state, self.now());
        let driver = state.timers.demand();
        drop(state);
        match driver {
            Demand::Nothing => {}
            Demand::Wake => self.wake.notify_one(),
            Demand::Start => self.start_driver(),
        }
        result
    }

    /// The same for a task that must be known.
    pub(super) fn with_task(
        self: &Arc<Self>,
        task: &TaskRef,
        change: impl FnOnce(&mut State, Now) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        self.with_state(|state, now| if state.knows(task) { change(state, now) } else { Err(not_found(task)) })
    }

    fn now(&self) -> Now {
        Now { time: self.origin.elapsed(), stamp: self.clock.now() }
    }

    fn start_driver(self: &Arc<Self>) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(drive(Arc::downgrade(self), Arc::clone(&self.wake)))),
            // Outside of a runtime nothing can wait; the next call from inside of one starts it.
            Err(_) => self.lock().timers.driven = false,
        }
    }

    /// Fires what is due, and says when the next is.
    fn fire(self: &Arc<Self>) -> Option<Instant> {
        let mut state = self.lock();
        for _ in 0..BATCH {
            let now = self.now();
            let Some(timer) = state.timers.pop_due(now.time) else { break };
            state.fire(&timer, now);
        }
        state.timers.earlier = false;
        state.timers.next().map(|at| self.origin + at)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The driver finds nobody there and ends.
        self.wake.notify_one();
    }
}

async fn drive(shared: Weak<Shared>, wake: Arc<Notify>) {
    loop {
        let Some(next) = shared.upgrade().map(|shared| shared.fire()) else { return };
        match next {
            Some(at) => drop(tokio::time::timeout_at(at, wake.notified()).await),
            None => wake.notified().await,
        }
    }
}

/// What the driver must be told.
pub(super) enum Demand {
    Nothing,
    Wake,
    Start,
}

/// All timers of all tasks.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BinaryHeap<Timer>,
    count: u64,
    /// A timer came that is earlier than all before, and the driver does not know.
    earlier: bool,
    driven: bool,
}

impl Timers {
    pub(super) fn push(&mut self, at: Duration, task: &TaskRef, due: Due) {
        self.earlier |= self.next().is_none_or(|next| at < next);
        self.count += 1;
        self.queue.push(Timer { at, number: self.count, task: task.clone(), due });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    fn next(&self) -> Option<Duration> {
        self.queue.peek().map(|timer| timer.at)
    }

    fn pop_due(&mut self, now: Duration) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop()
    }

    fn demand(&mut self) -> Demand {
        match (self.driven, std::mem::take(&mut self.earlier)) {
            (false, _) if !self.queue.is_empty() => {
                self.driven = true;
                Demand::Start
            }
            (true, true) => Demand::Wake,
            _ => Demand::Nothing,
        }
    }
}

/// Something that is to happen to a task.
#[derive(Debug)]
pub(super) struct Timer {
    at: Duration,
    number: u64,
    pub(super) task: TaskRef,
    pub(super) due: Due,
}

/// What is to happen. Where a container has begun another life since, it does not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// A deadline of the task's own rules.
    Tick,
    /// The container's start is over.
    Started { container: usize, life: u32 },
    /// The container ends by itself.
    Exit { container: usize, life: u32, code: i32 },
}

// The earliest is the greatest, because the heap gives the greatest; at the same time, the one that was set first.
impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timer {}
