//! CloudWatch Logs: the log driver `awslogs`.
//!
//! Follows Docker's driver, which runs on AWS: "Amazon CloudWatch Logs logging driver" in Docker's manual, and LogConfiguration in the API reference of
//! Amazon ECS. Lines become *events* ([`events`]), wait in a *buffer* ([`buffer`]) and go out in *batches*, by the calls of [`stream`].

mod buffer;
mod datetime;
mod events;
mod options;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use kecs_core::{AwsBackends, ContainerOutput, LogDriver, LogError, LogPosition, LogStream, ServiceId};
use tokio::time::{Instant, sleep_until};

use crate::AwsClient;
use buffer::Buffer;
use events::{Event, Events};
use options::{Mode, Options};
use stream::Stream;

/// How long lines may wait for more that belong to the same event. Docker's default, awslogs-force-flush-interval-seconds.
const GROUPING: Duration = Duration::from_secs(5);

/// Sends the output of containers to CloudWatch Logs.
///
/// Events arrive within a second or so. While the service is away they wait: in `non-blocking` mode the oldest give way beyond `max-buffer-size`, in
/// `blocking` mode the container's log is not read on. A group or stream that is gone, as after a restart of LocalStack, is made again.
#[derive(Debug)]
pub struct CloudWatchLogs {
    backends: Arc<dyn AwsBackends>,
}

impl CloudWatchLogs {
    /// A driver that calls the backend of each task's cluster.
    pub fn new(backends: Arc<dyn AwsBackends>) -> Self {
        Self { backends }
    }

    /// Whether the cluster has CloudWatch Logs at all. Where nobody serves them output stays with the task manager, as it does without this driver. A backend that
    /// is not up yet, and starts when it is first called, is taken to have them until it has been called.
    fn is_served(&self, output: &ContainerOutput) -> bool {
        self.backends.of(&output.task.cluster).serves(&ServiceId::new("logs"))
    }

    fn stream(&self, output: &ContainerOutput, options: &Options) -> Stream {
        Stream::new(AwsClient::new(self.backends.of(&output.task.cluster)), output, options)
    }
}

#[async_trait]
impl LogDriver for CloudWatchLogs {
    fn handles(&self, driver: &str) -> bool {
        driver == "awslogs"
    }

    async fn prepare(&self, output: &ContainerOutput) -> Result<(), LogError> {
        let options = match Options::of(output) {
            Ok(options) => options,
            Err(what) => return Err(LogError::Invalid { message: options::reason(output, &what) }),
        };
        if !self.is_served(output) {
            return Ok(());
        }
        let prepared = self.stream(output, &options).prepare(options.create_group).await;
        if prepared.is_err() && !self.is_served(output) {
            return Ok(());
        }
        prepared.map_err(|failure| {
            let message = stream::reason(output, &failure);
            if failure.is_retryable() { LogError::Unavailable { message } } else { LogError::Invalid { message } }
        })
    }

    fn is_blocking(&self, output: &ContainerOutput) -> bool {
        self.is_served(output) && Options::of(output).is_ok_and(|options| options.mode == Mode::Blocking)
    }

    async fn ship(&self, output: &ContainerOutput, lines: LogStream) {
        if !self.is_served(output) {
            return;
        }
        let options = match Options::of(output) {
            Ok(options) => options,
            Err(what) => return tracing::error!(task = %output.task, what, "log options that were accepted are not any more"),
        };
        let stream = self.stream(output, &options);
        let sent = stream.sent().await;
        if !self.is_served(output) {
            return;
        }
        let buffer = Buffer::new(options.mode);
        let events = Events::new(options.event_start);
        tokio::join!(fill(&buffer, lines, events, sent), drain(&buffer, &stream));
    }
}

/// Takes lines in until they end.
async fn fill(buffer: &Buffer, mut lines: LogStream, mut events: Events, mut sent: LogPosition) {
    let mut deadline = None;
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                deadline = None;
                push(buffer, events.flush(), &mut sent).await;
                continue;
            }
        };
        let Some(Ok(line)) = line else { break };
        push(buffer, events.push(&line), &mut sent).await;
        deadline = events.is_waiting().then(|| deadline.unwrap_or_else(|| Instant::now() + GROUPING));
    }
    push(buffer, events.flush(), &mut sent).await;
    buffer.close();
}

async fn push(buffer: &Buffer, events: Vec<Event>, sent: &mut LogPosition) {
    for event in events {
        if !sent.had(event.at) {
            buffer.push(event).await;
        }
    }
}

/// Sends what the buffer gives until it is closed and empty.
async fn drain(buffer: &Buffer, stream: &Stream) {
    while let Some(batch) = buffer.batch().await {
        if batch.dropped > 0 {
            tracing::warn!(%stream, dropped = batch.dropped, "output was dropped, since the buffer was full");
        }
        stream.put(&batch.events).await;
    }
}

#[cfg(test)]
mod tests;
