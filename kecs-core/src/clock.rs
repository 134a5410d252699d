//! Wall time, injected: every timestamp that a client sees comes from here.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kecs_model::Timestamp;

/// Where wall time comes from.
///
/// Durations and deadlines are `tokio::time`'s; a clock only stamps. An implementation never goes back by itself, but a caller
/// must cope with a wall clock that was set back: it never subtracts two stamps without saturating.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now, to the millisecond, as ECS reports it.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock: what a server uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(millis(since_epoch))
    }
}

/// A clock that follows `tokio::time` from a fixed start, so that paused tests see stamps and deadlines agree.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: Timestamp,
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that reads `start` now. Needs a tokio runtime with its time driver.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, origin: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis() + millis(self.origin.elapsed()))
    }
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// A duration as whole milliseconds; a stamp's range is far beyond any that occurs.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
