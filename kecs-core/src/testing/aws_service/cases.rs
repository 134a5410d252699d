//! One function for each rule.

pub mod answers;
pub mod forward;
