//! A value that is written into a configuration file and shown nowhere else.

use std::fmt;

use kecs_core::SecretValue;
use serde::{Deserialize, Deserializer};

/// The value of a parameter or secret. `Debug` hides it.
#[derive(Clone)]
pub struct SeedValue(SecretValue);

impl SeedValue {
    /// Takes the value over.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretValue::new(value.into()))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl<'de> Deserialize<'de> for SeedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for SeedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeedValue(***)")
    }
}
