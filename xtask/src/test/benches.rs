//! Each benchmark runs once, so that it cannot rot between measurements.

use anyhow::Result;

use super::options::Options;
use super::tally::Tally;
use super::{cargo, process};

/// `cargo test --benches`: without `--bench` among their arguments they go once through everything and measure nothing.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    cargo::check(process::cargo(options).args(["test", "--package", "benches", "--benches"]), "the benchmarks")
}
