//! The client's errors as the seam's.

use std::error::Error;
use std::time::Duration;

use kecs_core::{BackendError, ErrorKind, Report};

/// What a failed request means for core. Its message is the API server's, which names fields and never holds an environment's values.
pub(crate) fn backend_error(doing: &str, error: kube::Error) -> BackendError {
    let status = match error {
        kube::Error::Api(status) => status,
        error => {
            let message = format!("{doing}: the Kubernetes API does not answer");
            return BackendError::new(ErrorKind::Unavailable, message).with_source(error);
        }
    };
    // The client's error has these words and more about them: it is no source.
    let new = BackendError::new(kind(status.code, &status.message), format!("{doing}: {}", status.message));
    match status.details.as_ref().map_or(0, |details| details.retry_after_seconds) {
        0 => new,
        after => new.with_retry_after(Duration::from_secs(u64::from(after))),
    }
}

fn kind(code: u16, message: &str) -> ErrorKind {
    match code {
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        // A quota has room again when others end, and a namespace that is being removed is gone at some time.
        403 if message.contains("exceeded quota") || message.contains("being terminated") => ErrorKind::Unavailable,
        400 | 403 | 405 | 413 | 422 => ErrorKind::Invalid,
        504 => ErrorKind::Timeout,
        // 401 is a token that has expired: the client renews it. 410 is a version that is too old, 429 and 5xx are bad moments.
        _ => ErrorKind::Unavailable,
    }
}

/// An error of the client's, or one around it, for a person: where the API server answered, what it said, without the status that this was in.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    let answered = causes.find_map(|cause| match cause.downcast_ref() {
        Some(kube::Error::Api(status)) => Some(status.message.clone()),
        _ => None,
    });
    answered.unwrap_or_else(|| Report(error).to_string())
}

/// Whether the API server answered with this status.
pub(crate) fn is(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::runtime::watcher;

    use super::*;

    #[test]
    fn what_the_server_said_is_said_once() {
        let refused = || kube::Error::Api(Status::failure("pods is forbidden", "Forbidden").with_code(403).boxed());
        assert_eq!(words(&watcher::Error::InitialListFailed(refused())), "pods is forbidden");
        assert_eq!(Report(&backend_error("cannot list pods", refused())).to_string(), "cannot list pods: pods is forbidden");
    }

    #[test]
    fn what_may_pass_is_retried() {
        for code in [401, 410, 429, 500, 503] {
            assert_eq!(kind(code, ""), ErrorKind::Unavailable, "{code}");
        }
        assert_eq!(kind(504, ""), ErrorKind::Timeout);
        assert_eq!(kind(403, "pods \"task-1\" is forbidden: exceeded quota: few, requested: pods=1"), ErrorKind::Unavailable);
    }

    #[test]
    fn what_is_wrong_with_the_task_is_final() {
        assert_eq!(kind(422, "Pod \"task-1\" is invalid"), ErrorKind::Invalid);
        assert_eq!(kind(403, "violates PodSecurity \"restricted:latest\""), ErrorKind::Invalid);
    }
}
