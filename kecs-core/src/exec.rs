//! A command beside a container's own: what [`TaskManager::exec`](crate::TaskManager::exec) takes and gives.

mod promised;

pub use promised::{ExecSessions, PromisedSession};
pub(crate) use promised::{ExecTarget, Promises};

use std::fmt;

use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use crate::{BackendError, LogSource};

/// How many inputs of a session wait for its command to take them; whoever sends more waits.
pub const EXEC_INPUTS: usize = 16;

/// A command for a container. `Debug` does not show its words, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ExecCommand {
    /// The program and its arguments. Never empty; there is no shell in between.
    pub arguments: Vec<String>,
    /// The size of the terminal that the command gets, at its start or a moment later. `None` is none: then its output and its errors are apart.
    pub terminal: Option<TerminalSize>,
}

impl fmt::Debug for ExecCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arguments: _, terminal } = self;
        f.debug_struct("ExecCommand").field("terminal", terminal).finish_non_exhaustive()
    }
}

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Characters of a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// A command that runs.
pub struct ExecSession {
    /// What goes to the command. Dropping it is the end of the command's input, where it has no terminal.
    pub input: mpsc::Sender<ExecInput>,
    /// What comes from it. Dropping it ends the session.
    pub output: ExecStream,
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession").finish_non_exhaustive()
    }
}

/// What comes from a command: its output, then its [end](ExecOutput::Exited), then nothing. An error ends it too: `Invalid` where there is no such
/// program, anything else where the session broke and nobody knows what became of the command.
pub type ExecStream = BoxStream<'static, Result<ExecOutput, BackendError>>;

/// What goes to a command.
#[derive(Clone, PartialEq, Eq)]
pub enum ExecInput {
    /// Bytes of its standard input, or keys of its terminal.
    Data(Bytes),
    /// The terminal has another size now. Nothing happens to a command without one.
    Resize(TerminalSize),
}

impl fmt::Debug for ExecInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What somebody types may be a password.
            Self::Data(data) => write!(f, "Data({} bytes)", data.len()),
            Self::Resize(size) => f.debug_tuple("Resize").field(size).finish(),
        }
    }
}

/// What comes from a command.
#[derive(Clone, PartialEq, Eq)]
pub enum ExecOutput {
    /// Bytes that it wrote. With a terminal all of them are its standard output.
    Data(LogSource, Bytes),
    /// It ended: with this exit code, 128 + signal where a signal ended it, `None` where nobody saw it.
    Exited(Option<i32>),
}

impl fmt::Debug for ExecOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(source, data) => write!(f, "Data({source:?}, {} bytes)", data.len()),
            Self::Exited(code) => f.debug_tuple("Exited").field(code).finish(),
        }
    }
}
