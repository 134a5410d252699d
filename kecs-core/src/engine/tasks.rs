//! All tasks of a scope, and the indexes by which they are listed and counted.
//!
//! No request walks all tasks: each filter of ListTasks that can narrow has an index, kept in step by [`Tasks::put`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::records::{Standing, TaskRecord};
use super::table::Record;
use super::tx::Tx;
use crate::TaskId;

/// By what tasks are found. Each is within one cluster, and apart for tasks that are to run and tasks that are to stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskIndex {
    /// The cluster's name.
    pub(crate) cluster: Arc<str>,
    /// `desiredStatus`: `true` for RUNNING, `false` for STOPPED.
    pub(crate) wanted: bool,
    /// What else they have in common.
    pub(crate) by: By,
}

/// What the tasks of an index have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    /// Nothing more.
    Cluster,
    /// The service that owns them.
    Service(String),
    /// The service that owns them; only those whose end its scheduler has not taken note of.
    Ending(String),
    /// The family of their task definition.
    Family(String),
    /// `startedBy`.
    StartedBy(String),
    /// The ARN of their container instance.
    Instance(String),
    /// `launchType`.
    LaunchType(String),
    /// The ARN of their role.
    Role(String),
}

/// How many tasks of a cluster are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskCounts {
    /// `lastStatus` RUNNING.
    pub(crate) running: i32,
    /// `lastStatus` before RUNNING.
    pub(crate) pending: i32,
}

/// All tasks of a scope.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    records: HashMap<TaskId, Arc<TaskRecord>>,
    indexes: HashMap<TaskIndex, BTreeSet<TaskId>>,
    /// By cluster name, then launch type.
    counts: HashMap<Arc<str>, HashMap<String, TaskCounts>>,
}

impl Tasks {
    /// The task with this id.
    pub(crate) fn get(&self, id: TaskId) -> Option<&Arc<TaskRecord>> {
        self.records.get(&id)
    }

    /// Inserts or replaces a task, here and in the store.
    pub(crate) fn put(&mut self, tx: &mut Tx, record: TaskRecord) -> Arc<TaskRecord> {
        tx.put(&record.key(), &record);
        let versioned = self.records.get(&record.id).is_none_or(|before| before.task.version != record.task.version);
        let record = self.load(record);
        tx.announce(&record, versioned);
        record
    }

    /// Notes what a service's scheduler made of a task. To clients nothing changed, so nobody is told.
    pub(crate) fn note(&mut self, tx: &mut Tx, id: TaskId, standing: Standing) {
        if let Some(record) = self.records.get(&id) {
            let record = TaskRecord { standing, ..TaskRecord::clone(record) };
            tx.put(&record.key(), &record);
            self.load(record);
        }
    }

    /// Notes that the backend may have a task from now on. To clients nothing changed, so nobody is told.
    pub(crate) fn note_handed(&mut self, tx: &mut Tx, id: TaskId) {
        if let Some(record) = self.records.get(&id) {
            let record = TaskRecord { handed: true, ..TaskRecord::clone(record) };
            tx.put(&record.key(), &record);
            self.load(record);
        }
    }

    /// Removes a task, here and in the store.
    pub(crate) fn remove(&mut self, tx: &mut Tx, id: TaskId) -> Option<Arc<TaskRecord>> {
        let record = self.records.remove(&id)?;
        self.unindex(&record);
        tx.delete::<TaskRecord>(&record.key());
        Some(record)
    }

    /// Takes in a task that was read from the store.
    pub(crate) fn load(&mut self, record: TaskRecord) -> Arc<TaskRecord> {
        let record = Arc::new(record);
        match self.records.insert(record.id, Arc::clone(&record)) {
            // Most changes of a task touch no index.
            Some(old) if index_keys(&old) == index_keys(&record) => {
                self.count(&old, -1);
                self.count(&record, 1);
            }
            Some(old) => {
                self.unindex(&old);
                self.index(&record);
            }
            None => self.index(&record),
        }
        record
    }

    /// The ids of an index after `after`, in order.
    pub(crate) fn ids(&self, index: &TaskIndex, after: Option<TaskId>) -> impl Iterator<Item = TaskId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        self.indexes.get(index).into_iter().flat_map(move |ids| ids.range((start, Unbounded)).copied())
    }

    /// The tasks of an index.
    pub(crate) fn of<'a>(&'a self, index: &TaskIndex) -> impl Iterator<Item = &'a Arc<TaskRecord>> + use<'a> {
        self.indexes.get(index).into_iter().flatten().filter_map(|id| self.records.get(id))
    }

    /// All tasks, in no order. For start-up only.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<TaskRecord>> {
        self.records.values()
    }

    /// The counts of a cluster, over all launch types or for one.
    pub(crate) fn counts(&self, cluster: &str, launch_type: Option<&str>) -> TaskCounts {
        let mut sum = TaskCounts::default();
        for (launch, counts) in self.counts.get(cluster).into_iter().flatten() {
            if launch_type.is_none_or(|wanted| wanted == launch) {
                sum.running += counts.running;
                sum.pending += counts.pending;
            }
        }
        sum
    }

    fn index(&mut self, record: &TaskRecord) {
        for key in index_keys(record) {
            self.indexes.entry(key).or_default().insert(record.id);
        }
        self.count(record, 1);
    }

    fn unindex(&mut self, record: &TaskRecord) {
        for key in index_keys(record) {
            if let Some(ids) = self.indexes.get_mut(&key) {
                ids.remove(&record.id);
                if ids.is_empty() {
                    self.indexes.remove(&key);
                }
            }
        }
        self.count(record, -1);
    }

    fn count(&mut self, record: &TaskRecord, by: i32) {
        let launch_type = record.task.launch_type.as_ref().map(|launch| launch.as_str().to_owned()).unwrap_or_default();
        let counts = self.counts.entry(Arc::clone(&record.cluster.name)).or_default().entry(launch_type).or_default();
        match record.last_status() {
            "RUNNING" => counts.running += by,
            "PROVISIONING" | "PENDING" | "ACTIVATING" => counts.pending += by,
            _ => {}
        }
    }
}

/// The indexes that a task is in.
fn index_keys(record: &TaskRecord) -> Vec<TaskIndex> {
    let task = &record.task;
    let mut keys = vec![By::Cluster];
    keys.extend(record.service().map(|service| By::Service(service.to_owned())));
    if !record.wanted() && record.standing != Standing::Closed {
        keys.extend(record.service().map(|service| By::Ending(service.to_owned())));
    }
    keys.extend(record.family().map(|family| By::Family(family.to_owned())));
    keys.extend(task.started_by.clone().map(By::StartedBy));
    keys.extend(task.container_instance_arn.clone().map(By::Instance));
    keys.extend(task.launch_type.as_ref().map(|launch_type| By::LaunchType(launch_type.as_str().to_owned())));
    keys.extend(record.role.clone().map(By::Role));
    let cluster = &record.cluster.name;
    keys.into_iter().map(|by| TaskIndex { cluster: Arc::clone(cluster), wanted: record.wanted(), by }).collect()
}
