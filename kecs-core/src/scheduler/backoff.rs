//! Slows launches down when tasks keep failing ("Service throttle logic" of the developer guide).
//!
//! "The time between subsequent restart attempts is incrementally increased up to a maximum of 15 minutes." AWS does not document the steps:
//! here a second, doubled each round. A round is all the failures until the next launch.

use kecs_model::Timestamp;

use crate::engine::Throttle;

const FIRST_MILLIS: i64 = 1000;
const LAST_MILLIS: i64 = 15 * 60 * 1000;
/// From this round on the service "is unable to consistently start tasks successfully".
const IMPAIRED: u32 = 3;

impl Throttle {
    /// Takes note of a task that failed. `true` when the service has just become impaired.
    pub(super) fn failed(&mut self, now: Timestamp) -> bool {
        if !self.open(now) {
            return false;
        }
        self.rounds = self.rounds.saturating_add(1);
        let doublings = (self.rounds - 1).min(20);
        let pause = (FIRST_MILLIS << doublings).min(LAST_MILLIS);
        self.until = Some(Timestamp::from_millis(now.as_millis() + pause));
        self.rounds == IMPAIRED
    }

    /// Whether tasks may be launched.
    pub(super) fn open(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// A task proved healthy, or the service was updated: "your service returns to a normal, non-throttled state immediately".
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn failures_of_one_round_count_once() {
        let mut throttle = Throttle::default();
        for _ in 0..10 {
            throttle.failed(at(0));
        }
        assert_eq!(throttle.until, Some(at(1)));
    }

    /// "… incrementally increased up to a maximum of 15 minutes".
    #[test]
    fn the_pause_grows_up_to_fifteen_minutes() {
        let mut throttle = Throttle::default();
        let mut pauses = Vec::new();
        let mut now = at(0);
        for _ in 0..40 {
            throttle.failed(now);
            let until = throttle.until.unwrap();
            pauses.push(until.as_millis() - now.as_millis());
            now = until;
        }
        assert!(pauses.is_sorted());
        assert_eq!((pauses[0], pauses[39]), (1000, 15 * 60 * 1000));
    }

    #[test]
    fn the_service_becomes_impaired_once() {
        let mut throttle = Throttle::default();
        let impaired = (0..6).filter(|round| throttle.failed(at(round * 1000))).count();
        assert_eq!(impaired, 1);
    }

    #[test]
    fn a_reset_opens_at_once() {
        let mut throttle = Throttle::default();
        throttle.failed(at(0));
        assert!(!throttle.open(at(0)));
        throttle.reset();
        assert!(throttle.open(at(0)));
    }
}
