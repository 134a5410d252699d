//! What is promised about pods, on a real API server with a real kubelet.
//!
//! `cargo xtask test --only cluster` brings one up and sets `KECS_TEST_CLUSTER`; without it every test here is skipped by name.

#[path = "cluster/api_server.rs"]
mod api_server;
#[path = "cluster/conformance.rs"]
mod conformance;
#[path = "cluster/ends.rs"]
mod ends;
#[path = "cluster/engine.rs"]
mod engine;
#[path = "cluster/fairness.rs"]
mod fairness;
#[path = "cluster/files.rs"]
mod files;
#[path = "cluster/localstack.rs"]
mod localstack;
#[path = "cluster/network.rs"]
mod network;
#[path = "cluster/refusals.rs"]
mod refusals;
#[path = "cluster/restarts.rs"]
mod restarts;
#[path = "cluster/roles.rs"]
mod roles;
#[path = "cluster/rules.rs"]
mod rules;
#[path = "cluster/secrets.rs"]
mod secrets;
#[path = "cluster/support.rs"]
mod support;
#[path = "cluster/unready.rs"]
mod unready;
#[path = "cluster/usage.rs"]
mod usage;
