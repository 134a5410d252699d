//! The seam to wherever the output of containers is sent: CloudWatch Logs, or a driver of an embedder's own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use kecs_model::Timestamp;

use crate::task_spec::LogConfiguration;
use crate::{LogStream, TaskRef};

/// Sends the output of containers somewhere.
///
/// A driver is what `logDriver` of a container's `logConfiguration` names ("LogConfiguration" of the ECS API reference).
///
/// Core calls [`prepare`](Self::prepare) before any container of a task starts, and [`ship`](Self::ship) once the backend has the task, with the
/// output from its beginning. A task is not STOPPED before what it wrote is shipped, within a bound.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait LogDriver: fmt::Debug + Send + Sync + 'static {
    /// Whether this driver answers for a `logDriver` of this name, such as `awslogs`. Cheap.
    fn handles(&self, driver: &str) -> bool;

    /// Checks the options and makes what must be there before the container starts. May be repeated.
    ///
    /// # Errors
    ///
    /// What makes the task fail to start; the text is the task's `stoppedReason`. Before that, [`Unavailable`](LogError::Unavailable) is asked again, with
    /// pauses and five times in all; [`Invalid`](LogError::Invalid) is final.
    async fn prepare(&self, output: &ContainerOutput) -> Result<(), LogError>;

    /// Whether the container is to wait while its output is not taken, where its backend can hold it up, instead of losing the oldest. Cheap. Default: no.
    fn is_blocking(&self, output: &ContainerOutput) -> bool {
        let _ = output;
        false
    }

    /// Sends the lines until they end, and returns when everything was taken over or given up. After a restart of the control plane it is called
    /// again with the output from its beginning: what was sent already is not sent twice. Dropping the future gives up what was not sent.
    ///
    /// The lines hold no error: core waits until the backend can be read again.
    async fn ship(&self, output: &ContainerOutput, lines: LogStream);
}

/// Whose output it is, and where it is to go.
#[derive(Clone, Debug)]
pub struct ContainerOutput {
    /// The task.
    pub task: TaskRef,
    /// The container's name in the task definition.
    pub container: Arc<str>,
    /// Its `logConfiguration`, with its secret options resolved.
    pub configuration: LogConfiguration,
    /// What the driver may name the output by, by the names that ECS gives it: `family`, `revision`, `taskArn`, `launchType`, and once the container
    /// runs `runtimeId`, where its backend has one.
    pub labels: BTreeMap<&'static str, String>,
}

/// Why output cannot be sent. The text is a task's `stoppedReason` and holds no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The configuration can never work.
    #[error("{message}")]
    Invalid {
        /// What to change, in AWS's words.
        message: String,
    },
    /// The service could not be asked, or refused; the same call may succeed later.
    #[error("{message}")]
    Unavailable {
        /// What happened, in AWS's words.
        message: String,
    },
}

/// How far stamped lines were read, so that a reader who begins again leaves out what it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPosition {
    at: Option<Timestamp>,
    /// How many had that very stamp.
    count: usize,
}

impl LogPosition {
    /// After so many lines of this stamp, and all that came before them.
    pub fn new(at: Timestamp, count: usize) -> Self {
        Self { at: Some(at), count }
    }

    /// The stamp and the count, if anything was read.
    pub(crate) fn parts(self) -> Option<(Timestamp, usize)> {
        Some((self.at?, self.count))
    }

    /// Takes note of the next line, and returns its stamp: a clock that was set back does not take lines back.
    pub fn pass(&mut self, at: Timestamp) -> Timestamp {
        match self.at {
            Some(last) if at <= last => {
                self.count += 1;
                last
            }
            _ => {
                *self = Self::new(at, 1);
                at
            }
        }
    }

    /// Whether the next line from the beginning on was had already; to be asked for each in turn.
    pub fn had(&mut self, at: Timestamp) -> bool {
        match self.at {
            Some(last) if at < last => true,
            Some(last) if at == last && self.count > 0 => {
                self.count -= 1;
                true
            }
            _ => false,
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: LogDriver + ?Sized> LogDriver for Arc<T> {
    fn handles(&self, driver: &str) -> bool {
        (**self).handles(driver)
    }

    async fn prepare(&self, output: &ContainerOutput) -> Result<(), LogError> {
        (**self).prepare(output).await
    }

    fn is_blocking(&self, output: &ContainerOutput) -> bool {
        (**self).is_blocking(output)
    }

    async fn ship(&self, output: &ContainerOutput, lines: LogStream) {
        (**self).ship(output, lines).await;
    }
}
