//! ECS's events, delivered to the default event bus of their account and region, so that rules there see them as on AWS.

mod lane;
mod put_events;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use kecs_core::{AwsBackends, AwsServiceBackend, ClusterRef, EcsEvent, EventNotice, Scope};
use tokio::task::JoinSet;

use lane::{Lane, Queue};

/// How long the end of the events waits for those that were not delivered yet.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Delivers events. Cheap to clone; clones share their counts.
///
/// Those of one account and region are sent in their order, up to ten a call, and again until they are taken: at least once, as on AWS. Nothing is
/// sent before the backend is ready for the first time, since no rule can have been there; while it is away later, up to 1,000 events wait for each
/// account and region, and the oldest of more are dropped, counted and logged.
#[derive(Clone, Debug)]
pub struct EventBridge {
    backends: Arc<dyn AwsBackends>,
    counts: Arc<Counts>,
}

/// What became of events.
#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn delivered(&self, events: usize) {
        self.delivered.fetch_add(events as u64, Ordering::Relaxed);
    }

    fn dropped(&self, events: usize) {
        self.dropped.fetch_add(events as u64, Ordering::Relaxed);
    }
}

impl EventBridge {
    /// Delivers to the backend of each event's cluster.
    pub fn new(backends: Arc<dyn AwsBackends>) -> Self {
        Self { backends, counts: Arc::default() }
    }

    /// How many events a backend took.
    pub fn delivered(&self) -> u64 {
        self.counts.delivered.load(Ordering::Relaxed)
    }

    /// How many events were lost: refused, or more than may wait.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Delivers events until they end, such as [`Engine::events`](kecs_core::Engine::events) with its engine; then what still waits is tried
    /// for two more seconds. Dropping the future stops at once.
    pub async fn deliver(&self, mut events: BoxStream<'static, EventNotice>) {
        let mut lanes: HashMap<(usize, Scope), Arc<Queue>> = HashMap::new();
        let mut work = JoinSet::new();
        while let Some(notice) = events.next().await {
            match notice {
                EventNotice::Event(event) => {
                    let backend = self.backends.of(&cluster_of(&event));
                    // Clusters with one backend share their order.
                    let key = (Arc::as_ptr(&backend).cast::<()>() as usize, event.scope.clone());
                    let queue = lanes.entry(key).or_insert_with(|| self.lane(&mut work, backend, event.scope.clone()));
                    let dropped = queue.push(*event);
                    self.counts.dropped(dropped);
                }
                EventNotice::Missed(missed) => {
                    tracing::warn!(missed, "events came faster than they could be taken for EventBridge");
                    self.counts.dropped(usize::try_from(missed).unwrap_or(usize::MAX));
                }
                _ => {}
            }
        }
        for queue in lanes.values() {
            queue.close();
        }
        let all = async { while work.join_next().await.is_some() {} };
        // What is left is dropped with the set.
        let _ = tokio::time::timeout(LAST_WORDS, all).await;
    }

    fn lane(&self, work: &mut JoinSet<()>, backend: Arc<dyn AwsServiceBackend>, scope: Scope) -> Arc<Queue> {
        let queue = Arc::new(Queue::default());
        work.spawn(Lane::new(Arc::clone(&queue), backend, scope, Arc::clone(&self.counts)).run());
        queue
    }
}

fn cluster_of(event: &EcsEvent) -> ClusterRef {
    let name = event.cluster_arn().rsplit('/').next().unwrap_or_default();
    ClusterRef { scope: event.scope.clone(), name: name.into() }
}
