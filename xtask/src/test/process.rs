//! Running other programs with their output passed on as it comes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::options::Options;
use super::{output, progress};
use crate::workspace;

/// `cargo` in the workspace, with what the tests want to know about the run in its environment.
pub(crate) fn cargo(options: &Options) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root());
    if options.ci {
        command.env("KECS_TEST_REQUIRE", "1");
    }
    command
}

/// Runs a program to its end and passes each line on, stdout and stderr in the order in which they were written.
/// Returns whether it succeeded.
///
/// # Errors
/// When it cannot be started or waited for.
pub(crate) fn stream(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<bool> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.stdout(writer.try_clone().context("cannot share a pipe")?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    // The command still holds the writing ends: without this the pipe would never end.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.context("cannot read the output of a program")?;
        let line = String::from_utf8_lossy(&line);
        output::line(&line);
        progress::line(&line);
        on_line(&line);
    }
    Ok(child.wait().with_context(|| format!("cannot wait for {program}"))?.success())
}

/// Runs a program to its end, quietly. Returns whether it could be started and succeeded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A directory in `target/` for what the tests install, such as tools and a Python environment.
pub(crate) fn target(path: &str) -> std::path::PathBuf {
    workspace::root().join("target").join(path)
}

/// Whether a file is there; an error on the way counts as absent.
pub(crate) fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
