//! Why JSON that is secret could not be read.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// Why JSON that is secret could not be read. It quotes nothing of it, and so may be shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretJsonError(String);

impl SecretJsonError {
    /// Takes a text that quotes nothing.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Of what else serde has texts for, nothing is taken but that something is wrong: they may quote a value.
impl de::Error for SecretJsonError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new("something in it is not what was expected")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("something in it is not {expected}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("it has no {field}"))
    }
}
