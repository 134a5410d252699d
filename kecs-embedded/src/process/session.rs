//! A command in a container, as the server sees it: it asks the task's supervisor, which alone has the container's environment.

use std::io;

use bytes::Bytes;
use futures::StreamExt;
use kecs_core::{BackendError, EXEC_INPUTS, ErrorKind, ExecInput, ExecOutput, ExecSession, LogSource};
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::folder::TaskFolder;
use super::frames::{self, Frame};
use super::link;
use super::order::SessionOrder;
use super::supervisor::control::Request;

/// Begins the session.
pub(super) async fn open(folder: &TaskFolder, order: SessionOrder) -> Result<ExecSession, BackendError> {
    let connection = link::open(folder, &Request::Exec(order)).await;
    // The supervisor lives as long as the task.
    let connection = connection.map_err(|error| conflict("the task does not run").with_source(error))?;
    let (from, to) = connection.into_inner().into_split();
    let mut from = BufReader::new(from);
    let first = frames::read(&mut from).await.map_err(broken)?;
    match first.map(|Frame { kind, payload }| (kind, words(&payload))) {
        Some((frames::ACCEPTED, _)) => {}
        Some((frames::UNKNOWN, words)) => return Err(BackendError::new(ErrorKind::NotFound, words)),
        Some((frames::NOT_RUNNING, words)) => return Err(conflict(words)),
        Some((frames::FAILED, words)) => return Err(BackendError::new(ErrorKind::Unavailable, words)),
        // It did not understand: another version of KECS started the task.
        Some(_) | None => {
            let message = "the task was started by a version of KECS that runs no commands in containers: start it again";
            return Err(BackendError::new(ErrorKind::Unsupported, message));
        }
    }
    let (input, inputs) = mpsc::channel(EXEC_INPUTS);
    let session = Session { from, feeding: tokio::spawn(feed(to, inputs)) };
    let output = futures::stream::unfold(Some(session), |session| async {
        let mut session = session?;
        let (item, is_last) = match session.next().await {
            Ok(item @ ExecOutput::Data(..)) => (Ok(item), false),
            ended => (ended, true),
        };
        Some((item, (!is_last).then_some(session)))
    });
    Ok(ExecSession { input, output: output.boxed() })
}

/// The supervisor ends the command when this is dropped, because then the connection is closed.
struct Session {
    from: BufReader<OwnedReadHalf>,
    feeding: JoinHandle<()>,
}

impl Session {
    async fn next(&mut self) -> Result<ExecOutput, BackendError> {
        loop {
            let frame = frames::read(&mut self.from).await.map_err(broken)?;
            let Some(Frame { kind, payload }) = frame else {
                return Err(broken(io::ErrorKind::UnexpectedEof.into()));
            };
            match kind {
                frames::STDOUT => return Ok(ExecOutput::Data(LogSource::Stdout, Bytes::from(payload))),
                frames::STDERR => return Ok(ExecOutput::Data(LogSource::Stderr, Bytes::from(payload))),
                frames::EXITED => return Ok(ExecOutput::Exited(payload.as_slice().try_into().ok().map(i32::from_be_bytes))),
                frames::FAILED => return Err(BackendError::new(ErrorKind::Invalid, words(&payload))),
                _ => {}
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.feeding.abort();
    }
}

/// Passes on what goes to the command. It ends with the session: its half of the connection must stay open for as long.
async fn feed(mut to: OwnedWriteHalf, mut inputs: mpsc::Receiver<ExecInput>) {
    // A connection that broke shows in the output too.
    let _ = async {
        while let Some(input) = inputs.recv().await {
            match input {
                ExecInput::Data(data) => {
                    for chunk in data.chunks(frames::CHUNK) {
                        frames::write(&mut to, frames::INPUT, chunk).await?;
                    }
                }
                ExecInput::Resize(size) => {
                    let payload = [size.columns.to_be_bytes(), size.rows.to_be_bytes()].concat();
                    frames::write(&mut to, frames::RESIZE, &payload).await?;
                }
            }
        }
        frames::write(&mut to, frames::INPUT_ENDS, &[]).await
    }
    .await;
    std::future::pending::<()>().await;
}

fn words(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

fn conflict(message: impl Into<String>) -> BackendError {
    BackendError::new(ErrorKind::Conflict, message)
}

fn broken(error: io::Error) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, "the connection to the task's supervisor broke").with_source(error)
}
