//! The entry points of the fuzzers on the stable toolchain: seeds, damaged seeds and noise, a few seconds each. `fuzz/README.md` tells how to
//! really fuzz.

use anyhow::Result;

use super::options::Options;
use super::tally::Tally;
use super::{cargo, process};

/// `cargo test` in `fuzz/`, a workspace of its own, without the fuzzer itself. What is compiled is shared with the main workspace.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let mut tests = process::cargo(options);
    tests.args(["test", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features", "--target-dir", "target", "--no-fail-fast"]);
    cargo::count_tests(&mut tests, "the fuzzers' tests")
}
