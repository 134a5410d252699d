//! The one watch and the one loop: takes in what happens to pods, and does what follows from it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kecs_core::{BackendError, Clock, TaskId};
use kecs_model::Timestamp;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::act::{self, Deed};
use crate::error::{backend_error, is, words};
use crate::health::{ApiHealth, Watch};
use crate::index::Index;
use crate::names::OWNER_LABEL;
use crate::time::{after, between};

/// How many changes are made at the same time.
const HANDS: usize = 32;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How long one change may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who asks the API server.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) calls: Client,
    pub(crate) watch: Client,
}

/// What the loop works with.
#[derive(Debug)]
pub(crate) struct Reactor {
    index: Arc<Index>,
    clock: Arc<dyn Clock>,
    health: ApiHealth,
    hands: Arc<Semaphore>,
    /// Tasks for which something is being done.
    busy: HashSet<TaskId>,
    /// Those whose last change failed: how often in a row, and when it is tried again.
    failures: HashMap<TaskId, (u32, Timestamp)>,
    alarms: BTreeSet<(Timestamp, TaskId)>,
    alarm_of: HashMap<TaskId, Timestamp>,
}

impl Reactor {
    pub(crate) fn new(index: Arc<Index>, clock: Arc<dyn Clock>, health: ApiHealth) -> Self {
        Self {
            index,
            clock,
            health,
            hands: Arc::new(Semaphore::new(HANDS)),
            busy: HashSet::new(),
            failures: HashMap::new(),
            alarms: BTreeSet::new(),
            alarm_of: HashMap::new(),
        }
    }

    /// Works until it is dropped.
    pub(crate) async fn run(mut self, clients: Clients, prefix: String, mut dirty: mpsc::UnboundedReceiver<TaskId>) {
        let Clients { calls: client, watch } = clients;
        let pods: Api<Pod> = Api::all(watch);
        let selection = watcher::Config::default().labels(&format!("{OWNER_LABEL}={prefix}"));
        // The watch asks for bookmarks, lists anew where its version is too old (410), and backs off by itself.
        let mut events = watcher(pods, selection).default_backoff().boxed();
        let (mut listed, mut known_before) = (Vec::new(), HashSet::new());
        let mut work = JoinSet::new();
        loop {
            let alarm = self.alarms.first().map(|(at, _)| between(self.clock.now(), *at));
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(Event::Init)) => {
                        listed.clear();
                        known_before = self.index.ids();
                    }
                    Some(Ok(Event::InitApply(pod))) => listed.push(pod),
                    Some(Ok(Event::InitDone)) => {
                        self.index.listed(std::mem::take(&mut listed), &known_before, self.clock.now());
                    }
                    Some(Ok(Event::Apply(pod))) => self.index.apply(pod, self.clock.now()),
                    Some(Ok(Event::Delete(pod))) => self.index.gone(&pod),
                    Some(Err(error)) => {
                        let reason = words(&error);
                        tracing::warn!(error = reason, "watch of pods broke");
                        self.health.watch_broke(Watch::Pods, reason);
                    }
                    None => return,
                },
                Some(task) = dirty.recv() => self.consider(task, &client, &mut work),
                Some(done) = work.join_next(), if !work.is_empty() => match done {
                    Ok((task, result)) => self.done(task, result, &client, &mut work),
                    Err(error) => tracing::error!(%error, "a change to a pod panicked"),
                },
                () = tokio::time::sleep(alarm.unwrap_or_default()), if alarm.is_some() => self.wake(&client, &mut work),
            }
        }
    }

    fn wake(&mut self, client: &Client, work: &mut JoinSet<Done>) {
        let now = self.clock.now();
        while let Some((_, task)) = self.alarms.first().copied().filter(|(at, _)| *at <= now) {
            self.set_alarm(task, None);
            self.index.look(task, now);
            self.consider(task, client, work);
        }
    }

    fn set_alarm(&mut self, task: TaskId, at: Option<Timestamp>) {
        if let Some(old) = self.alarm_of.remove(&task) {
            self.alarms.remove(&(old, task));
        }
        if let Some(at) = at {
            self.alarms.insert((at, task));
            self.alarm_of.insert(task, at);
        }
    }

    /// Does what is to be done for a task, unless something is being done for it.
    fn consider(&mut self, task: TaskId, client: &Client, work: &mut JoinSet<Done>) {
        if self.busy.contains(&task) {
            return;
        }
        let now = self.clock.now();
        let Some((deed, look_at)) = self.index.with(task, |entry| (act::deed(entry, now), entry.due().1)) else {
            self.set_alarm(task, None);
            self.failures.remove(&task);
            self.health.noted_of(task, Ok(()));
            return;
        };
        let retry_at = self.failures.get(&task).map(|(_, at)| *at).filter(|at| deed.is_some() && *at > now);
        self.set_alarm(task, look_at.into_iter().chain(retry_at).min());
        if let (Some(deed), None) = (deed, retry_at) {
            self.busy.insert(task);
            work.spawn(perform(task, deed, client.clone(), self.hands.clone()));
        }
    }

    fn done(&mut self, task: TaskId, result: Result<Option<Pod>, kube::Error>, client: &Client, work: &mut JoinSet<Done>) {
        self.busy.remove(&task);
        match result {
            Ok(pod) => {
                let _ = self.health.noted(Ok(()));
                self.health.noted_of(task, Ok(()));
                self.failures.remove(&task);
                if let Some(pod) = pod {
                    self.index.apply(pod, self.clock.now());
                }
            }
            // Its pod has changed meanwhile, or is gone: the watch tells.
            Err(error) if is(&error, 409) || is(&error, 404) => {
                self.failures.insert(task, (0, after(self.clock.now(), FIRST_RETRY)));
            }
            Err(error) => {
                let count = self.failures.get(&task).map_or(0, |(count, _)| *count);
                let words = words(&error);
                let error = backend_error("cannot change the pod", error);
                let pause = pause(count, &error);
                tracing::warn!(%task, error = words, retry_in = ?pause, "pod not changed yet");
                self.health.noted_of(task, Err(&error));
                self.failures.insert(task, (count.saturating_add(1), after(self.clock.now(), pause)));
            }
        }
        self.consider(task, client, work);
    }
}

/// How long after its failure a change is tried again: what the API server asks for, or longer with each failure before.
fn pause(failures: u32, error: &BackendError) -> Duration {
    error.retry_after().unwrap_or_else(|| (FIRST_RETRY * 2_u32.saturating_pow(failures)).min(LAST_RETRY))
}

type Done = (TaskId, Result<Option<Pod>, kube::Error>);

async fn perform(task: TaskId, deed: Deed, client: Client, hands: Arc<Semaphore>) -> Done {
    let _hand = hands.acquire().await.expect("the semaphore is never closed");
    let pods = Api::namespaced(client, &deed.namespace);
    let result = tokio::time::timeout(PATIENCE, deed.perform(&pods)).await;
    let silent = |_| kube::Error::Service("the API server did not answer in time".into());
    (task, result.map_err(silent).and_then(|result| result))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::*;

    fn failed(code: u16, retry_after: u32) -> BackendError {
        let details = json!({"retryAfterSeconds": retry_after});
        let status = json!({"status": "Failure", "message": "not now", "reason": "", "code": code, "details": details});
        let status: Status = serde_json::from_value(status).expect("it is one");
        backend_error("cannot change the pod", kube::Error::Api(status.boxed()))
    }

    #[test]
    fn a_change_is_tried_again_when_the_api_server_asks_for_it() {
        for failures in [0, 20] {
            assert_eq!(pause(failures, &failed(429, 7)), Duration::from_secs(7));
        }
    }

    #[test]
    fn a_change_that_fails_again_and_again_is_tried_less_often() {
        let pauses = [0, 1, 2, 20].map(|failures| pause(failures, &failed(500, 0)).as_millis());
        assert_eq!(pauses, [100, 200, 400, 30_000]);
    }
}
