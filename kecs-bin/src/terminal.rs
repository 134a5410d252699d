//! What the command says: results on stdout, everything else on stderr, colour only where a person reads it.

use std::future::Future;
use std::io::{IsTerminal, Stderr, Write};
use std::sync::atomic::{AtomicBool, Ordering};
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
    let _ = writeln!(log(), "kecs: {text}");
}

/// Whether a line of progress stands on the terminal.
static STANDS: AtomicBool = AtomicBool::new(false);

/// Where the log goes: what it says next takes the place of the progress that stands there.
pub(crate) fn log() -> Stderr {
    if STANDS.swap(false, Ordering::Relaxed) {
        let _ = write!(std::io::stderr(), "{CLEARED}");
    }
    std::io::stderr()
}

/// To the line's beginning, and clear the rest of it.
const CLEARED: &str = "\r\x1b[K";

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

    /// Shows this instead of what was shown before, on a terminal with a bar where it is known how far it is of what.
    pub(crate) fn show(&mut self, text: &str, far: Option<(usize, usize)>) {
        if self.shown == text {
            return;
        }
        text.clone_into(&mut self.shown);
        if !self.on_terminal {
            return remark(text);
        }
        let bar = far.map(|(done, total)| bar(done, total)).unwrap_or_default();
        let _ = write!(std::io::stderr(), "{CLEARED}{bar}{text}");
        STANDS.store(true, Ordering::Relaxed);
    }
}

/// How far it is, for the eye.
fn bar(done: usize, total: usize) -> String {
    const WIDTH: usize = 20;
    let full = (WIDTH * done / total.max(1)).min(WIDTH);
    format!("[{}{}] ", "#".repeat(full), "-".repeat(WIDTH - full))
}

impl Drop for Progress {
    fn drop(&mut self) {
        let _ = log().flush();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bar_is_full_when_all_is_done_and_never_longer() {
        let bars =
            [(0, 112), (56, 112), (112, 112), (9, 3), (0, 0)].map(|(done, total)| super::bar(done, total).matches('#').count());
        assert_eq!(bars, [0, 10, 20, 20, 0]);
        assert_eq!(super::bar(56, 112), "[##########----------] ");
    }
}
