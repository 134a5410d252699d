//! All ECS state of one account and region, in memory.
//!
//! A world is plain data behind one lock. Requests read it, or change it through a [`Tx`] that the journal makes durable; nothing here
//! waits. A change is validated as a whole before the first `put`: there is no way back.

use std::sync::Arc;

use kecs_model::ApiError;

use super::records::{ClusterRecord, RunTokenRecord, TaskRecord};
use super::table::{Record, Table};
use super::task_definitions::TaskDefinitions;
use super::tasks::Tasks;
use crate::arn::Arn;
use crate::{ClusterRef, Entry, Scope, StoreError};

/// All ECS state of one account and region.
#[derive(Debug)]
pub(crate) struct World {
    /// Whose state this is.
    pub(crate) scope: Scope,
    /// Clusters, INACTIVE ones included.
    pub(crate) clusters: Table<ClusterRecord>,
    /// Task definitions.
    pub(crate) task_definitions: TaskDefinitions,
    /// Tasks, stopped ones included until they are forgotten.
    pub(crate) tasks: Tasks,
    /// The client tokens of RunTask.
    pub(crate) run_tokens: Table<RunTokenRecord>,
}

impl World {
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            scope,
            clusters: Table::default(),
            task_definitions: TaskDefinitions::default(),
            tasks: Tasks::default(),
            run_tokens: Table::default(),
        }
    }

    /// Takes in an entry of the store.
    pub(super) fn load(&mut self, table: &str, entry: &Entry) -> Result<(), StoreError> {
        match table {
            ClusterRecord::TABLE => drop(self.clusters.load(decode(entry)?)),
            super::records::FamilyRecord::TABLE => drop(self.task_definitions.families.load(decode(entry)?)),
            super::records::TaskDefinitionRecord::TABLE => self.task_definitions.load(decode(entry)?),
            RunTokenRecord::TABLE => drop(self.run_tokens.load(decode(entry)?)),
            TaskRecord::TABLE => drop(self.tasks.load(decode(entry)?)),
            _ => {
                let message =
                    format!("the state holds {:?}, which this version does not know; run the version that wrote it", entry.key);
                return Err(StoreError::Corrupt { message });
            }
        }
        Ok(())
    }

    /// The ACTIVE cluster that a request names by name or ARN; none named is `default`.
    pub(crate) fn active_cluster(&self, named: Option<&str>) -> Result<&Arc<ClusterRecord>, ApiError> {
        self.cluster(named).filter(|cluster| !cluster.inactive).ok_or_else(ApiError::cluster_not_found)
    }

    /// The same, whatever the cluster's status.
    pub(crate) fn cluster(&self, named: Option<&str>) -> Option<&Arc<ClusterRecord>> {
        self.clusters.get(cluster_name(&self.scope, named)?)
    }

    /// A cluster as backends know it.
    pub(crate) fn cluster_ref(&self, name: &str) -> ClusterRef {
        ClusterRef { scope: self.scope.clone(), name: name.into() }
    }
}

/// The name in what a request says of a cluster: a name, or an ARN of this scope. None given is `default`.
pub(crate) fn cluster_name<'a>(scope: &Scope, named: Option<&'a str>) -> Option<&'a str> {
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        return Some("default");
    };
    match Arn::parse(named) {
        None => Some(named),
        Some(arn) => match arn.ecs_resource(scope)? {
            ("cluster", name) => Some(name),
            _ => None,
        },
    }
}

fn decode<R: Record>(entry: &Entry) -> Result<R, StoreError> {
    serde_json::from_slice(&entry.value.value).map_err(|error| {
        // The error's own text may quote a value; its position is enough.
        let (line, column) = (error.line(), error.column());
        StoreError::Corrupt { message: format!("the state at {:?} cannot be read (line {line}, column {column})", entry.key) }
    })
}
