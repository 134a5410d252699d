//! What the API server was met with last: what of it does not work is told to those who ask how the backend is doing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kecs_core::{BackendError, BackendHealth, Clock, Report, TaskId};
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

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watch {
    Pods,
    Nodes,
}

#[derive(Debug, Default)]
struct State {
    /// These watches do not come about. Each is tried again until it does.
    watches: BTreeMap<Watch, Trouble>,
    /// The last call failed for a reason that may pass.
    calls: Option<Trouble>,
    /// Changes to the pods of these tasks do not come about, for whatever reason. Each is tried again until it does.
    changes: HashMap<TaskId, Trouble>,
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

    /// Takes note of how a call ended that is tried again only where that may help, and passes that on.
    pub(crate) fn noted<T>(&self, outcome: Result<T, BackendError>) -> Result<T, BackendError> {
        match &outcome {
            // That something cannot be done as it is, is an answer.
            Ok(_) => self.state().calls = None,
            Err(error) if !error.is_retryable() => self.state().calls = None,
            Err(error) => note(&mut self.state().calls, Report(error).to_string(), self.clock.now()),
        }
        outcome
    }

    /// Takes note of how a change to a task's pod ended, which is tried again until it succeeds. That the API server refuses it is trouble, too:
    /// what other calls are answered says nothing of this one.
    pub(crate) fn noted_of(&self, task: TaskId, outcome: Result<(), &BackendError>) {
        let now = self.clock.now();
        let changes = &mut self.state().changes;
        match outcome {
            Ok(()) => drop(changes.remove(&task)),
            Err(error) => {
                changes.retain(|_, trouble| trouble.counts(now));
                let before = changes.remove(&task);
                changes.insert(task, Trouble::after(before.as_ref(), Report(error).to_string(), now));
            }
        }
    }

    /// A client whose answers tell that this watch works: one that says nothing for long has no other sign of it.
    pub(crate) fn of_watch(&self, watch: Watch, client: Client) -> Client {
        let (health, namespace) = (self.clone(), client.default_namespace().to_owned());
        let service = tower::service_fn(move |request| {
            let (client, health) = (client.clone(), health.clone());
            async move {
                let answer = client.send(request).await;
                if answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                    health.watch_works(watch);
                }
                answer
            }
        });
        Client::new(service, namespace)
    }

    pub(crate) fn watch_broke(&self, watch: Watch, reason: String) {
        let now = self.clock.now();
        let watches = &mut self.state().watches;
        let trouble = Trouble::after(watches.get(&watch), reason, now);
        watches.insert(watch, trouble);
    }

    fn watch_works(&self, watch: Watch) {
        self.state().watches.remove(&watch);
    }

    pub(crate) fn now(&self) -> BackendHealth {
        let now = self.clock.now();
        let state = self.state();
        let of_calls = state.calls.as_ref().filter(|trouble| trouble.counts(now));
        let of_changes = || state.changes.values().filter(|trouble| trouble.counts(now)).min_by_key(|trouble| trouble.since);
        let watch = |watch| state.watches.get(&watch);
        match watch(Watch::Pods).or(of_calls).or_else(of_changes).or_else(|| watch(Watch::Nodes)) {
            Some(Trouble { reason, since, .. }) => BackendHealth::degraded(reason, *since),
            None => BackendHealth::Ready,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it can be half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    fn after(before: Option<&Self>, reason: String, now: Timestamp) -> Self {
        // What was over for long is another one.
        let since = before.filter(|before| before.counts(now)).map_or(now, |before| before.since);
        Self { reason, since, last: now }
    }

    fn counts(&self, now: Timestamp) -> bool {
        between(self.last, now) <= COUNTS
    }
}

fn note(trouble: &mut Option<Trouble>, reason: String, now: Timestamp) {
    *trouble = Some(Trouble::after(trouble.as_ref(), reason, now));
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
    async fn a_change_that_is_refused_is_trouble_until_it_comes_about_whatever_other_calls_say() {
        let (health, task, other) = (health(), TaskId::random(), TaskId::random());
        let denied = BackendError::new(ErrorKind::Invalid, "denied");
        health.noted_of(task, Err(&denied));
        tokio::time::advance(Duration::from_secs(30)).await;
        health.noted_of(other, Err(&BackendError::new(ErrorKind::Invalid, "denied, too")));
        let _ = health.noted(Ok(()));
        assert_eq!(health.now(), BackendHealth::degraded("denied", Timestamp::from_millis(0)));
        health.noted_of(task, Ok(()));
        assert_eq!(health.now(), BackendHealth::degraded("denied, too", Timestamp::from_millis(30_000)));
        tokio::time::advance(COUNTS + Duration::from_secs(1)).await;
        assert_eq!(health.now(), BackendHealth::Ready, "nobody tries it again");
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
        health.watch_broke(Watch::Nodes, "nodes is forbidden".to_owned());
        health.watch_broke(Watch::Pods, "connection refused".to_owned());
        let _ = health.noted(Ok(()));
        tokio::time::advance(COUNTS * 10).await;
        assert_eq!(health.now(), BackendHealth::degraded("connection refused", Timestamp::from_millis(0)));
        health.watch_works(Watch::Pods);
        assert_eq!(health.now(), BackendHealth::degraded("nodes is forbidden", Timestamp::from_millis(0)));
        health.watch_works(Watch::Nodes);
        assert_eq!(health.now(), BackendHealth::Ready);
    }
}
