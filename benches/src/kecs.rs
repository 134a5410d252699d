//! The `kecs` program, built as its users get it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Server;

/// How a `kecs` is to run.
#[derive(Clone, Debug)]
pub struct Kecs {
    binary: PathBuf,
    runtime: &'static [&'static str],
    state: &'static str,
}

/// Tasks on the memory backend.
const MEMORY: &[&str] = &["--runtime", "memory"];

impl Kecs {
    /// The memory runtime, with durable state in a file.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn durable() -> Result<Self> {
        Ok(Self { binary: binary()?, runtime: MEMORY, state: "file" })
    }

    /// The memory runtime, with state in memory.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn in_memory() -> Result<Self> {
        Ok(Self { binary: binary()?, runtime: MEMORY, state: "memory" })
    }

    /// Tasks as pods, by these arguments, with durable state in a file.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn with_pods(arguments: &'static [&'static str]) -> Result<Self> {
        Ok(Self { binary: binary()?, runtime: arguments, state: "file" })
    }

    /// Starts one on a data folder; it answers when this returns.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, data_dir: &Path) -> Result<Server> {
        let mut command = Command::new(&self.binary);
        command.arg("start").args(self.runtime);
        command.args(["--listen", "127.0.0.1:0", "--log", "error", "--state", self.state]);
        // What is measured is ECS; with a data folder there would be a LocalStack for the log driver.
        command.args(["--localstack", "off"]);
        command.arg("--data-dir").arg(data_dir);
        Server::start("KECS", command, " answers at ", |line| line.rsplit_once("http://")?.1.parse().ok())
    }
}

/// The `kecs` to measure: `KECS_BIN`, or the one of this workspace, built in the same profile as this program.
///
/// # Errors
/// When it cannot be built.
pub fn binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("KECS_BIN") {
        return Ok(binary.into());
    }
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--workspace", "--bin", "kecs"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if !build.status().context("cannot run cargo")?.success() {
        bail!("the kecs program does not build");
    }
    // This program is target/PROFILE/deps/NAME.
    let this = std::env::current_exe().context("cannot find this program")?;
    let profile = this.ancestors().nth(2).context("this program is not where cargo puts it")?;
    Ok(profile.join("kecs"))
}
