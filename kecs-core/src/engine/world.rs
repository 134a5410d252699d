//! All ECS state of one account and region, in memory.
//!
//! A world is plain data behind one lock. Requests read it, or change it through a [`Tx`] that the journal makes durable; nothing here
//! waits. A change is validated as a whole before the first `put`: there is no way back.

use std::sync::Arc;

use kecs_model::{ApiError, ErrorCode};

use super::records::{
    AccountSettingRecord, CapacityProviderRecord, ClusterRecord, ContainerInstanceRecord, RunTokenRecord, ServiceDeploymentRecord,
    ServiceEventRecord, ServiceEvents, ServiceRecord, ServiceRevisionRecord, Services, TaskRecord, TaskSetRecord, instances_of,
};
use super::table::{Record, Table};
use super::task_definitions::TaskDefinitions;
use super::tasks::Tasks;
use crate::arn::Arn;
use crate::instance_life::InstanceState;
use crate::{ClusterRef, Entry, Scope, StoreError};

/// All ECS state of one account and region.
#[derive(Debug)]
pub(crate) struct World {
    /// Whose state this is.
    pub(crate) scope: Scope,
    /// Clusters, INACTIVE ones included.
    pub(crate) clusters: Table<ClusterRecord>,
    /// The capacity providers that were created, INACTIVE ones included.
    pub(crate) capacity_providers: Table<CapacityProviderRecord>,
    /// Container instances, INACTIVE ones included until they are forgotten.
    pub(crate) instances: Table<ContainerInstanceRecord>,
    /// What principals set of the account settings.
    pub(crate) account_settings: Table<AccountSettingRecord>,
    /// Task definitions.
    pub(crate) task_definitions: TaskDefinitions,
    /// Tasks, stopped ones included until they are forgotten.
    pub(crate) tasks: Tasks,
    /// The client tokens of RunTask.
    pub(crate) run_tokens: Table<RunTokenRecord>,
    /// Services, INACTIVE ones included until they are forgotten.
    pub(crate) services: Services,
    /// What their deployments deploy.
    pub(crate) service_revisions: Table<ServiceRevisionRecord>,
    /// The history of their deployments.
    pub(crate) service_deployments: Table<ServiceDeploymentRecord>,
    /// Their events.
    pub(crate) service_events: ServiceEvents,
    /// Their task sets.
    pub(crate) task_sets: Table<TaskSetRecord>,
}

impl World {
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            scope,
            clusters: Table::default(),
            capacity_providers: Table::default(),
            instances: Table::default(),
            account_settings: Table::default(),
            task_definitions: TaskDefinitions::default(),
            tasks: Tasks::default(),
            run_tokens: Table::default(),
            services: Services::default(),
            service_revisions: Table::default(),
            service_deployments: Table::default(),
            service_events: ServiceEvents::default(),
            task_sets: Table::default(),
        }
    }

    /// Takes in an entry of the store.
    pub(super) fn load(&mut self, table: &str, entry: &Entry) -> Result<(), StoreError> {
        match table {
            AccountSettingRecord::TABLE => drop(self.account_settings.load(decode(entry)?)),
            ClusterRecord::TABLE => drop(self.clusters.load(decode(entry)?)),
            CapacityProviderRecord::TABLE => drop(self.capacity_providers.load(decode(entry)?)),
            ContainerInstanceRecord::TABLE => drop(self.instances.load(decode(entry)?)),
            super::records::FamilyRecord::TABLE => drop(self.task_definitions.families.load(decode(entry)?)),
            super::records::TaskDefinitionRecord::TABLE => self.task_definitions.load(decode(entry)?),
            RunTokenRecord::TABLE => drop(self.run_tokens.load(decode(entry)?)),
            ServiceDeploymentRecord::TABLE => drop(self.service_deployments.load(decode(entry)?)),
            ServiceEventRecord::TABLE => self.service_events.load(decode(entry)?),
            ServiceRecord::TABLE => self.services.load(decode(entry)?),
            ServiceRevisionRecord::TABLE => drop(self.service_revisions.load(decode(entry)?)),
            TaskSetRecord::TABLE => drop(self.task_sets.load(decode(entry)?)),
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
        if cluster_name(&self.scope, named).is_some_and(|name| !well_formed_cluster_name(name)) {
            return Err(ApiError::invalid_parameter(CLUSTER_NAME_FORM));
        }
        let cluster = self.cluster(named).ok_or_else(ApiError::cluster_not_found)?;
        if cluster.inactive {
            // AWS's text for a cluster that was deleted; users quote it for CreateService and UpdateService.
            return Err(ApiError::new(ErrorCode::ClusterNotFoundException, "The referenced cluster was inactive."));
        }
        Ok(cluster)
    }

    /// The same, whatever the cluster's status.
    pub(crate) fn cluster(&self, named: Option<&str>) -> Option<&Arc<ClusterRecord>> {
        self.clusters.get(cluster_name(&self.scope, named)?)
    }

    /// The container instances of a cluster that are not deregistered, in the order of their ids.
    pub(crate) fn instances_of<'a>(&'a self, cluster: &str) -> impl Iterator<Item = &'a Arc<ContainerInstanceRecord>> + use<'a> {
        self.instances
            .range(&instances_of(cluster), None)
            .map(|(_, instance)| instance)
            .filter(|instance| instance.state != InstanceState::Inactive)
    }

    /// The container instance of a cluster with this id, whatever its state.
    pub(crate) fn instance(&self, cluster: &str, id: &str) -> Option<&Arc<ContainerInstanceRecord>> {
        self.instances.get(&format!("{}{id}", instances_of(cluster)))
    }

    /// A cluster as backends know it.
    pub(crate) fn cluster_ref(&self, name: &str) -> ClusterRef {
        ClusterRef { scope: self.scope.clone(), name: name.into() }
    }
}

/// AWS's text for a cluster's name that cannot be one (as users quote it: awslabs/amazon-ecs-nodejs-microservices#18).
pub const CLUSTER_NAME_FORM: &str = r"Cluster must match ^[a-zA-Z0-9\-_]{1,255}$";

/// Whether a text has the form of [`CLUSTER_NAME_FORM`].
pub fn well_formed_cluster_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
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
