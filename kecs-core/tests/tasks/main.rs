//! The operations on tasks, through the API, on the memory backend and tokio's paused time.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod agent;
mod describing;
mod ecs;
mod examples;
mod execute_command;
mod faults;
mod life;
mod listing;
mod logs;
mod output;
mod overrides;
mod placing;
mod protection;
mod roles;
mod running;
mod scale;
mod secrets;
mod stopping;
mod store;
mod volumes;
