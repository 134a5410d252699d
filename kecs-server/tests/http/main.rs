//! The endpoint over real sockets: what clients, browsers and attackers see.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod admin_routes;
mod auth;
mod backend;
mod browser;
mod cluster_prefix;
mod data_channel;
mod ecs;
mod endpoint;
mod events;
mod kecs;
mod limits;
mod shutdown;
mod sidecar;
mod support;
mod task_endpoints;
mod task_logs;
