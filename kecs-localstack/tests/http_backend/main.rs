//! The forwarder against endpoints that behave, and endpoints that do not.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod bodies;
mod conformance;
mod connections;
mod faults;
mod heads;
mod support;
