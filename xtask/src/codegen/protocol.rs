//! Wire protocols. One module each: the codec of the shapes and the dispatch of a request.
//!
//! A protocol emits invocations of macros that are written by hand in kecs-model (`aws_json.rs` for the JSON one), so
//! that what differs between services is data, and what is common is ordinary code.

mod aws_json;

use anyhow::Result;

pub(crate) use aws_json::AwsJson;

use super::shapes::{Model, Structure};

/// What generated code depends on a service's protocol.
pub(crate) trait Protocol: Sync {
    /// The name that the model's metadata has for it.
    fn name(&self) -> &'static str;

    /// Code that reads and writes these structures.
    fn codec(&self, structures: &[Structure<'_>]) -> Result<String>;

    /// The body of the dispatch module: one function from a request's bytes to a response's bytes.
    fn dispatch(&self, model: &Model) -> String;
}
