//! AWS's own clients against the release binary, over a socket.
//!
//! The Python ones (the AWS CLI and boto3) come from `e2e/clients/requirements.txt`, with hashes, into an environment in
//! `target/`; it is made anew when that file changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::options::Options;
use super::tally::Tally;
use super::{cargo, output, process};
use crate::workspace;

/// The first Python with everything that the locked packages need.
const OLDEST_PYTHON: &str = "3.10";

/// Builds the release binary, makes the Python environment, and runs the package of client tests.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    if !process::is_file(&workspace::root().join(cargo::CLIENT_TESTS).join("Cargo.toml")) {
        return Ok(Tally::default());
    }
    let mut build = process::cargo(options);
    build.args(["build", "--release", "--package", "kecs-bin", "--bin", "kecs"]);
    if !process::stream(&mut build, |_| ())? {
        return Ok(Tally::failed("the release binary does not build".to_owned()));
    }
    let mut tests = process::cargo(options);
    tests
        // By the names of its tests, with the features of the whole workspace, so that next to nothing is compiled again.
        .args(["test", "--workspace", "--test", "clients", "--test", "sdk", "--test", "docs", "--no-fail-fast"])
        .env("KECS_BIN", process::target("release").join(format!("kecs{}", std::env::consts::EXE_SUFFIX)));
    if let Some(python) = python_environment()? {
        tests.env("KECS_CLIENTS_PYTHON", python);
    }
    cargo::count_tests(&mut tests, "the client tests")
}

/// The Python of an environment with the locked packages, or nothing when it cannot be made.
fn python_environment() -> Result<Option<PathBuf>> {
    let requirements = workspace::root().join("e2e/clients/requirements.txt");
    let wanted = std::fs::read(&requirements).context("cannot read e2e/clients/requirements.txt")?;
    let directory = process::target("clients-venv");
    let python = directory.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last: an environment without it is half made.
    let installed = directory.join("requirements.txt");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(Some(python));
    }
    let Some(base) = base_python() else {
        output::line(&format!("no Python from {OLDEST_PYTHON} on: install python3 and its venv module"));
        return Ok(None);
    };
    output::line("installing the AWS CLI and boto3 (once)");
    let made = process::stream(Command::new(base).args(["-m", "venv", "--clear"]).arg(&directory), |_| ())?
        && process::stream(&mut pip_install(&python, &requirements), |_| ())?;
    if !made {
        return Ok(None);
    }
    std::fs::write(&installed, wanted).context("cannot write into the Python environment")?;
    Ok(Some(python))
}

fn pip_install(python: &Path, requirements: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"])
        .arg(requirements);
    command
}

/// A Python that is new enough.
fn base_python() -> Option<&'static str> {
    let version = OLDEST_PYTHON.replace('.', ", ");
    let probe = format!("import sys, venv, ensurepip; sys.exit(sys.version_info < ({version}))");
    ["python3", "python"].into_iter().find(|python| process::succeeds(Command::new(python).args(["-c", &probe])))
}
