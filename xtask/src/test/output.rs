//! What the test command itself says on stdout.
#![expect(clippy::print_stdout, reason = "this is a command; its report belongs on stdout")]

use std::io::IsTerminal;

/// Prints a line.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints the title of a step.
pub(crate) fn heading(text: &str) {
    if std::io::stdout().is_terminal() {
        println!("\n\x1b[1m== {text}\x1b[0m");
    } else {
        println!("\n== {text}");
    }
}
