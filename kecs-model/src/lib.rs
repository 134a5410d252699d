//! Wire types, operation tables and codecs of the AWS services that KECS answers itself.
use serde::{Deserialize, Serialize};
/// t
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(i64);
impl Timestamp {
    /// a
    pub fn from_millis(m: i64) -> Self {
        Self(m)
    }
    /// b
    pub fn as_millis(&self) -> i64 {
        self.0
    }
}
