//! Environment values, which may be secret.

use std::fmt;
use std::sync::Arc;

use crate::SecretValue;

/// The value of an environment variable. Neither kind is ever printed: users put secrets into plain values too.
#[derive(Clone)]
pub enum EnvValue {
    /// Written in the task definition or an override.
    Plain(Arc<str>),
    /// Resolved from a [`SecretSource`](crate::SecretSource); must not be written to disk or into another object in the clear.
    Secret(SecretValue),
}

impl EnvValue {
    /// The value itself, for the container's environment and nowhere else.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose(),
        }
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(***)",
            Self::Secret(_) => "Secret(***)",
        })
    }
}
