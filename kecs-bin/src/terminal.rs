//! What the command says: results on stdout, everything else on stderr, colour only where a person reads it.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::failure::Failure;

/// After how long a step says what it is waiting for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Prints a result.
pub(crate) fn say(text: &str) {
    // A script that waits for the line must get it although stdout is a pipe; a reader that is gone is no reason to end.
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Prints a remark.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "kecs: {text}");
}

/// Prints the error that ends the command.
pub(crate) fn complain(failure: &Failure) {
    if colour(&std::io::stderr()) {
        eprintln!("\x1b[31mkecs:\x1b[0m {failure}");
    } else {
        eprintln!("kecs: {failure}");
    }
}

/// `text` in bold, on a terminal.
pub(crate) fn bold(text: &str) -> String {
    if colour(&std::io::stdout()) { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

/// Whether to colour what goes there: a terminal, and nobody said NO_COLOR (no-color.org).
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Runs a step, and says what it is doing if it takes more than a second.
pub(crate) async fn patiently<T>(doing: &str, step: impl Future<Output = T>) -> T {
    let mut step = std::pin::pin!(step);
    tokio::select! {
        done = &mut step => return done,
        () = tokio::time::sleep(PATIENCE) => remark(&format!("{doing} …")),
    }
    step.await
}

/// What is going on, in one line of stderr: written over on a terminal, and line by line, each once, where nobody watches.
#[derive(Debug)]
pub(crate) struct Progress {
    on_terminal: bool,
    shown: String,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { on_terminal: std::io::stderr().is_terminal(), shown: String::new() }
    }

    /// Shows this instead of what was shown before.
    pub(crate) fn show(&mut self, text: &str) {
        if self.shown == text {
            return;
        }
        text.clone_into(&mut self.shown);
        if self.on_terminal {
            // To the line's beginning, and clear the rest of it.
            let _ = write!(std::io::stderr(), "\r{text}\x1b[K");
        } else {
            remark(text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.on_terminal && !self.shown.is_empty() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
