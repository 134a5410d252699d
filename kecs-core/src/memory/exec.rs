//! Commands in pretended containers: a few words that every image has, done as they are documented, without a process.

use std::future::Future;

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::{BackendError, EXEC_INPUTS, ErrorKind, ExecCommand, ExecInput, ExecOutput, ExecSession, LogSource, TerminalSize};

/// 128 + SIGKILL: what a command ends with whose container ends.
const KILLED: i32 = 137;

/// Runs the command until it ends, or its container does.
pub(super) fn run(command: ExecCommand, container: CancellationToken) -> ExecSession {
    let (input, inputs) = mpsc::channel(EXEC_INPUTS);
    let (sender, output) = mpsc::channel(1);
    let pretended = Pretended { size: command.terminal, inputs, output: sender };
    // Polled with the output: a session that is dropped does nothing more.
    let work = async move {
        let output = pretended.output.clone();
        let end = tokio::select! {
            end = pretended.run(&command.arguments) => end,
            () = container.cancelled() => Ok(KILLED),
        };
        // Whoever asked may be gone.
        let _ = output.send(end.map(|code| ExecOutput::Exited(Some(code)))).await;
    };
    ExecSession { input, output: driven(ReceiverStream::new(output), work).boxed() }
}

/// The stream, with work that is done as it is polled.
fn driven<T>(items: ReceiverStream<T>, work: impl Future<Output = ()>) -> impl futures::Stream<Item = T> {
    let nothing = futures::stream::once(work).filter_map(|()| async { None });
    futures::stream::select(items, nothing)
}

struct Pretended {
    size: Option<TerminalSize>,
    inputs: mpsc::Receiver<ExecInput>,
    output: mpsc::Sender<Result<ExecOutput, BackendError>>,
}

impl Pretended {
    async fn run(mut self, arguments: &[String]) -> Result<i32, BackendError> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words[..] {
            ["echo", ref rest @ ..] => self.print(format!("{}\n", rest.join(" "))).await,
            ["cat"] => {
                while let Some(input) = self.inputs.recv().await {
                    if let ExecInput::Data(data) = input {
                        self.print(data).await;
                    }
                }
            }
            ["sleep", _] => std::future::pending().await,
            ["stty", "size"] => match self.size {
                Some(TerminalSize { columns, rows }) => self.print(format!("{rows} {columns}\n")).await,
                None => return Ok(1),
            },
            ["sh", "-c", line] if line.starts_with("exit ") => return Ok(line["exit ".len()..].trim().parse().unwrap_or(2)),
            _ => {
                let name = words.first().copied().unwrap_or_default();
                // runc's words.
                let message = format!("exec: {name:?}: executable file not found in $PATH");
                return Err(BackendError::new(ErrorKind::Invalid, message));
            }
        }
        Ok(0)
    }

    async fn print(&self, text: impl Into<Bytes>) {
        let _ = self.output.send(Ok(ExecOutput::Data(LogSource::Stdout, text.into()))).await;
    }
}
