//! The two fields of a cron expression that say on which days it runs, of which one is always `?`.

use jiff::civil::{Date, Weekday, date};

use super::field::{DAYS_OF_MONTH, DAYS_OF_WEEK, Values};

/// On which days of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    OfMonth(Vec<OfMonth>),
    OfWeek(Vec<OfWeek>),
}

/// An item of the day-of-month field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OfMonth {
    In(Values),
    /// `L`
    Last,
    /// `LW`
    LastWeekday,
    /// `3W`
    WeekdayNear(i8),
}

/// An item of the day-of-week field; the week begins with Sunday, the first day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OfWeek {
    In(Values),
    /// `6L`
    Last(i16),
    /// `3#2`
    Nth(i16, i16),
}

impl Days {
    /// Reads both fields, in capitals.
    pub(super) fn parse(of_month: &str, of_week: &str) -> Option<Self> {
        match (of_month, of_week) {
            ("?", "?") => None,
            ("?", list) => {
                let days = list.split(',').map(OfWeek::parse).collect::<Option<Vec<_>>>()?;
                // "If you use a '#' character, you can define only one expression in the day-of-week field."
                let ambiguous = days.len() > 1 && days.iter().any(|day| matches!(day, OfWeek::Nth(..)));
                (!ambiguous).then_some(Self::OfWeek(days))
            }
            (list, "?") => Some(Self::OfMonth(list.split(',').map(OfMonth::parse).collect::<Option<_>>()?)),
            // "You can't specify the Day-of-month and Day-of-week fields in the same cron expression."
            _ => None,
        }
    }

    /// The days of a month, in order.
    pub(super) fn of(&self, year: i16, month: i8) -> impl Iterator<Item = Date> {
        let first = date(year, month, 1);
        first.series(jiff::Span::new().days(1)).take_while(move |day| day.month() == month).filter(|day| self.has(*day))
    }

    fn has(&self, day: Date) -> bool {
        match self {
            Self::OfMonth(items) => items.iter().any(|item| item.has(day)),
            Self::OfWeek(items) => items.iter().any(|item| item.has(day)),
        }
    }
}

impl OfMonth {
    fn parse(item: &str) -> Option<Self> {
        match (item, item.strip_suffix('W')) {
            ("L", _) => Some(Self::Last),
            (_, Some("L")) => Some(Self::LastWeekday),
            (_, Some(day)) => Some(Self::WeekdayNear(DAYS_OF_MONTH.value(day)?.try_into().ok()?)),
            _ => Some(Self::In(DAYS_OF_MONTH.item(item)?)),
        }
    }

    fn has(&self, day: Date) -> bool {
        match self {
            Self::In(days) => days.contains(&day.day().into()),
            Self::Last => day.day() == day.days_in_month(),
            Self::LastWeekday => day == weekday_near(day.last_of_month()),
            Self::WeekdayNear(near) => *near <= day.days_in_month() && day == weekday_near(date(day.year(), day.month(), *near)),
        }
    }
}

impl OfWeek {
    fn parse(item: &str) -> Option<Self> {
        if item == "L" {
            // "the last day of the month or week"
            return Some(Self::In(Values::from([7])));
        }
        if let Some((day, nth)) = item.split_once('#') {
            let nth = DAYS_OF_WEEK.value(nth).filter(|nth| *nth <= 5)?;
            return Some(Self::Nth(DAYS_OF_WEEK.value(day)?, nth));
        }
        match item.strip_suffix('L') {
            Some(day) => Some(Self::Last(DAYS_OF_WEEK.value(day)?)),
            None => Some(Self::In(DAYS_OF_WEEK.item(item)?)),
        }
    }

    fn has(&self, day: Date) -> bool {
        let of_week = i16::from(day.weekday().to_sunday_one_offset());
        match self {
            Self::In(days) => days.contains(&of_week),
            Self::Last(last) => of_week == *last && day.day() + 7 > day.days_in_month(),
            Self::Nth(nth_day, nth) => of_week == *nth_day && i16::from((day.day() - 1) / 7 + 1) == *nth,
        }
    }
}

/// The weekday that is nearest to a day and in the same month.
fn weekday_near(day: Date) -> Date {
    let days = match day.weekday() {
        Weekday::Saturday if day.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if day.day() == day.days_in_month() => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    day.saturating_add(jiff::Span::new().days(days))
}
