//! Cron expressions as AWS has them: `minutes hours day-of-month month day-of-week year`.

mod days;
mod field;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

use days::Days;
use field::{HOURS, MINUTES, MONTHS, Values, YEARS};

/// What stands between the parentheses of `cron(…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Values,
    hours: Values,
    days: Days,
    months: Values,
    years: Values,
}

impl Cron {
    /// Reads the six fields. Names may be written in small letters.
    pub(super) fn parse(fields: &str) -> Option<Self> {
        let fields = fields.to_ascii_uppercase();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, of_month, month, of_week, year] = fields[..] else { return None };
        Some(Self {
            minutes: MINUTES.values(minutes)?,
            hours: HOURS.values(hours)?,
            days: Days::parse(of_month, of_week)?,
            months: MONTHS.values(month)?,
            years: YEARS.values(year)?,
        })
    }

    /// The first time after this one, on the clocks of a zone. "When the time shifts forward in spring" what falls into the hour that is not there
    /// "gets skipped"; "when the time shifts back", it "runs only once": at the first of the two times.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let from = zone.to_datetime(after);
        for year in self.years.range(from.year()..) {
            let first_month = if *year == from.year() { from.month().into() } else { 1 };
            for month in self.months.range(first_month..) {
                let month = i8::try_from(*month).ok()?;
                for day in self.days.of(*year, month).filter(|day| *day >= from.date()) {
                    for (hour, minute) in self.times() {
                        let time = day.at(hour, minute, 0, 0);
                        let offset = match zone.to_ambiguous_timestamp(time).offset() {
                            AmbiguousOffset::Unambiguous { offset } => offset,
                            AmbiguousOffset::Fold { before, .. } => before,
                            AmbiguousOffset::Gap { .. } => continue,
                        };
                        let found = offset.to_timestamp(time).ok()?;
                        if found > after {
                            return Some(found);
                        }
                    }
                }
            }
        }
        None
    }

    /// The times of a day, in order.
    fn times(&self) -> impl Iterator<Item = (i8, i8)> {
        let small = |value: &i16| i8::try_from(*value).expect("hours and minutes have two digits");
        self.hours.iter().flat_map(move |hour| self.minutes.iter().map(move |minute| (small(hour), small(minute))))
    }
}
