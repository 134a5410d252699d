//! What `Debug` shows instead of a secret.

use std::fmt;

/// Stands for an optional member that must not be shown; holds whether it is set.
pub(crate) struct Redacted(pub(crate) bool);

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "Some(***)" } else { "None" })
    }
}
