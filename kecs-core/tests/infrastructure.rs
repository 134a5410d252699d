//! Clusters, capacity providers, container instances and attributes through the API, on the memory backend and tokio's paused time.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
#![allow(clippy::unnecessary_wraps, reason = "the members of wire shapes are all optional")]

#[path = "infrastructure/agent.rs"]
mod agent;
#[path = "infrastructure/attributes.rs"]
mod attributes;
#[path = "infrastructure/capacity_providers.rs"]
mod capacity_providers;
#[path = "infrastructure/clusters.rs"]
mod clusters;
#[path = "infrastructure/container_instances.rs"]
mod container_instances;
#[path = "infrastructure/events.rs"]
mod events;
#[path = "infrastructure/hosts.rs"]
mod hosts;
#[path = "infrastructure/placement.rs"]
mod placement;
#[path = "infrastructure/services.rs"]
mod services;
#[path = "infrastructure/start_task.rs"]
mod start_task;
#[path = "infrastructure/support.rs"]
mod support;
