//! The `kecs` program, built as its users get it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use e2e::binary;

use crate::process::Server;

/// How a `kecs` is to run.
#[derive(Clone, Debug)]
pub struct Kecs {
    binary: &'static Path,
    runtime: &'static [&'static str],
    state: &'static str,
}

/// Tasks on the memory backend.
const MEMORY: &[&str] = &["--runtime", "memory"];

impl Kecs {
    /// The memory runtime, with durable state in a file.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn durable() -> Self {
        Self { binary: binary(), runtime: MEMORY, state: "file" }
    }

    /// The memory runtime, with state in memory.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn in_memory() -> Self {
        Self { binary: binary(), runtime: MEMORY, state: "memory" }
    }

    /// Tasks as pods, by these arguments, with durable state in a file.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn with_pods(arguments: &'static [&'static str]) -> Self {
        Self { binary: binary(), runtime: arguments, state: "file" }
    }

    /// Starts one on a data folder; it answers when this returns.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, data_dir: &Path) -> Result<Server> {
        let mut command = Command::new(self.binary);
        command.arg("start").args(self.runtime);
        command.args(["--listen", "127.0.0.1:0", "--log", "error", "--state", self.state]);
        // What is measured is ECS; with a data folder there would be a LocalStack for the log driver.
        command.args(["--localstack", "off"]);
        command.arg("--data-dir").arg(data_dir);
        Server::start("KECS", command, " answers at ", |line| line.rsplit_once("http://")?.1.parse().ok())
    }
}
