//! Each benchmark runs once, so that it cannot rot between measurements.

use anyhow::Result;

use super::options::Options;
use super::tally::Tally;
use super::{cargo, process};

/// `cargo test --bench`: without `--bench` among their own arguments they go once through everything and measure nothing.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let kecs = cargo::release_kecs(options)?;
    let mut benches = process::cargo(options);
    // By names, with the features of the whole workspace, so that next to nothing is compiled again.
    benches.args(["test", "--workspace", "--bench", "*"]).env("KECS_BIN", kecs);
    cargo::check(&mut benches, "the benchmarks")
}
