//! Points in time as awsJson protocols write them.

use std::fmt;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, to the millisecond.
///
/// On the wire it is a JSON number of seconds since 1970, with up to three decimals. An ISO 8601 string is read too, as
/// AWS's worked examples have them. Displayed in ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(DateTime);

/// The end of the year 9999, where ISO 8601 ends; the same distance bounds the past.
const LIMIT_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The time so many milliseconds after the beginning of 1970, or before it if negative.
    pub fn from_millis(millis: i64) -> Self {
        Self(DateTime::from_millis(millis))
    }

    /// Milliseconds since the beginning of 1970.
    pub fn as_millis(self) -> i64 {
        self.0.to_millis().expect("it was made from milliseconds that fit")
    }

    fn from_secs_f64(seconds: f64) -> Option<Self> {
        let millis = (seconds * 1000.0).round();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "the bound is far inside what both types hold exactly"
        )]
        (millis.abs() <= LIMIT_MILLIS as f64).then(|| Self::from_millis(millis as i64))
    }

    fn from_secs(seconds: i64) -> Option<Self> {
        let millis = seconds.checked_mul(1000)?;
        (millis.abs() <= LIMIT_MILLIS).then(|| Self::from_millis(millis))
    }

    fn from_iso(text: &str) -> Option<Self> {
        let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
        Some(Self::from_millis(time.to_millis().ok()?))
    }
}

impl From<std::time::SystemTime> for Timestamp {
    /// Cuts off what is finer than a millisecond.
    fn from(time: std::time::SystemTime) -> Self {
        let time = DateTime::from(time);
        Self::from_millis(time.to_millis().unwrap_or(LIMIT_MILLIS))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.as_millis();
        if millis % 1000 == 0 {
            return serializer.serialize_i64(millis / 1000);
        }
        #[allow(clippy::cast_precision_loss, reason = "a double holds milliseconds exactly for 285,000 years")]
        serializer.serialize_f64(millis as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;

        impl Visitor<'_> for Time {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since 1970")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timestamp, E> {
                Timestamp::from_secs(seconds).ok_or_else(|| E::custom("a time out of range"))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Timestamp, E> {
                Timestamp::from_secs_f64(seconds).ok_or_else(|| E::custom("a time out of range"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::from_iso(text).ok_or_else(|| E::custom("not a time"))
            }
        }

        deserializer.deserialize_any(Time)
    }
}
