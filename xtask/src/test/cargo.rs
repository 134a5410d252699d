//! The steps that are one call of `cargo` each.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::options::Options;
use super::process;
use super::tally::{Tally, TallyReader};
use crate::workspace;

/// The package of the tests that drive AWS's own clients; the step `clients` runs it against the release binary.
pub(crate) const CLIENT_TESTS: &str = "e2e";

/// `cargo fmt --check`.
pub(crate) fn fmt(options: &Options) -> Result<Tally> {
    with_component("fmt", "rustfmt", options, &["--all", "--check"])
}

/// `cargo clippy` with warnings denied.
pub(crate) fn clippy(options: &Options) -> Result<Tally> {
    // `--all-targets` leaves out the tests that only a step of their own runs (`test = false`); a pattern of names finds them.
    let mut tally = Tally::default();
    for targets in [&["--all-targets"][..], &["--test", "*"]] {
        let arguments = [&["--workspace", "--all-features"], targets, &["--", "-D", "warnings"]].concat();
        tally.add(with_component("clippy", "clippy", options, &arguments)?);
    }
    Ok(tally)
}

/// `cargo xtask codegen --check`, by this same program.
pub(crate) fn codegen(_: &Options) -> Result<Tally> {
    let this = std::env::current_exe().context("cannot find this program")?;
    check(Command::new(this).args(["codegen", "--check"]).current_dir(workspace::root()), "codegen --check")
}

/// `cargo xtask operations --check`, by this same program.
pub(crate) fn operations(_: &Options) -> Result<Tally> {
    let this = std::env::current_exe().context("cannot find this program")?;
    check(Command::new(this).args(["operations", "--check"]).current_dir(workspace::root()), "operations --check")
}

/// `cargo xtask fields --check`, by this same program.
pub(crate) fn fields(_: &Options) -> Result<Tally> {
    let this = std::env::current_exe().context("cannot find this program")?;
    check(Command::new(this).args(["fields", "--check"]).current_dir(workspace::root()), "fields --check")
}

/// Unit and integration tests, without those of the AWS clients.
pub(crate) fn tests(options: &Options) -> Result<Tally> {
    count(options, &["test", "--workspace", "--exclude", CLIENT_TESTS, "--lib", "--bins", "--tests", "--no-fail-fast"])
}

/// The examples in the documentation.
pub(crate) fn doc_tests(options: &Options) -> Result<Tally> {
    count(options, &["test", "--workspace", "--doc", "--no-fail-fast"])
}

/// The program as the README's command builds it, and as the tests of whole programs run it: built once for all of them, with the features of the workspace.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn release_kecs(options: &Options) -> Result<PathBuf> {
    let mut build = process::cargo(options);
    build.args(["build", "--release", "--workspace", "--bin", "kecs"]);
    ensure!(process::stream(&mut build, |_| ())?, "the release binary does not build");
    Ok(process::target("release").join(format!("kecs{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a program that is one check.
pub(crate) fn check(command: &mut Command, what: &str) -> Result<Tally> {
    let succeeded = process::stream(command, |_| ())?;
    Ok(if succeeded { Tally::passed() } else { Tally::failed(format!("{what} failed; see above")) })
}

/// Runs `cargo` with these arguments and counts the tests in its output.
fn count(options: &Options, arguments: &[&str]) -> Result<Tally> {
    count_tests(process::cargo(options).args(arguments), &format!("cargo {}", arguments.join(" ")))
}

/// Runs a program that prints test results, and counts them.
pub(crate) fn count_tests(command: &mut Command, what: &str) -> Result<Tally> {
    let mut reader = TallyReader::default();
    let succeeded = process::stream(command, |line| reader.line(line))?;
    Ok(reader.finish(succeeded, what))
}

/// Runs a cargo subcommand that comes as a component of the toolchain, and installs the component when it is missing.
fn with_component(subcommand: &str, component: &str, options: &Options, arguments: &[&str]) -> Result<Tally> {
    let present = || process::succeeds(process::cargo(options).args([subcommand, "--version"]));
    let add = || process::succeeds(Command::new("rustup").args(["component", "add", component]));
    let usable = present() || (add() && present());
    if !usable {
        return Ok(Tally::skipped(
            subcommand,
            &format!("the toolchain has no {component}; run `rustup component add {component}`"),
        ));
    }
    check(process::cargo(options).arg(subcommand).args(arguments), &format!("cargo {subcommand}"))
}
