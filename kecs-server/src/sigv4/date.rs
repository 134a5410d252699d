//! `20150830T123600Z` and Unix time.

use std::fmt;

const DAY: i64 = 24 * 3600;

/// Unix time in seconds, written as ISO 8601's basic format in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BasicDate(pub(super) i64);

impl BasicDate {
    /// Reads exactly `YYYYMMDDTHHMMSSZ`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            bytes[range].iter().try_fold(0_i64, |sum, byte| Some(sum * 10 + i64::from(char::from(*byte).to_digit(10)?)))
        };
        let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
        let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
        let days = days_from_civil(year, month, day);
        let real = hour < 24 && minute < 60 && second < 60 && civil_from_days(days) == (year, month, day);
        real.then_some(Self(days * DAY + hour * 3600 + minute * 60 + second))
    }
}

impl fmt::Display for BasicDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        write!(f, "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Years are counted from March, so that the leap day is the last
/// of its year, in eras of 400 years.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants_are_read() {
        // `date -u -d 2015-08-30T12:36:00Z +%s` and the like, of GNU coreutils.
        assert_eq!(BasicDate::parse("20150830T123600Z"), Some(BasicDate(1_440_938_160)));
        assert_eq!(BasicDate::parse("20240229T000000Z"), Some(BasicDate(1_709_164_800)));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2015-08-30T12:36Z",
            "20150830T123600",
            "20150230T000000Z",
            "20151301T000000Z",
            "20150830T250000Z",
            "20150830T1236éZ",
        ] {
            assert_eq!(BasicDate::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn writing_undoes_reading(seconds in 0_i64..253_402_300_800) {
            prop_assert_eq!(BasicDate::parse(&BasicDate(seconds).to_string()), Some(BasicDate(seconds)));
        }
    }
}
