//! What a container wrote, from its kubelet.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::io::{AsyncBufRead, AsyncBufReadExt};
use futures::stream::{StreamExt, try_unfold};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff;
use kecs_core::{BackendError, ContainerState, ErrorKind, LogLine, LogQuery, LogSource, LogStream, TaskObservation, TaskPhase};
use kecs_model::Timestamp;
use kube::api::{Api, LogParams};
use tokio::sync::watch;

use crate::error::{backend_error, is};

/// After which a kubelet that broke off is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long opening a log may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after a container's end its kubelet may take for the next line.
const SILENCE: Duration = Duration::from_secs(10);
const READING: &str = "cannot read the log";

/// Where it is read from.
pub(crate) struct Source {
    pub(crate) pods: Api<Pod>,
    pub(crate) pod: String,
    /// The container's name in the pod.
    pub(crate) part: String,
    pub(crate) states: watch::Receiver<Arc<TaskObservation>>,
}

type Reader = Pin<Box<dyn AsyncBufRead + Send>>;

struct Reading {
    source: Source,
    container: String,
    query: LogQuery,
    reader: Option<Reader>,
    /// The time of the last line, and the lines of that very time, which come again when the log is opened again.
    last: Option<jiff::Timestamp>,
    seen_at_last: VecDeque<Bytes>,
    skip: VecDeque<Bytes>,
    /// It was opened for the last time.
    is_opened: bool,
    /// It was opened before.
    had_reader: bool,
    /// It could not be opened after the container's end.
    had_failed: bool,
}

pub(crate) fn stream(source: Source, container: String, query: LogQuery) -> LogStream {
    let reading = Reading {
        source,
        container,
        query,
        reader: None,
        last: None,
        seen_at_last: VecDeque::new(),
        skip: VecDeque::new(),
        is_opened: false,
        had_reader: false,
        had_failed: false,
    };
    try_unfold(reading, |mut reading| async { Ok(reading.next().await?.map(|line| (line, reading))) }).boxed()
}

impl Reading {
    async fn next(&mut self) -> Result<Option<LogLine>, BackendError> {
        loop {
            if self.reader.is_none() && !self.open().await? {
                return Ok(None);
            }
            let Some(reader) = &mut self.reader else { continue };
            let mut line = Vec::new();
            let read = tokio::select! {
                biased;
                read = reader.read_until(b'\n', &mut line) => read,
                // A node that is gone closes nothing.
                () = silence(self.source.states.clone(), &self.container) => return Ok(None),
            };
            match read {
                Ok(0) => self.reader = None,
                Ok(_) => {
                    if let Some(line) = self.take(&line) {
                        return Ok(Some(line));
                    }
                }
                Err(error) if self.query.follow => {
                    // The kubelet or what is between went away: asked again from where it was.
                    tracing::debug!(pod = self.source.pod, %error, "log broke off");
                    self.reader = None;
                }
                Err(error) => return Err(BackendError::new(ErrorKind::Unavailable, READING).with_source(error)),
            }
        }
    }

    /// Opens the log; `false` where there is nothing more.
    async fn open(&mut self) -> Result<bool, BackendError> {
        loop {
            if self.had_reader && !self.is_over() {
                // The run is over or the kubelet went away; which of both, the next state tells.
                let _ = tokio::time::timeout(PAUSE, self.source.states.changed()).await;
            }
            let was_over = self.is_over();
            if self.is_opened && (!self.query.follow || was_over) {
                return Ok(false);
            }
            if self.query.follow && !was_over && !self.has_begun() {
                // An error: the task was forgotten.
                if self.source.states.changed().await.is_err() {
                    return Ok(false);
                }
                continue;
            }
            let parameters = LogParams {
                container: Some(self.source.part.clone()),
                follow: self.query.follow && !was_over,
                timestamps: true,
                tail_lines: self.query.tail.filter(|_| self.last.is_none()).map(|lines| i64::try_from(lines).unwrap_or(i64::MAX)),
                since_time: self.last,
                ..LogParams::default()
            };
            let opened = tokio::time::timeout(PATIENCE, self.source.pods.log_stream(&self.source.pod, &parameters)).await;
            match opened.unwrap_or_else(|_| Err(kube::Error::Service("the log was not opened in time".into()))) {
                Ok(reader) => {
                    self.skip.clone_from(&self.seen_at_last);
                    self.reader = Some(Box::pin(reader));
                    self.had_reader = true;
                    // Opened while it runs, it ends with the run, and there may be another one.
                    self.is_opened = was_over || !self.query.follow;
                    return Ok(true);
                }
                // It has not begun, never did, or its log is gone with it.
                Err(error) if is(&error, 400) || is(&error, 404) => {
                    if !self.query.follow || was_over {
                        return Ok(false);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    let error = backend_error(READING, error);
                    if !self.query.follow || !error.is_retryable() {
                        return Err(error);
                    }
                    tracing::debug!(pod = self.source.pod, %error, "log not opened yet");
                    // Of a node that is gone there is none to wait for.
                    if was_over && self.had_failed {
                        return Ok(false);
                    }
                    self.had_failed = was_over;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn state(&self) -> (Option<ContainerState>, TaskPhase) {
        let seen = self.source.states.borrow();
        let state =
            seen.containers.iter().find(|container| container.name == self.container).map(|container| container.state.clone());
        (state, seen.phase)
    }

    fn has_begun(&self) -> bool {
        !matches!(self.state(), (None | Some(ContainerState::Pending), _))
    }

    /// Nothing more will be written.
    fn is_over(&self) -> bool {
        matches!(self.state(), (Some(ContainerState::Exited { .. }), _) | (_, TaskPhase::Stopped))
    }

    /// One line as the kubelet gives it, `<time> <text>`; `None` for one that was given before.
    fn take(&mut self, line: &[u8]) -> Option<LogLine> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (time, text) = split(line);
        let text = Bytes::copy_from_slice(text);
        if self.last.is_some() && self.last == time && self.skip.front() == Some(&text) {
            self.skip.pop_front();
            return None;
        }
        if time.is_some() && time < self.last {
            return None;
        }
        if self.last != time {
            self.seen_at_last.clear();
            self.last = time.or(self.last);
        }
        self.seen_at_last.push_back(text.clone());
        let at = Timestamp::from_millis(time.map_or(0, jiff::Timestamp::as_millisecond));
        // Kubernetes keeps both streams as one, in the order in which they came.
        Some(LogLine { at, stream: LogSource::Stdout, line: text })
    }
}

fn state_of<'a>(seen: &'a TaskObservation, container: &str) -> Option<&'a ContainerState> {
    seen.containers.iter().find(|known| known.name == container).map(|known| &known.state)
}

/// Nothing more will be written.
fn is_over(seen: &TaskObservation, container: &str) -> bool {
    seen.phase == TaskPhase::Stopped || matches!(state_of(seen, container), Some(ContainerState::Exited { .. }))
}

/// Until a container has been over for a while.
async fn silence(mut states: watch::Receiver<Arc<TaskObservation>>, container: &str) {
    // An error: the task was forgotten.
    let _ = states.wait_for(|seen| is_over(seen, container)).await;
    tokio::time::sleep(SILENCE).await;
}

fn split(line: &[u8]) -> (Option<jiff::Timestamp>, &[u8]) {
    let Some(space) = line.iter().position(|&byte| byte == b' ') else { return (None, line) };
    match std::str::from_utf8(&line[..space]).ok().and_then(|time| time.parse().ok()) {
        Some(time) => (Some(time), &line[space + 1..]),
        None => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_follows_its_time() {
        let (time, text) = split(b"2026-11-26T01:19:51.123456789Z two  words");
        assert_eq!(time.map(jiff::Timestamp::as_millisecond), Some(1_795_655_991_123));
        assert_eq!(text, b"two  words");
        assert_eq!(split(b"2026-11-26T01:19:51Z ").1, b"");
        assert_eq!(split(b"rpc error: no such log").0, None);
    }
}
