//! The life of real emulators: LocalStack and moto as processes, from the environments that `cargo xtask test` makes.

#![allow(clippy::unwrap_used, reason = "this is test code, helpers of tests too")]

mod conformance;
mod edition;
mod faults;
mod install;
mod life;
mod moto;
mod seed;
mod services;
mod support;
