//! What tasks get from AWS services, shown on the real LocalStack and on moto.
//!
//! Both come from PyPI and run without Docker: `cargo xtask test` installs them, and names their Pythons in `KECS_TEST_LOCALSTACK_PYTHON` and
//! `KECS_TEST_MOTO_PYTHON`. Without those the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod calls;
mod ecs_targets;
mod events;
mod logs;
mod objects;
mod roles;
mod schedules;
mod secrets;
mod support;
