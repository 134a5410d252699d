//! AWS's own clients against the release binary, over a socket.
//!
//! The Python ones (version 1 of the AWS CLI, and boto3) come from `e2e/clients/requirements.txt`, with hashes, into an environment in
//! `target/`; it is made anew when that file changes.

use std::path::PathBuf;

use anyhow::Result;

use super::options::Options;
use super::tally::Tally;
use super::{aws_cli, cargo, localstack, output, plugin, process, python, sdks};
use crate::workspace;

/// The minor versions of Python 3 that have everything that the locked packages need.
const OLDEST_PYTHON: u8 = 10;
const NEWEST_PYTHON: u8 = 14;

/// Builds the release binary, makes the Python environment, and runs the package of client tests.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    if !process::is_file(&workspace::root().join(cargo::CLIENT_TESTS).join("Cargo.toml")) {
        return Ok(Tally::default());
    }
    let kecs = cargo::release_kecs(options)?;
    let mut tests = process::cargo(options);
    tests
        // By the names of its tests, with the features of the whole workspace, so that next to nothing is compiled again.
        .args([
            "test",
            "--workspace",
            "--test",
            "clients",
            "--test",
            "sdk",
            "--test",
            "docs",
            "--test",
            "exec",
            "--test",
            "faults",
            "--test",
            "large_bodies",
            "--test",
            "own_localstack",
            "--test",
            "services",
            "--test",
            "with_localstack",
            "--no-fail-fast",
        ])
        .env("KECS_BIN", kecs);
    tests.envs(tools()?);
    cargo::count_tests(&mut tests, "the client tests")
}

/// What the tests need that can be had, by the variables that tell them where it is.
pub(crate) fn tools() -> Result<Vec<(&'static str, PathBuf)>> {
    let python = python_environment()?;
    let cli = python.as_deref().map(aws_cli::folder).transpose()?.flatten();
    let tools = [
        ("KECS_CLIENTS_PYTHON", python),
        ("KECS_AWS_CLI_2", cli),
        ("KECS_SESSION_MANAGER_PLUGIN", plugin::folder()?),
        ("KECS_TEST_LOCALSTACK_PYTHON", localstack::python_environment()?),
        ("KECS_TEST_SDK_FOR_GO", sdks::go()?),
        ("KECS_TEST_SDK_FOR_JAVASCRIPT", sdks::javascript()?),
    ];
    Ok(tools.into_iter().filter_map(|(variable, path)| Some((variable, path?))).collect())
}

/// The Python of an environment with AWS's clients, or nothing when it cannot be made.
fn python_environment() -> Result<Option<PathBuf>> {
    let base = python::base(OLDEST_PYTHON, NEWEST_PYTHON);
    if base.is_none() {
        output::line(&format!("no Python from 3.{OLDEST_PYTHON} on: install python3 and its venv module"));
    }
    let requirements = workspace::root().join("e2e/clients/requirements.txt");
    python::environment("clients-venv", &requirements, base.as_deref())
}
