//! The way to one log router.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::forward::{self, Answer, Source};
use crate::{BackendError, ErrorKind, LogLine, LogRouterConnection, Report, TaskManager, TaskRef};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// How long a router may take to confirm: one that cannot get rid of what it has takes nothing meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Router {
    tasks: Arc<dyn TaskManager>,
    task: TaskRef,
    connection: Option<LogRouterConnection>,
}

impl Router {
    pub(super) fn new(tasks: Arc<dyn TaskManager>, task: TaskRef) -> Self {
        Self { tasks, task, connection: None }
    }

    /// Sends lines until the router has them. What it did not confirm is sent again, so that it may have some of it twice.
    ///
    /// # Errors
    ///
    /// Where there is no router, or not any more.
    pub(super) async fn deliver(&mut self, source: &Source, lines: &[LogLine]) -> Result<(), BackendError> {
        let id = forward::chunk_id();
        let chunk = forward::chunk(source, lines, &id);
        let mut pause = FIRST_RETRY;
        loop {
            match self.send(&chunk, &id).await {
                Err(error) if error.is_retryable() => {
                    // A router that is about to listen is nothing to speak of.
                    tracing::debug!(task = %self.task, error = %Report(&error), retry_in = ?pause, "log router not reached yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_RETRY);
                }
                outcome => return outcome,
            }
        }
    }

    async fn send(&mut self, chunk: &[u8], id: &str) -> Result<(), BackendError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.tasks.connect_log_router(&self.task).await?,
        };
        let sent = tokio::time::timeout(PATIENCE, exchange(&mut connection, chunk, id)).await;
        sent.map_err(|_| BackendError::new(ErrorKind::Timeout, "the log router does not confirm what it is sent"))??;
        self.connection = Some(connection);
        Ok(())
    }
}

async fn exchange(connection: &mut LogRouterConnection, chunk: &[u8], id: &str) -> Result<(), BackendError> {
    let broken = |error: std::io::Error| {
        BackendError::new(ErrorKind::Unavailable, "the connection to the log router broke").with_source(error)
    };
    connection.write_all(chunk).await.map_err(broken)?;
    connection.flush().await.map_err(broken)?;
    let mut answer = Vec::new();
    loop {
        if connection.read_buf(&mut answer).await.map_err(broken)? == 0 {
            return Err(BackendError::new(ErrorKind::Unavailable, "the log router closed the connection"));
        }
        match forward::answer(&answer) {
            Answer::Confirmed(confirmed) if confirmed == id => return Ok(()),
            Answer::Incomplete => {}
            Answer::Confirmed(_) | Answer::Unknown => {
                return Err(BackendError::new(ErrorKind::Unavailable, "the log router does not confirm what it was sent"));
            }
        }
    }
}
