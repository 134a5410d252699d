//! What a LocalStack says, from its kubelet, across its restarts.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures::io::{AsyncBufRead, AsyncBufReadExt};
use futures::stream::{BoxStream, StreamExt, try_unfold};
use k8s_openapi::api::core::v1::Pod;
use kecs_core::BackendError;
use kube::Client;
use kube::api::{Api, LogParams};

use super::rollout::{Life, Seen, Told, has_begun, life, watch_pods};
use crate::error::{backend_error, is};

const READING: &str = "cannot read the log";
/// How long a kubelet may take to tell that it has a log.
const PAUSE: Duration = Duration::from_millis(500);

struct Reading {
    pods: Api<Pod>,
    tail: Option<i64>,
    follow: bool,
    events: BoxStream<'static, Told>,
    seen: Seen,
    /// The last run that was read.
    read: Option<Life>,
    reader: Option<Pin<Box<dyn AsyncBufRead + Send>>>,
}

/// The last lines of the run that is, and with `follow` whatever comes.
pub(super) fn lines(
    client: &Client,
    namespace: &str,
    name: &str,
    tail: Option<usize>,
    follow: bool,
) -> BoxStream<'static, Result<String, BackendError>> {
    let reading = Reading {
        pods: Api::namespaced(client.clone(), namespace),
        tail: tail.map(|lines| i64::try_from(lines).unwrap_or(i64::MAX)),
        follow,
        events: watch_pods(client, namespace, name),
        seen: Seen::default(),
        read: None,
        reader: None,
    };
    try_unfold(reading, |mut reading| async { Ok(reading.next().await?.map(|line| (line, reading))) }).boxed()
}

impl Reading {
    async fn next(&mut self) -> Result<Option<String>, BackendError> {
        loop {
            let Some(reader) = &mut self.reader else {
                if !self.open().await? {
                    return Ok(None);
                }
                continue;
            };
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line).await {
                Ok(count) if count > 0 => {
                    let line = line.strip_suffix(b"\n").unwrap_or(&line);
                    return Ok(Some(String::from_utf8_lossy(line).into_owned()));
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the log of a LocalStack broke off"),
            }
            self.reader = None;
        }
    }

    /// Opens the log of a run that was not read yet; `false` where there is none to come.
    async fn open(&mut self) -> Result<bool, BackendError> {
        if self.read.is_some() && !self.follow {
            return Ok(false);
        }
        loop {
            let newest = self.seen.newest().filter(|pod| has_begun(pod)).map(life);
            if let Some(life) = newest.filter(|life| self.read.as_ref() != Some(life)) {
                let first = self.read.is_none();
                let tail_lines = self.tail.filter(|_| first);
                let parameters = LogParams { follow: self.follow, tail_lines, ..LogParams::default() };
                match self.pods.log_stream(&life.pod, &parameters).await {
                    Ok(reader) => {
                        self.reader = Some(Box::pin(reader));
                        self.read = Some(life);
                        return Ok(true);
                    }
                    // It is going, or its kubelet does not know of it yet.
                    Err(error) if self.follow && (is(&error, 400) || is(&error, 404)) => tokio::time::sleep(PAUSE).await,
                    Err(error) => return Err(backend_error(READING, error)),
                }
            } else if self.seen.is_whole && !self.follow {
                return Ok(false);
            }
            match self.events.next().await {
                Some(Told::Broken(reason)) if !self.follow => {
                    return Err(BackendError::new(kecs_core::ErrorKind::Unavailable, format!("{READING}: {reason}")));
                }
                Some(told) => self.seen.take(told),
                None => return Ok(false),
            }
        }
    }
}

/// The last line that a run before this one said, if it said any.
pub(super) async fn last_words(pods: &Api<Pod>, pod: &str) -> Option<String> {
    let parameters = LogParams { previous: true, tail_lines: Some(5), ..LogParams::default() };
    let said = pods.logs(pod, &parameters).await.ok()?;
    let lines: VecDeque<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.back().map(|line| (*line).to_owned())
}
