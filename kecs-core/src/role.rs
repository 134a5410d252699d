//! A role of tasks, as backends speak of it.

use std::fmt;
use std::sync::Arc;

use crate::Scope;

/// A role among the tasks of one account and region: the same role in another region is another one here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleRef {
    /// Whose tasks have it.
    pub scope: Scope,
    /// Its ARN.
    pub arn: Arc<str>,
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.arn, self.scope)
    }
}
