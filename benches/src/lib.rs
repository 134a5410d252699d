//! What the benchmarks share. Start at `benches/ecs_api.rs`, and read `README.md` for what they say.
//!
//! They measure the `kecs` program from outside, over HTTP, as its users meet it: a [`Server`] is a process pinned to one core, [`load`] is a
//! client on another, and what a request costs is the CPU time that the kernel counted for that process.

mod client;
mod cores;
mod ecs;
mod kecs;
mod localstack;
mod median;
mod mode;
mod moto;
mod process;
mod proxies;
mod table;
mod upstream;

pub use client::{Caller, Load, load, load_requests};
pub use cores::{CLIENT_CORE, SERVER_CORE, pin_client};
pub use e2e::binary;
pub use ecs::{Network, task_definition};
pub use kecs::Kecs;
pub use localstack::{aws, start as start_localstack};
pub use median::median;
pub use mode::Mode;
pub use moto::start as start_moto;
pub use process::{Server, Usage};
pub use proxies::{gateway as start_gateway, start_all as start_proxies};
pub use table::{Table, print};
pub use upstream::start as start_upstream;
