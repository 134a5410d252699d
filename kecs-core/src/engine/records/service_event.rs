//! Service events. Each is an entry of its own, so that one more does not rewrite a hundred.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use kecs_model::ecs::ServiceEvent;
use serde::{Deserialize, Serialize};

use super::service::service_key;
use crate::engine::table::Record;
use crate::engine::tx::Tx;

/// "We only show the 100 most recent events" ("Viewing Amazon ECS service event messages").
const KEPT: usize = 100;

/// An event of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceEventRecord {
    /// The cluster's name, as part of the key.
    pub(crate) cluster: String,
    /// The service's name, as part of the key.
    pub(crate) service: String,
    /// Counts the service's events, as part of the key.
    pub(crate) sequence: u64,
    /// As clients see it.
    pub(crate) event: ServiceEvent,
}

impl Record for ServiceEventRecord {
    const TABLE: &'static str = "service-event";

    fn key(&self) -> String {
        format!("{}/{:020}", service_key(&self.cluster, &self.service), self.sequence)
    }
}

/// The events of all services of a scope.
#[derive(Debug, Default)]
pub(crate) struct ServiceEvents(HashMap<String, VecDeque<Arc<ServiceEventRecord>>>);

impl ServiceEvents {
    /// A service's events, newest first.
    pub(crate) fn of(&self, cluster: &str, service: &str) -> impl Iterator<Item = &ServiceEvent> {
        self.0.get(&service_key(cluster, service)).into_iter().flatten().rev().map(|record| &record.event)
    }

    /// Adds an event, and drops the oldest when there are too many.
    pub(crate) fn add(&mut self, tx: &mut Tx, cluster: &str, service: &str, event: ServiceEvent) {
        let events = self.0.entry(service_key(cluster, service)).or_default();
        let sequence = events.back().map_or(0, |last| last.sequence + 1);
        let record = ServiceEventRecord { cluster: cluster.to_owned(), service: service.to_owned(), sequence, event };
        tx.put(&record.key(), &record);
        events.push_back(Arc::new(record));
        while events.len() > KEPT {
            if let Some(oldest) = events.pop_front() {
                tx.delete::<ServiceEventRecord>(&oldest.key());
            }
        }
    }

    /// Forgets all events of a service.
    pub(crate) fn clear(&mut self, tx: &mut Tx, cluster: &str, service: &str) {
        for record in self.0.remove(&service_key(cluster, service)).into_iter().flatten() {
            tx.delete::<ServiceEventRecord>(&record.key());
        }
    }

    /// Takes in an event that was read from the store, which yields them in their order.
    pub(crate) fn load(&mut self, record: ServiceEventRecord) {
        self.0.entry(service_key(&record.cluster, &record.service)).or_default().push_back(Arc::new(record));
    }
}
