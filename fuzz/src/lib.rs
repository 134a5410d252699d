//! The entry points of the fuzzers: each takes any bytes, and panics on what must never happen.
//!
//! `cargo fuzz run NAME fuzz/corpus/NAME fuzz/seeds/NAME` explores; `tests/seeds.rs` plays the seeds, and some noise, on the stable toolchain.

mod arn;
mod decode;
mod identify;
mod requests;
mod secret_json;

pub use arn::arn;
pub use decode::decode;
pub use identify::identify;
pub use kecs_bin::fuzz_configuration as configuration;
pub use kecs_core::placement::query::fuzz as query;
pub use kecs_server::fuzz_plain_requests as plain_requests;
pub use requests::requests;
pub use secret_json::secret_json;

/// Every entry point by its name.
pub const ENTRY_POINTS: &[(&str, fn(&[u8]))] = &[
    ("configuration", configuration),
    ("decode", decode),
    ("plain_requests", plain_requests),
    ("requests", requests),
    ("arn", arn),
    ("query", query),
    ("identify", identify),
    ("secret_json", secret_json),
];
