//! JSON as Go prints it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// Writes JSON as Go's `%v` prints what it reads it into, `map[a:1 b:[x <nil>]]`, to a text with room for it: what grows leaves copies behind.
pub(super) struct Print<'a>(pub(super) &'a mut String);

impl<'de> DeserializeSeed<'de> for Print<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Print<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.push_str("<nil>");
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    #[allow(clippy::cast_precision_loss, reason = "Go reads every number as a double")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    #[allow(clippy::cast_precision_loss, reason = "Go reads every number as a double")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        float(value, self.0).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.push_str(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self(text) = self;
        text.push('[');
        let start = text.len();
        while items.next_element_seed(Print(text))?.is_some() {
            text.push(' ');
        }
        end(text, start);
        Ok(())
    }

    /// Go prints a map by its keys in their order, and knows the last of the same.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(text) = self;
        let start = text.len();
        let mut members = Vec::new();
        loop {
            let key = text.len();
            if map.next_key_seed(Print(text))?.is_none() {
                break;
            }
            let value = text.len();
            map.next_value_seed(Print(text))?;
            members.push((key - start..value - start, value - start..text.len() - start));
        }
        let unsorted = Zeroizing::new(text[start..].to_owned());
        text.truncate(start);
        let members: BTreeMap<_, _> = members.into_iter().map(|(key, value)| (&unsorted[key], &unsorted[value])).collect();
        text.push_str("map[");
        let start = text.len();
        for (key, value) in members {
            for part in [key, ":", value, " "] {
                text.push_str(part);
            }
        }
        end(text, start);
        Ok(())
    }
}

/// Closes what has a space behind each of its parts, of which the first is at `start`.
fn end(text: &mut String, start: usize) {
    if text.len() > start {
        text.pop();
    }
    text.push(']');
}

/// Every number is a double, printed with as few digits as tell it from others: below 1e-4 and from a million on with an exponent of two digits or more.
fn float(number: f64, text: &mut String) -> fmt::Result {
    // With room for the longest, so that it does not grow, which would leave copies behind.
    let mut short = Zeroizing::new(String::with_capacity(32));
    write!(short, "{number:e}")?;
    let (digits, exponent) = short.split_once('e').unwrap_or((&short, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return write!(text, "{number}");
    }
    write!(text, "{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}
