//! `kecs logs`: what the containers of a task wrote.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;

use crate::failure::{Exit, Failure};
use crate::running::Server;
use crate::terminal;

/// What is to be shown.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) task: String,
    pub(crate) container: Option<String>,
    pub(crate) follow: bool,
    pub(crate) tail: Option<usize>,
    pub(crate) timestamps: bool,
    pub(crate) json: bool,
}

/// A line of the answer, which is one of three.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Containers { containers: Vec<String> },
    Written { container: String, timestamp: String, line: String },
    Failed { error: String },
}

/// Prints the output of a task, and goes on with it as long as that is wanted.
///
/// # Errors
/// When no kecs runs, or it does not know the task.
pub(crate) fn run(data_dir: &Path, wanted: &Wanted) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    let mut printer = Printer { colour: terminal::colour(&output), terminal: output.is_terminal(), containers: Vec::new(), wanted };
    let mut failed = None;
    Server::find(data_dir)?.lines(&path(wanted), |text| match serde_json::from_str(text) {
        Ok(Line::Failed { error }) => {
            failed = Some(error);
            false
        }
        Ok(Line::Containers { containers }) => {
            printer.containers = containers;
            true
        }
        // A reader that is gone is no reason to complain, but one to end.
        Ok(Line::Written { container, timestamp, line }) => printer.print(&mut output, text, &container, &timestamp, &line).is_ok(),
        Err(_) => true,
    })?;
    match failed {
        Some(error) => Err(Failure::new(Exit::Unavailable, error, "this was not all of the output")),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn path(wanted: &Wanted) -> String {
    let container = wanted.container.as_ref().map(|container| format!("&container={}", encoded(container)));
    let tail = wanted.tail.map(|tail| format!("&tail={tail}"));
    let (container, tail) = (container.unwrap_or_default(), tail.unwrap_or_default());
    format!("/_kecs/tasks/{}/logs?follow={}{container}{tail}", encoded(&wanted.task), wanted.follow)
}

/// Text as a part of a URL.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

struct Printer<'a> {
    wanted: &'a Wanted,
    containers: Vec<String>,
    colour: bool,
    terminal: bool,
}

impl Printer<'_> {
    fn print(&self, output: &mut impl Write, json: &str, container: &str, timestamp: &str, line: &str) -> io::Result<()> {
        if self.wanted.json {
            writeln!(output, "{json}")?;
        } else {
            let stamp = if self.wanted.timestamps { format!("{timestamp} ") } else { String::new() };
            writeln!(output, "{}{stamp}{line}", self.prefix(container))?;
        }
        // What is followed must be seen at once, also by a pipe.
        if self.wanted.follow || self.terminal { output.flush() } else { Ok(()) }
    }

    /// Which of several containers wrote the line.
    fn prefix(&self, container: &str) -> String {
        if self.containers.len() < 2 {
            return String::new();
        }
        let width = self.containers.iter().map(String::len).max().unwrap_or(0);
        if !self.colour {
            return format!("{container:width$} | ");
        }
        let place = self.containers.iter().position(|name| name == container).unwrap_or(0);
        // From cyan on through the six colours that are neither black nor white.
        format!("\x1b[{}m{container:width$} |\x1b[0m ", 31 + (5 + place) % 6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(containers: &[&str], timestamps: bool, colour: bool) -> String {
        let wanted = Wanted { task: "t".to_owned(), container: None, follow: false, tail: None, timestamps, json: false };
        let containers = containers.iter().map(|name| (*name).to_owned()).collect();
        let printer = Printer { wanted: &wanted, containers, colour, terminal: false };
        let mut output = Vec::new();
        printer.print(&mut output, "{}", "web", "2026-01-02T03:04:05Z", "ready").unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn one_container_needs_no_prefix_and_several_have_one() {
        assert_eq!(printed(&["web"], false, true), "ready\n");
        assert_eq!(printed(&["web", "proxy"], false, false), "web   | ready\n");
        assert_eq!(printed(&["web", "proxy"], true, false), "web   | 2026-01-02T03:04:05Z ready\n");
        assert_eq!(printed(&["web", "proxy"], false, true), "\x1b[36mweb   |\x1b[0m ready\n");
    }

    #[test]
    fn what_is_asked_for_is_in_the_path() {
        let task = "arn:aws:ecs:us-east-1:000000000000:task/default/0af1".to_owned();
        let wanted =
            Wanted { task, container: Some("a b&c".to_owned()), follow: true, tail: Some(3), timestamps: false, json: false };
        let expected =
            "/_kecs/tasks/arn:aws:ecs:us-east-1:000000000000:task/default/0af1/logs?follow=true&container=a%20b%26c&tail=3";
        assert_eq!(path(&wanted), expected);
    }
}
