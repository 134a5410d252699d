//! One field of a cron expression: values, ranges, steps and lists of them.

use std::collections::BTreeSet;

/// The values that a field takes.
pub(super) type Values = BTreeSet<i16>;

/// What may stand in a field.
#[derive(Debug)]
pub(super) struct Field {
    first: i16,
    last: i16,
    /// What the values are called, from the first on.
    names: &'static [&'static str],
    /// Whether a range may go over the end: `20-2` is the hours of a night.
    circular: bool,
}

pub(super) const MINUTES: Field = Field { first: 0, last: 59, names: &[], circular: true };
pub(super) const HOURS: Field = Field { first: 0, last: 23, names: &[], circular: true };
pub(super) const DAYS_OF_MONTH: Field = Field { first: 1, last: 31, names: &[], circular: true };
pub(super) const MONTHS: Field = Field {
    first: 1,
    last: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    circular: true,
};
pub(super) const DAYS_OF_WEEK: Field =
    Field { first: 1, last: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], circular: true };
pub(super) const YEARS: Field = Field { first: 1970, last: 2199, names: &[], circular: false };

impl Field {
    /// What a list says, in capitals.
    pub(super) fn values(&self, list: &str) -> Option<Values> {
        let mut values = Values::new();
        for item in list.split(',') {
            values.extend(self.item(item)?);
        }
        Some(values)
    }

    /// What an item of a list says: `*`, `5`, `MON`, `1-5`, and each with a step, `0/10`.
    pub(super) fn item(&self, item: &str) -> Option<Values> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| *step > 0)?)),
            None => (item, None),
        };
        let (from, to) = if range == "*" {
            (self.first, self.last)
        } else if let Some((from, to)) = range.split_once('-') {
            (self.value(from)?, self.value(to)?)
        } else {
            let from = self.value(range)?;
            (from, if step.is_some() { self.last } else { from })
        };
        let size = self.last - self.first + 1;
        let length = match to - from {
            length @ 0.. => length,
            length if self.circular => length + size,
            _ => return None,
        };
        let step = usize::from(step.unwrap_or(1).unsigned_abs());
        Some((0..=length).step_by(step).map(|offset| (from - self.first + offset) % size + self.first).collect())
    }

    /// One value, by its number or its name.
    pub(super) fn value(&self, text: &str) -> Option<i16> {
        let named = self.names.iter().position(|name| *name == text);
        let value = match named {
            Some(position) => self.first + i16::try_from(position).ok()?,
            None => number(text)?,
        };
        (self.first..=self.last).contains(&value).then_some(value)
    }
}

/// A number of at most four digits, without a sign.
fn number(text: &str) -> Option<i16> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
