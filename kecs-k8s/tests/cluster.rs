//! What is promised about pods, on a real API server with a real kubelet.
//!
//! `cargo xtask test --only cluster` brings one up and sets `KECS_TEST_CLUSTER`; without it every test here is skipped by name.

#[path = "cluster/conformance.rs"]
mod conformance;
#[path = "cluster/support.rs"]
mod support;
