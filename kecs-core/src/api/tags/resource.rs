//! Which resource an ARN names, and where its tags are kept.

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::Tag;

use crate::arn::Arn;
use crate::engine::{
    CapacityProviderRecord, ClusterRecord, ContainerInstanceRecord, ServiceRecord, TaskDefinitionRecord, TaskRecord, TaskSetRecord,
    Tx, World,
};

/// A resource that has tags. One variant a kind: a kind that is added is added everywhere, or this does not compile.
#[derive(Debug)]
pub(super) enum Tagged {
    CapacityProvider(Arc<CapacityProviderRecord>),
    Cluster(Arc<ClusterRecord>),
    ContainerInstance(Arc<ContainerInstanceRecord>),
    Service(Arc<ServiceRecord>),
    Task(Arc<TaskRecord>),
    TaskDefinition(Arc<TaskDefinitionRecord>),
    TaskSet(Arc<TaskSetRecord>),
}

/// Why there is no such resource. Which code says so depends on the operation: ListTagsForResource has no ResourceNotFoundException.
#[derive(Debug)]
pub(super) enum Missing {
    /// It is known what is wrong.
    Because(ApiError),
    /// A resource of this kind is not there.
    Kind(&'static str),
}

impl Missing {
    /// As TagResource and UntagResource answer it.
    pub(super) fn of_change(self) -> ApiError {
        match self {
            Self::Because(error) => error,
            // "The specified resource wasn't found" is the reference's sentence for this exception.
            Self::Kind(_) => ApiError::resource_not_found("The specified resource wasn't found."),
        }
    }

    /// As ListTagsForResource answers it.
    pub(super) fn of_list(self) -> ApiError {
        match self {
            Self::Because(error) => error,
            // Our wording, after "The specified cluster is inactive."
            Self::Kind(kind) => ApiError::invalid_parameter(format!("The specified {kind} does not exist.")),
        }
    }
}

impl From<ApiError> for Missing {
    fn from(error: ApiError) -> Self {
        Self::Because(error)
    }
}

impl Tagged {
    /// The resource with this ARN, which must be of this account and region.
    pub(super) fn find(world: &World, arn: &str) -> Result<Self, Missing> {
        // Our wording.
        let invalid = || ApiError::invalid_parameter(format!("Invalid resource ARN: {arn}"));
        let (kind, name) = Arn::parse(arn).and_then(|arn| arn.ecs_resource(&world.scope)).ok_or_else(invalid)?;
        match kind {
            "capacity-provider" => {
                let provider = world.capacity_providers.get(name).filter(|provider| provider.active());
                provider.map(|provider| Self::CapacityProvider(Arc::clone(provider))).ok_or(Missing::Kind("capacity provider"))
            }
            "cluster" => {
                let cluster = world.clusters.get(name).ok_or_else(ApiError::cluster_not_found)?;
                if cluster.inactive {
                    let message = "The specified cluster is inactive. Specify an active cluster and try again.";
                    return Err(ApiError::invalid_parameter(message).into());
                }
                Ok(Self::Cluster(Arc::clone(cluster)))
            }
            "container-instance" => {
                in_cluster(name)?;
                let instance = world.instances.get(name).filter(|instance| instance.arn() == arn);
                instance.map(|instance| Self::ContainerInstance(Arc::clone(instance))).ok_or(Missing::Kind("container instance"))
            }
            "service" => {
                let (cluster, name) = in_cluster(name)?;
                let service = world.services.get(cluster, name).ok_or(Missing::Kind("service"))?;
                if !service.active() && !service.draining() {
                    // Our wording, after that for clusters.
                    let message = "The specified service is inactive. Specify an active service and try again.";
                    return Err(ApiError::invalid_parameter(message).into());
                }
                Ok(Self::Service(Arc::clone(service)))
            }
            "task" => {
                let id = in_cluster(name)?.1.parse().map_err(|_| invalid())?;
                world.tasks.get(id).map(|task| Self::Task(Arc::clone(task))).ok_or(Missing::Kind("task"))
            }
            "task-definition" => match world.task_definitions.find(&world.scope, arn) {
                // Tags are a revision's, not a family's.
                Some(definition) if name.contains(':') => Ok(Self::TaskDefinition(Arc::clone(definition))),
                _ => Err(Missing::Kind("task definition")),
            },
            // The ARN ends like the key: cluster, service, id.
            "task-set" => world.task_sets.get(name).map(|set| Self::TaskSet(Arc::clone(set))).ok_or(Missing::Kind("task set")),
            _ => Err(invalid().into()),
        }
    }

    pub(super) fn tags(&self) -> &[Tag] {
        match self {
            Self::CapacityProvider(provider) => &provider.tags,
            Self::Cluster(cluster) => &cluster.tags,
            Self::ContainerInstance(instance) => &instance.tags,
            Self::Service(service) => &service.tags,
            Self::Task(task) => &task.tags,
            Self::TaskDefinition(definition) => &definition.tags,
            Self::TaskSet(set) => &set.tags,
        }
    }

    /// Replaces the resource's tags.
    pub(super) fn put(&self, world: &mut World, tx: &mut Tx, tags: Vec<Tag>) {
        match self {
            Self::CapacityProvider(provider) => {
                world.capacity_providers.put(tx, CapacityProviderRecord { tags, ..CapacityProviderRecord::clone(provider) });
            }
            Self::Cluster(cluster) => {
                world.clusters.put(tx, ClusterRecord { tags, ..ClusterRecord::clone(cluster) });
            }
            Self::ContainerInstance(instance) => {
                world.instances.put(tx, ContainerInstanceRecord { tags, ..ContainerInstanceRecord::clone(instance) });
            }
            Self::Service(service) => {
                world.services.put(tx, ServiceRecord { tags, ..ServiceRecord::clone(service) });
            }
            Self::TaskSet(set) => {
                world.task_sets.put(tx, TaskSetRecord { tags, ..TaskSetRecord::clone(set) });
            }
            Self::Task(task) => {
                world.tasks.put(tx, TaskRecord { tags, ..TaskRecord::clone(task) });
            }
            Self::TaskDefinition(definition) => {
                world.task_definitions.put(tx, TaskDefinitionRecord { tags, ..TaskDefinitionRecord::clone(definition) });
            }
        }
    }
}

/// Takes `<cluster>/<name>` apart; the short format, without the cluster, cannot be tagged.
fn in_cluster(name: &str) -> Result<(&str, &str), ApiError> {
    name.split_once('/').ok_or_else(|| ApiError::invalid_parameter("Long arn format must be used for tagging operations"))
}
