//! What a backend answers when it cannot do what core asked.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// What went wrong, as far as core acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thing named does not exist.
    NotFound,
    /// The thing exists already in another form.
    Conflict,
    /// The request can never succeed as it is; the message says what to change.
    Invalid,
    /// This backend cannot do it; the message says what.
    Unsupported,
    /// The backend cannot be reached now; the same call may succeed later.
    Unavailable,
    /// The backend did not answer in time; the call may or may not have taken effect.
    Timeout,
    /// The backend broke its own contract.
    Internal,
}

/// An error of a [`TaskManager`](crate::TaskManager) or an [`AwsServiceBackend`](crate::AwsServiceBackend).
///
/// `Display` is one lower-case phrase fit for a task's `stoppedReason`; it does not repeat the [source](StdError::source) and never
/// holds a secret.
#[derive(Debug)]
pub struct BackendError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// An error of `kind` with a message for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), retry_after: None, source: None }))
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with the time after which a retry is worth it.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The time after which the backend wants to be asked again, where it said one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unavailable | ErrorKind::Timeout)
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for BackendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Prints an error with its causes, `a: b: c`, for logs and for a program's last words. A cause that those before it have quoted is not said again.
#[derive(Debug)]
pub struct Report<'a>(pub &'a dyn StdError);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !said.contains(&words) {
                said.push_str(": ");
                said.push_str(&words);
            }
            cause = error.source();
        }
        f.write_str(&said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_each_cause_once() {
        let closed = BackendError::new(ErrorKind::Unavailable, "connection closed");
        let request = BackendError::new(ErrorKind::Unavailable, "request: connection closed").with_source(closed);
        let list = BackendError::new(ErrorKind::Unavailable, "cannot list").with_source(request);
        assert_eq!(Report(&list).to_string(), "cannot list: request: connection closed");
    }
}
