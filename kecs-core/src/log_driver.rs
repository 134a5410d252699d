//! The seam to wherever the output of containers is sent: CloudWatch Logs, or a driver of an embedder's own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::task_spec::LogConfiguration;
use crate::{LogStream, TaskRef};

/// Sends the output of containers somewhere.
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
    /// What makes the task fail to start; the text is the task's `stoppedReason`.
    async fn prepare(&self, output: &ContainerOutput) -> Result<(), LogError>;

    /// Sends the lines until they end, and returns when everything was taken over or given up. After a restart of the control plane it is called
    /// again with the output from its beginning: what was sent already is not sent twice. Dropping the future gives up what was not sent.
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
    /// What the driver may name the output by: the task's family, its revision and the like, by the names that ECS gives them.
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

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: LogDriver + ?Sized> LogDriver for Arc<T> {
    fn handles(&self, driver: &str) -> bool {
        (**self).handles(driver)
    }

    async fn prepare(&self, output: &ContainerOutput) -> Result<(), LogError> {
        (**self).prepare(output).await
    }

    async fn ship(&self, output: &ContainerOutput, lines: LogStream) {
        (**self).ship(output, lines).await;
    }
}
