//! A moto server, the other one that answers ECS calls on one's own machine, to measure against.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{Server, free_address};

/// The version that is measured.
const REQUIREMENT: &str = "moto[server]==5.2.5";

/// Starts moto, installing it from PyPI into `target/` first where it is not there yet.
///
/// # Errors
/// When there is no Python, or moto cannot be installed.
pub fn start() -> Result<Server> {
    let program = installed()?;
    let address = free_address()?;
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p"]).arg(address.port().to_string());
    Server::start("moto", command, "Running on ", |_| Some(address))
}

fn installed() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("benches-moto-venv");
    let program = folder.join("bin/moto_server");
    let marker = folder.join("requirement.txt");
    if std::fs::read_to_string(&marker).is_ok_and(|found| found == REQUIREMENT) {
        return Ok(program);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "--quiet", REQUIREMENT]))?;
    // Last: an environment without it is half made.
    std::fs::write(marker, REQUIREMENT).context("cannot write into the Python environment")?;
    Ok(program)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} failed", command.get_program().display());
    }
    Ok(())
}
