//! Running other programs with their output passed on as it comes.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::options::Options;
use super::{output, progress};
use crate::workspace;

/// `cargo` in the workspace, with what the tests want to know about the run in its environment.
pub(crate) fn cargo(options: &Options) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root());
    // What this package is called is no one else's business: ring's build script looks at it, so that ring and all that needs it, kecs as well, would be
    // compiled anew by turns with what is built from a shell, such as by the README's command.
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    if options.ci {
        command.env("KECS_TEST_REQUIRE", "1");
    }
    command
}

/// How long after its end a program's last output is waited for: a process that it left behind may hold the pipe open for ever.
const REST: Duration = Duration::from_secs(2);

/// What a program does.
enum Event {
    Line(String),
    Ended(io::Result<ExitStatus>),
}

/// Runs a program to its end and passes each line on, stdout and stderr in the order in which they were written.
/// Returns whether it succeeded. What it leaves behind is not waited for.
///
/// # Errors
/// When it cannot be started or waited for.
pub(crate) fn stream(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<bool> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    command.stdout(writer.try_clone().context("cannot share a pipe")?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    // The command still holds the writing ends: without this the pipe would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (events, told) = mpsc::channel();
    let lines = events.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(io::Result::ok) {
            // Nobody listens any more to what was left behind.
            if lines.send(Event::Line(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || events.send(Event::Ended(child.wait())));
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        let event = match ended {
            Some((_, at)) => told.recv_timeout(REST.saturating_sub(at.elapsed())).ok(),
            None => told.recv().ok(),
        };
        match event {
            Some(Event::Line(line)) => {
                output::line(&line);
                progress::line(&line);
                on_line(&line);
            }
            Some(Event::Ended(status)) => {
                let status = status.with_context(|| format!("cannot wait for {program}"))?;
                ended = Some((status, Instant::now()));
            }
            None => return Ok(ended.is_some_and(|(status, _)| status.success())),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_over_when_it_has_ended_whatever_it_left_behind() {
        let mut lines = Vec::new();
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo $!; echo error >&2; exit 3"]);
        let succeeded = stream(&mut shell, |line| lines.push(line.to_owned())).unwrap();
        assert!(succeeds(Command::new("kill").arg(&lines[0])));
        assert_eq!((succeeded, lines[1].as_str()), (false, "error"));
    }
}
