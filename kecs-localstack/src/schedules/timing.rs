//! When a schedule invokes its target.

use jiff::tz::TimeZone;
use kecs_model::Timestamp;

use super::expression::Expression;

/// An expression, the zone whose clocks it reads, and the time in which it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) expression: Expression,
    pub(super) zone: TimeZone,
    /// Not before; of no meaning for a schedule that runs once, as `end` is.
    pub(super) start: Option<Timestamp>,
    /// Not after.
    pub(super) end: Option<Timestamp>,
}

impl Timing {
    /// The first time after this one. `since` is when the schedule was made or came to be as it is: from then on a rate without a start counts, "your
    /// schedule starts invoking the target immediately".
    pub(super) fn next(&self, since: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match &self.expression {
            Expression::At(time) => {
                // In an hour that the clocks skip, AWS does not say; later is better than never.
                let time = self.zone.to_ambiguous_timestamp(*time).compatible().ok()?;
                Some(Timestamp::from_millis(time.as_millisecond())).filter(|time| *time > after)
            }
            Expression::Rate(every) => {
                let (first, every) = (self.start.unwrap_or(since).as_millis(), i64::try_from(every.as_millis()).ok()?);
                let passed = after.as_millis().saturating_sub(first);
                let rounds = if passed < 0 { 0 } else { passed / every + 1 };
                self.within_end(Timestamp::from_millis(first.checked_add(rounds.checked_mul(every)?)?))
            }
            Expression::Cron(cron) => {
                // A time that is the start itself counts.
                let start = self.start.map_or(i64::MIN, |start| start.as_millis() - 1);
                let after = jiff::Timestamp::from_millisecond(after.as_millis().max(start)).ok()?;
                self.within_end(Timestamp::from_millis(cron.next(after, &self.zone)?.as_millisecond()))
            }
        }
    }

    /// Whether it is a one-time schedule.
    pub(super) fn is_once(&self) -> bool {
        matches!(self.expression, Expression::At(_))
    }

    fn within_end(&self, time: Timestamp) -> Option<Timestamp> {
        self.end.is_none_or(|end| time <= end).then_some(time)
    }
}
