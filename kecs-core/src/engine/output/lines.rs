//! A container's lines from their beginning to their end, whatever becomes of the streams of its backend meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::{Observed, has_ended};
use crate::{BackendError, LogLine, LogPosition, LogQuery, LogStream, Report, TaskManager, TaskRef};

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// The lines, each once, without errors. Returns when `query` was answered: a container waits for one that is blocking from then on, whenever the first line is taken.
pub(super) async fn follow(
    tasks: Arc<dyn TaskManager>,
    task: TaskRef,
    container: Arc<str>,
    query: LogQuery,
    seen: watch::Receiver<Observed>,
) -> LogStream {
    let position = LogPosition::default();
    let mut reader = Reader { tasks, task, container, query, seen, open: None, position, skip: position, pause: FIRST_RETRY };
    reader.open().await;
    futures::stream::unfold(reader, |mut reader| async move { reader.next().await.map(|line| (Ok(line), reader)) }).boxed()
}

struct Reader {
    tasks: Arc<dyn TaskManager>,
    task: TaskRef,
    container: Arc<str>,
    query: LogQuery,
    seen: watch::Receiver<Observed>,
    open: Option<LogStream>,
    position: LogPosition,
    /// What of the open stream was had from the one before it.
    skip: LogPosition,
    pause: Duration,
}

impl Reader {
    async fn next(&mut self) -> Option<LogLine> {
        loop {
            if self.open.is_none() {
                self.open().await;
            }
            match self.open.as_mut()?.next().await {
                Some(Ok(line)) if self.skip.had(line.at) => {}
                Some(Ok(line)) => {
                    self.pause = FIRST_RETRY;
                    let at = self.position.pass(line.at);
                    return Some(LogLine { at, ..line });
                }
                Some(Err(error)) => {
                    self.open = None;
                    self.rest(&error).await;
                }
                None => {
                    self.open = None;
                    if self.has_ended().await {
                        return None;
                    }
                }
            }
        }
    }

    /// Opens the backend's stream; there is none any more where that can never succeed.
    async fn open(&mut self) {
        loop {
            match self.tasks.logs(&self.task, &self.container, self.query).await {
                Ok(stream) => {
                    self.skip = self.position;
                    self.open = Some(stream);
                    return;
                }
                Err(error) if error.is_retryable() => self.rest(&error).await,
                Err(error) => {
                    tracing::warn!(task = %self.task, container = &*self.container, error = %Report(&error), "no output to ship");
                    return;
                }
            }
        }
    }

    fn rest(&mut self, error: &BackendError) -> Sleep {
        let Self { task, container, pause, .. } = self;
        tracing::warn!(%task, %container, error = %Report(error), retry_in = ?pause, "output not read yet");
        let rest = tokio::time::sleep(*pause);
        *pause = (*pause * 2).min(LAST_RETRY);
        rest
    }

    /// Whether the stream ended because the container did. That is observed at about the same time; a stream that broke off ends too.
    async fn has_ended(&mut self) -> bool {
        let Self { seen, container, pause, .. } = self;
        let ended = seen.wait_for(|seen| seen.as_ref().is_some_and(|seen| has_ended(seen, container)));
        // An error: nothing more will be observed, which is an end too.
        let observed = tokio::time::timeout(*pause, ended).await.is_ok();
        self.pause = (self.pause * 2).min(LAST_RETRY);
        observed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::task_ref;
    use crate::{ErrorKind, LogSource, MockTaskManager};
    use kecs_model::Timestamp;

    #[expect(clippy::unnecessary_wraps, reason = "as a stream gives it")]
    fn line(at: i64, text: &'static str) -> Result<LogLine, BackendError> {
        let at = Timestamp::from_millis(at);
        Ok(LogLine { at, stream: LogSource::Stdout, line: bytes::Bytes::from_static(text.as_bytes()) })
    }

    fn broken() -> Result<LogLine, BackendError> {
        Err(BackendError::new(ErrorKind::Unavailable, "broke off"))
    }

    /// What comes of a backend that gives these streams in turn, and of a container that has ended with the last.
    async fn read(mut streams: Vec<Vec<Result<LogLine, BackendError>>>) -> Vec<String> {
        let (observed, seen) = watch::channel(None);
        let mut observed = Some(observed);
        let mut tasks = MockTaskManager::new();
        tasks.expect_logs().returning(move |_, _, query| {
            assert_eq!(query, LogQuery::follow().blocking());
            let stream = streams.remove(0);
            if streams.is_empty() {
                drop(observed.take());
            }
            Ok(futures::stream::iter(stream).boxed())
        });
        let lines = follow(Arc::new(tasks), task_ref("default"), "web".into(), LogQuery::follow().blocking(), seen).await;
        lines.map(|line| String::from_utf8(line.unwrap().line.to_vec()).unwrap()).collect().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_breaks_is_opened_again_and_each_line_comes_once() {
        let first = vec![line(1, "a"), line(2, "b"), line(2, "c"), broken()];
        let second = vec![line(1, "a"), line(2, "b"), line(2, "c"), line(2, "d"), line(3, "e")];
        assert_eq!(read(vec![first, second]).await, ["a", "b", "c", "d", "e"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_before_its_container_is_opened_again() {
        assert_eq!(read(vec![vec![line(1, "a")], vec![], vec![line(1, "a"), line(5, "b")]]).await, ["a", "b"]);
    }
}
