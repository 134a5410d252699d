//! What the API server was met with last: what of it does not work is told to those who ask how the backend is doing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kecs_core::{BackendError, BackendHealth, Clock, Report};
use kecs_model::Timestamp;
use kube::Client;

use crate::time::between;

/// For how long a call that failed counts: whatever may pass is tried again at least as often, unless nobody wants it any more.
const COUNTS: Duration = Duration::from_mins(1);

/// Shared by all who ask the API server something.
#[derive(Clone, Debug)]
pub(crate) struct ApiHealth {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The watch of pods does not come about. It is tried again until it does.
    watch: Option<Trouble>,
    /// The last call failed for a reason that may pass.
    calls: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    reason: String,
    since: Timestamp,
    last: Timestamp,
}

impl ApiHealth {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// Takes note of how a call ended, and passes that on.
    pub(crate) fn noted<T>(&self, outcome: Result<T, BackendError>) -> Result<T, BackendError> {
        match &outcome {
            // That something cannot be done as it is, is an answer.
            Ok(_) => self.state().calls = None,
            Err(error) if !error.is_retryable() => self.state().calls = None,
            Err(error) => note(&mut self.state().calls, Report(error).to_string(), self.clock.now()),
        }
        outcome
    }

    /// A client whose answers tell that the watch works: one that says nothing for long has no other sign of it.
    pub(crate) fn of_watch(&self, client: Client) -> Client {
        let (health, namespace) = (self.clone(), client.default_namespace().to_owned());
        let service = tower::service_fn(move |request| {
            let (client, health) = (client.clone(), health.clone());
            async move {
                let answer = client.send(request).await;
                if answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                    health.watch_works();
                }
                answer
            }
        });
        Client::new(service, namespace)
    }

    pub(crate) fn watch_broke(&self, reason: String) {
        note(&mut self.state().watch, reason, self.clock.now());
    }

    fn watch_works(&self) {
        self.state().watch = None;
    }

    pub(crate) fn now(&self) -> BackendHealth {
        let now = self.clock.now();
        let state = self.state();
        let of_calls = state.calls.as_ref().filter(|trouble| between(trouble.last, now) <= COUNTS);
        match state.watch.as_ref().or(of_calls) {
            Some(Trouble { reason, since, .. }) => BackendHealth::degraded(reason, *since),
            None => BackendHealth::Ready,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it can be half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(trouble: &mut Option<Trouble>, reason: String, now: Timestamp) {
    // What was over for long is another one.
    let since = trouble.as_ref().filter(|trouble| between(trouble.last, now) <= COUNTS).map_or(now, |trouble| trouble.since);
    *trouble = Some(Trouble { reason, since, last: now });
}

#[cfg(test)]
mod tests {
    use kecs_core::{ErrorKind, TokioClock};

    use super::*;

    fn health() -> ApiHealth {
        ApiHealth::new(Arc::new(TokioClock::starting_at(Timestamp::from_millis(0))))
    }

    fn failed(kind: ErrorKind) -> Result<(), BackendError> {
        Err(BackendError::new(kind, "the call failed").with_source("for this reason"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_may_succeed_later_is_trouble_until_one_is_answered() {
        let health = health();
        assert_eq!(health.now(), BackendHealth::Ready);
        for answered in [Ok(()), failed(ErrorKind::Invalid)] {
            let since = health.clock.now();
            for _ in 0..3 {
                assert!(health.noted(failed(ErrorKind::Unavailable)).is_err());
                tokio::time::advance(Duration::from_secs(30)).await;
            }
            assert_eq!(health.now(), BackendHealth::degraded("the call failed: for this reason", since));
            let _ = health.noted(answered);
            assert_eq!(health.now(), BackendHealth::Ready);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_nobody_tries_again_is_forgotten() {
        let health = health();
        let _ = health.noted(failed(ErrorKind::Timeout));
        tokio::time::advance(COUNTS + Duration::from_secs(1)).await;
        assert_eq!(health.now(), BackendHealth::Ready);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_broke_is_trouble_until_it_works_whatever_calls_say() {
        let health = health();
        health.watch_broke("connection refused".to_owned());
        let _ = health.noted(Ok(()));
        tokio::time::advance(COUNTS * 10).await;
        assert_eq!(health.now(), BackendHealth::degraded("connection refused", Timestamp::from_millis(0)));
        health.watch_works();
        assert_eq!(health.now(), BackendHealth::Ready);
    }
}
