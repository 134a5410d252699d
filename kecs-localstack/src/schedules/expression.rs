//! Schedule expressions: when, as the user writes it.

use std::time::Duration;

use jiff::civil::DateTime;

use super::cron::Cron;

/// A schedule expression ("Schedule types in EventBridge Scheduler").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Once: `at(yyyy-mm-ddThh:mm:ss)`, on the clocks of the schedule's zone.
    At(DateTime),
    /// Again and again: `rate(value unit)`. A day has 24 hours.
    Rate(Duration),
    /// By the calendar: `cron(fields)`.
    Cron(Cron),
}

impl Expression {
    /// `None` where AWS calls it invalid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, value) = text.strip_suffix(')')?.split_once('(')?;
        match kind {
            "at" => at(value).map(Self::At),
            "rate" => rate(value).map(Self::Rate),
            "cron" => Cron::parse(value).map(Self::Cron),
            _ => None,
        }
    }
}

fn at(value: &str) -> Option<DateTime> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let fits = |(given, form): (u8, &u8)| if *form == b'0' { given.is_ascii_digit() } else { given == *form };
    let of_the_form = value.len() == FORM.len() && value.bytes().zip(FORM).all(fits);
    if of_the_form { value.parse().ok() } else { None }
}

fn rate(value: &str) -> Option<Duration> {
    let (number, unit) = value.split_once(' ')?;
    let number: u32 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
    let unit = match unit {
        "minute" | "minutes" => Duration::from_mins(1),
        "hour" | "hours" => Duration::from_hours(1),
        "day" | "days" => Duration::from_hours(24),
        _ => return None,
    };
    (number > 0).then(|| unit * number)
}
