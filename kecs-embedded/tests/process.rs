//! Tasks as real processes: each test starts some, in a data folder of its own.

#![allow(clippy::unwrap_used, reason = "this is test code, helpers of tests too")]

#[path = "process/artifacts.rs"]
mod artifacts;
#[path = "process/conformance.rs"]
mod conformance;
#[path = "process/environment.rs"]
mod environment;
#[path = "process/exec.rs"]
mod exec;
#[path = "process/life.rs"]
mod life;
#[path = "process/output.rs"]
mod output;
#[path = "process/rules.rs"]
mod rules;
#[path = "process/support.rs"]
mod support;
#[path = "process/survival.rs"]
mod survival;
#[path = "process/usage.rs"]
mod usage;
