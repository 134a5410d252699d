//! A command in a pod's container, by `pods/exec` over a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use futures::{FutureExt, SinkExt};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kecs_core::{
    BackendError, ContainerState, EXEC_INPUTS, ErrorKind, ExecCommand, ExecInput, ExecOutput, ExecSession, LogSource,
    TaskObservation, TaskPhase, TerminalSize,
};
use kube::api::{Api, AttachParams, AttachedProcess};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::error::backend_error;
use crate::tasks::answer;

const STARTING: &str = "cannot run the command";

/// How much is read or written at a time.
const CHUNK: usize = 16 * 1024;

/// How long after a container's end its kubelet may take for the end of a command.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a command is told to end before its connection is closed.
const FAREWELL: Duration = Duration::from_millis(500);

/// That a terminal hung up cannot be said by this way. So it is typed: Ctrl-C for what runs, Ctrl-D for the shell behind it.
const HANG_UP: &[u8] = b"\x03\x04";

/// Where the command runs.
pub(crate) struct Target {
    pub(crate) pods: Api<Pod>,
    pub(crate) pod: String,
    /// The container's name in the pod, and in the task.
    pub(crate) part: String,
    pub(crate) container: String,
    pub(crate) states: watch::Receiver<Arc<TaskObservation>>,
}

/// Begins the session.
pub(crate) async fn start(target: Target, command: ExecCommand) -> Result<ExecSession, BackendError> {
    let ExecCommand { arguments, terminal } = command;
    let parameters = AttachParams {
        container: Some(target.part.clone()),
        tty: terminal.is_some(),
        stdin: true,
        stdout: true,
        stderr: terminal.is_none(),
        max_stdin_buf_size: Some(CHUNK),
        max_stdout_buf_size: Some(CHUNK),
        max_stderr_buf_size: Some(CHUNK),
    };
    let mut process = answer(STARTING, target.pods.exec(&target.pod, arguments, &parameters))
        .await?
        .map_err(|error| backend_error(STARTING, error))?;
    let (input, inputs) = mpsc::channel(EXEC_INPUTS);
    let (tell, output) = mpsc::channel(1);
    let sources = [(process.stdout(), LogSource::Stdout), (process.stderr(), LogSource::Stderr)];
    let mut readers = JoinSet::new();
    for (source, log_source) in sources {
        if let Some(source) = source {
            readers.spawn(read(source, log_source, tell.clone()));
        }
    }
    let status = process.take_status();
    let resize = process.terminal_size();
    let feeding = feed(process.stdin(), resize, terminal, inputs);
    let work = tokio::spawn(async move {
        let status = async {
            match status {
                Some(status) => status.await,
                None => None,
            }
        };
        let end = {
            let mut states = target.states.clone();
            let ending = async {
                let status = status.await;
                // All that was written comes before the end.
                while readers.join_next().await.is_some() {}
                status
            };
            tokio::select! {
                status = ending => status.map_or_else(|| Err(broken()), |status| ended(&status)),
                // A node that is gone closes nothing.
                () = silence(&mut states, &target.container) => Ok(None),
                // It feeds until the session is over.
                never = feeding => never,
            }
        };
        let end = match end {
            // The connection may break with the container.
            Err(error) if error.kind() == ErrorKind::Unavailable && is_over(&target.states.borrow(), &target.container) => Ok(None),
            end => end,
        };
        // Whoever asked may be gone.
        let _ = tell.send(end.map(ExecOutput::Exited)).await;
    });
    let session = Session { output, work, process: Some(process) };
    let output = stream::unfold(session, |mut session| async move { session.output.recv().await.map(|item| (item, session)) });
    Ok(ExecSession { input, output: output.boxed() })
}

struct Session {
    output: mpsc::Receiver<Result<ExecOutput, BackendError>>,
    work: tokio::task::JoinHandle<()>,
    /// The connection, which is closed when this is dropped.
    process: Option<AttachedProcess>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.work.is_finished() {
            return;
        }
        self.work.abort();
        let Some(process) = self.process.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // What feeds the command says farewell when it is aborted; the connection has to live as long.
            runtime.spawn(async move {
                tokio::time::sleep(FAREWELL).await;
                drop(process);
            });
        }
    }
}

/// Passes on what goes to the command. The command's input is over when there is nobody who could send more; on a terminal it never is.
async fn feed(
    stdin: Option<impl tokio::io::AsyncWrite + Unpin + Send + 'static>,
    resize: Option<futures::channel::mpsc::Sender<kube::api::TerminalSize>>,
    terminal: Option<TerminalSize>,
    mut inputs: mpsc::Receiver<ExecInput>,
) -> Result<Option<i32>, BackendError> {
    let mut stdin = Stdin { open: stdin, hangs_up: terminal.is_some() };
    let mut resize = resize;
    let mut size = terminal;
    loop {
        if let (Some(TerminalSize { columns, rows }), Some(resize)) = (size.take(), &mut resize) {
            // A command that has ended has no size.
            let _ = resize.send(kube::api::TerminalSize { width: columns, height: rows }).await;
        }
        match inputs.recv().await {
            Some(ExecInput::Resize(new)) => size = Some(new),
            Some(ExecInput::Data(data)) => {
                if let Some(open) = &mut stdin.open
                    && open.write_all(&data).await.is_err()
                {
                    stdin.open = None;
                }
            }
            None => {
                if let Some(mut open) = stdin.open.take_if(|_| terminal.is_none()) {
                    // Only this is told to the kubelet: dropping one half of a pipe says nothing.
                    let _ = open.shutdown().await;
                }
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The command's input. Whoever drops it while a terminal is behind it hangs up.
struct Stdin<W: tokio::io::AsyncWrite + Unpin + Send + 'static> {
    open: Option<W>,
    hangs_up: bool,
}

impl<W: tokio::io::AsyncWrite + Unpin + Send + 'static> Drop for Stdin<W> {
    fn drop(&mut self) {
        if let Some(mut open) = self.open.take().filter(|_| self.hangs_up) {
            // At once, or not at all: there is room unless the command reads nothing.
            let _ = open.write_all(HANG_UP).now_or_never();
        }
    }
}

async fn read(
    mut source: impl tokio::io::AsyncRead + Unpin,
    log_source: LogSource,
    tell: mpsc::Sender<Result<ExecOutput, BackendError>>,
) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(read @ 1..) = source.read(&mut buffer).await {
        let data = Bytes::copy_from_slice(&buffer[..read]);
        if tell.send(Ok(ExecOutput::Data(log_source, data))).await.is_err() {
            return;
        }
    }
}

/// What a kubelet says at the end: the exit code, or why there is none.
fn ended(status: &Status) -> Result<Option<i32>, BackendError> {
    if status.status.as_deref() == Some("Success") {
        return Ok(Some(0));
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode")).find_map(|cause| cause.message.as_deref());
    if let Some(code) = code.and_then(|code| code.parse().ok()) {
        return Ok(Some(code));
    }
    let message = status.message.as_deref().unwrap_or("no reason is given");
    // runc's words, after those of all who pass them on.
    let reason = message.rfind("exec: \"").map(|start| message[start..].trim_end_matches(": unknown"));
    match reason {
        Some(reason) => Err(BackendError::new(ErrorKind::Invalid, reason)),
        None => Err(BackendError::new(ErrorKind::Unavailable, format!("{STARTING}: {message}"))),
    }
}

fn broken() -> BackendError {
    BackendError::new(ErrorKind::Unavailable, "the connection to the command broke")
}

fn is_over(seen: &TaskObservation, container: &str) -> bool {
    let mut containers = seen.containers.iter();
    seen.phase == TaskPhase::Stopped
        || containers.any(|known| known.name == container && matches!(known.state, ContainerState::Exited { .. }))
}

/// Until a container has been over for a while.
async fn silence(states: &mut watch::Receiver<Arc<TaskObservation>>, container: &str) {
    // An error: the task was forgotten.
    let _ = states.wait_for(|seen| is_over(seen, container)).await;
    tokio::time::sleep(SILENCE).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(status: &str) -> Result<Option<i32>, (ErrorKind, String)> {
        ended(&serde_json::from_str(status).unwrap()).map_err(|error| (error.kind(), error.to_string()))
    }

    #[test]
    fn an_exit_code_is_what_the_kubelet_says() {
        // The forms are those of Kubernetes' `remotecommand` (v4.channel.k8s.io and later).
        assert_eq!(end(r#"{"metadata":{},"status":"Success"}"#), Ok(Some(0)));
        let failed = r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: error executing command [sh -c exit 3], exit code 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#;
        assert_eq!(end(failed), Ok(Some(3)));
    }

    #[test]
    fn a_program_that_is_not_there_is_named_in_runc_s_words() {
        let failed = r#"{"metadata":{},"status":"Failure","message":"Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \"e1\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"nope\": executable file not found in $PATH: unknown","reason":"InternalError","details":{"causes":[{"message":"x"}]},"code":500}"#;
        assert_eq!(end(failed), Err((ErrorKind::Invalid, r#"exec: "nope": executable file not found in $PATH"#.to_owned())));
        let other = r#"{"metadata":{},"status":"Failure","message":"Internal error occurred: container is gone","code":500}"#;
        assert_eq!(end(other).unwrap_err().0, ErrorKind::Unavailable);
    }
}
