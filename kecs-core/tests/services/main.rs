//! Services through the API, on the memory backend and tokio's paused time.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod ecs;

mod basics;
mod capacity;
mod daemon;
mod deletion;
mod events;
mod failures;
mod history;
mod refusals;
mod rolling;
mod task_sets;
mod volumes;
