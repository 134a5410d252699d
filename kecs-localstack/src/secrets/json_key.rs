//! One key of a secret that is JSON.
//!
//! What is read is written into memory that is wiped and does not grow, and nothing else is kept of it: what is left where the JSON ends in an error is wiped too.

use std::fmt;

use kecs_core::{SecretError, SecretValue, secret_json};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroizing;

use super::go_print::Print;

/// The value of a key, as the ECS agent makes a variable of it: a string as it is, anything else as Go's `%v` prints it (agent/asm/asm.go).
pub(super) fn value(secret: &SecretValue, key: &str) -> Result<SecretValue, SecretError> {
    let not_found = |what: &str| {
        let message = format!("retrieved secret from Secrets Manager {what} json key {key}");
        Err(SecretError::NotFound { message })
    };
    let json = secret.expose();
    // Nothing is printed longer than eight times its JSON.
    let mut printed = Zeroizing::new(String::with_capacity(8 * json.len()));
    match secret_json::read(Member { key, value: &mut printed }, json.as_bytes()) {
        Ok(true) => Ok(SecretValue::new((*printed).clone())),
        Ok(false) => not_found("did not contain"),
        Err(_) => not_found("is not a JSON object, so that it did not contain"),
    }
}

/// Prints the last member of a key, and tells whether there is one.
struct Member<'a> {
    key: &'a str,
    value: &'a mut String,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_found = false;
        while let Some(is_wanted) = map.next_key_seed(Is(self.key))? {
            if is_wanted {
                is_found = true;
                self.value.clear();
                map.next_value_seed(Print(self.value))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(is_found)
    }
}

/// Compares a key.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}
