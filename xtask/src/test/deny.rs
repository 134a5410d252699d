//! Licences, sources and duplicates of the dependencies, by `cargo deny` and `deny.toml`.
//!
//! The advisory database is a git repository that not every machine can fetch, so advisories are not among the checks
//! here: run `cargo deny check advisories` where it can be.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::options::Options;
use super::tally::Tally;
use super::{cargo, output, process};
use crate::workspace;

/// The version that is installed when it is not there yet.
const VERSION: &str = "0.20.2";

/// The checks, one `cargo deny` run each.
const CHECKS: &[&str] = &["bans", "licenses", "sources"];

/// Installs `cargo-deny` once per version, then checks.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let Some(program) = install(options)? else {
        return Ok(Tally::skipped("deny", "cargo-deny cannot be built here (see above)"));
    };
    let mut total = Tally::default();
    for check in CHECKS {
        let mut command = Command::new(&program);
        command.args(["--all-features", "--workspace", "check", "--hide-inclusion-graph", check]).current_dir(workspace::root());
        total.add(cargo::check(&mut command, check)?);
    }
    Ok(total)
}

/// The path of `cargo-deny`, or nothing when it cannot be built.
pub(crate) fn install(options: &Options) -> Result<Option<PathBuf>> {
    let directory = process::target(&format!("tools/cargo-deny-{VERSION}"));
    let program = directory.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if process::is_file(&program) {
        return Ok(Some(program));
    }
    output::line(&format!("building cargo-deny {VERSION} (once; some minutes)"));
    let mut command = process::cargo(options);
    // It runs for seconds: to optimize it takes longer than that saves.
    command
        .args(["install", "cargo-deny", "--version", VERSION, "--locked", "--no-default-features", "--debug", "--root"])
        .arg(&directory)
        .arg("--target-dir")
        .arg(process::target("tools/build"));
    Ok(process::stream(&mut command, |_| ())?.then_some(program))
}
