//! The documentation of every crate builds, and no link in it is broken.

use anyhow::Result;

use super::options::Options;
use super::tally::Tally;
use super::{cargo, process};

/// `cargo doc` with warnings denied.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let mut command = process::cargo(options);
    command.args(["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings");
    cargo::check(&mut command, "cargo doc")
}
