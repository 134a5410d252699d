//! The client's errors as the seam's.

use std::time::Duration;

use kecs_core::{BackendError, ErrorKind};

/// What a failed request means for core. Its message is the API server's, which names fields and never holds an environment's values.
pub(crate) fn backend_error(doing: &str, error: kube::Error) -> BackendError {
    let (kind, retry_after, message) = match &error {
        kube::Error::Api(status) => {
            let after = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            let after = (after > 0).then(|| Duration::from_secs(u64::from(after)));
            (kind(status.code, &status.message), after, format!("{doing}: {}", status.message))
        }
        _ => (ErrorKind::Unavailable, None, format!("{doing}: the Kubernetes API does not answer")),
    };
    let new = BackendError::new(kind, message).with_source(error);
    match retry_after {
        Some(after) => new.with_retry_after(after),
        None => new,
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

/// Whether the API server answered with this status.
pub(crate) fn is(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

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
