//! One key of a secret that is JSON.

use std::fmt::{self, Write};

use kecs_core::{SecretError, SecretValue, secret_json};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// The value of a key, as the ECS agent makes a variable of it: a string as it is, anything else as Go's `%v` prints it (agent/asm/asm.go).
pub(super) fn value(secret: &SecretValue, key: &str) -> Result<SecretValue, SecretError> {
    let message = |what: &str| format!("retrieved secret from Secrets Manager {what} json key {key}");
    match secret_json::read(Key(key), secret.expose().as_bytes()) {
        Ok(Some(Value::String(text))) => Ok(SecretValue::new(text)),
        Ok(Some(other)) => {
            let printed = printed(&other, secret.expose().len());
            wipe(other);
            Ok(printed)
        }
        Ok(None) => Err(SecretError::NotFound { message: message("did not contain") }),
        // The parser's own words would tell a part of the secret.
        Err(_) => Err(SecretError::NotFound { message: message("is not a JSON object, so that it did not contain") }),
    }
}

/// What is no string, in memory that need not grow, since that would leave copies behind: nothing is printed longer than eight times its JSON.
fn printed(value: &Value, json_length: usize) -> SecretValue {
    let mut text = String::with_capacity(8 * json_length);
    // A string takes whatever is written into it.
    let _ = write!(text, "{}", Printed(value));
    SecretValue::new(text)
}

/// Leaves nothing of the texts that it is made of.
fn wipe(value: Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(mut text) => text.zeroize(),
        Value::Array(items) => items.into_iter().for_each(wipe),
        Value::Object(members) => {
            for (mut key, value) in members {
                key.zeroize();
                wipe(value);
            }
        }
    }
}

/// Finds the last value of a key, and keeps nothing of the others.
struct Key<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// JSON as Go prints what it reads it into: `map[a:1 b:[x <nil>]]`.
struct Printed<'a>(&'a Value);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("<nil>"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => float(number.as_f64().unwrap_or(f64::NAN), f),
            Value::String(text) => f.write_str(text),
            Value::Array(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if n > 0 { " " } else { "" }, Printed(item))?;
                }
                f.write_str("]")
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|&(key, _)| key);
                f.write_str("map[")?;
                for (n, (key, value)) in members.into_iter().enumerate() {
                    write!(f, "{}{key}:{}", if n > 0 { " " } else { "" }, Printed(value))?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Every number is a double, printed with as few digits as tell it from others: below 1e-4 and from a million on with an exponent of two digits or more.
fn float(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // With room for the longest, so that it does not grow, which would leave copies behind.
    let mut short = Zeroizing::new(String::with_capacity(32));
    write!(short, "{number:e}")?;
    let (digits, exponent) = short.split_once('e').unwrap_or((&short, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return write!(f, "{number}");
    }
    write!(f, "{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}
