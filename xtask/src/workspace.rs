//! Where things are in the workspace, and how a chore runs other programs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The workspace's root directory.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started, fails (the last line of its own error text is included), or prints something that is not UTF-8.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {program}; is it installed?"))?;
    if !output.status.success() {
        // The last line says what went wrong; pip, for one, lists every version that there is before it.
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} failed: {}", said.trim().lines().last().unwrap_or("it does not say why"));
    }
    String::from_utf8(output.stdout).with_context(|| format!("{program} printed something that is not UTF-8"))
}
