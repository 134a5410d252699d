//! Clusters, capacity providers, container instances and attributes through the API, on the memory backend and tokio's paused time.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
#![allow(clippy::unnecessary_wraps, reason = "the members of wire shapes are all optional")]

#[path = "infrastructure/capacity_providers.rs"]
mod capacity_providers;
#[path = "infrastructure/clusters.rs"]
mod clusters;
#[path = "infrastructure/support.rs"]
mod support;
