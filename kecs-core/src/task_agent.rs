//! What stands in for the Amazon ECS container agent towards a task's containers.
//!
//! Each container finds, in its environment, where AWS is and where it can ask about itself: the task metadata endpoints (versions 3 and 4), the
//! credentials of its role, and protection from scale-in. Here is what the answers are made of; how they are served is the endpoint's matter.

mod credentials;
mod environment;
mod key;
mod measurements;

pub(crate) use credentials::prepare_credentials;
pub use credentials::{CredentialsRefused, IssuedKey, TaskCredentials};
pub use measurements::MeasuredContainer;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use kecs_model::ecs::{Tag, Task, TaskDefinition};
use uuid::Uuid;

use crate::engine::{Engine, Shared, TaskDefinitionRecord, TaskRecord};
use crate::{ClusterRef, Report, StateStore, StoreError, TaskId};
use credentials::Issuer;
use key::AgentKey;
use measurements::Measurements;

/// What tasks are told of their endpoints. By default nothing: then their environment is theirs alone.
#[derive(Clone, Debug, Default)]
pub struct TaskAgentConfig {
    /// The URL under which tasks reach this control plane, without a path: `http://127.0.0.1:5373`. SDKs take credentials over plain HTTP from a
    /// loopback address only.
    pub endpoint: Option<String>,
    /// What follows upon it before the name of the task's cluster, where clusters have AWS services of their own; `None` is the same URL for all.
    pub cluster_path: Option<String>,
    /// The credentials of tasks without a role.
    pub default_credentials: DefaultCredentials,
}

impl TaskAgentConfig {
    fn endpoint_of(&self, cluster: &ClusterRef) -> Option<String> {
        let endpoint = self.endpoint.as_ref()?.trim_end_matches('/');
        Some(match &self.cluster_path {
            Some(path) => format!("{endpoint}{path}{}", cluster.name),
            None => endpoint.to_owned(),
        })
    }
}

/// What tasks without a task role get at their credentials endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DefaultCredentials {
    /// Keys of the task's account. The access key id is the account's number, which is how LocalStack and this endpoint tell accounts apart.
    #[default]
    Test,
    /// The credentials of this role.
    Role(String),
    /// None, as on AWS.
    None,
}

/// The agent's part of an engine.
#[derive(Debug)]
pub(crate) struct Agent {
    key: AgentKey,
    config: TaskAgentConfig,
    issuer: Issuer,
    measurements: Measurements,
}

impl Agent {
    /// The agent of a state, if tasks are to be told of one.
    pub(crate) async fn open(config: TaskAgentConfig, store: &dyn StateStore) -> Result<Option<Self>, StoreError> {
        if config.endpoint.is_none() {
            return Ok(None);
        }
        let key = AgentKey::open(store).await?;
        Ok(Some(Self { key, config, issuer: Issuer::default(), measurements: Measurements::default() }))
    }
}

impl Engine {
    /// What answers the questions of tasks; `None` where [`TaskAgentConfig`] names no endpoint.
    pub fn task_agent(&self) -> Option<TaskAgent> {
        let shared = self.shared();
        shared.agent.as_ref()?;
        Some(TaskAgent(Arc::clone(shared)))
    }
}

/// Answers the questions of tasks about themselves. Cheap to clone. Whoever serves it lets the ids in: they lead to one task each, and are told to
/// nobody but that task's containers.
#[derive(Clone)]
pub struct TaskAgent(Arc<Shared>);

impl fmt::Debug for TaskAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskAgent").finish_non_exhaustive()
    }
}

impl TaskAgent {
    /// The task of the container that the id in a metadata URL (`/v3/<id>`, `/v4/<id>`, `/api/<id>`) leads to, and the container's name. `None` for
    /// an id that was given to no container of a task on record.
    pub fn container(&self, endpoint_id: &str) -> Option<(AgentTask, String)> {
        let task = self.task(endpoint_id.get(..32)?.parse().ok()?)?;
        let containers = task.task().containers.iter().flatten();
        let mut names = containers.filter_map(|container| container.name.as_deref());
        let name = names.find(|name| self.endpoint_id(&task, name) == endpoint_id)?.to_owned();
        Some((task, name))
    }

    /// What the task's containers use, as far as the backend measures it, and what they used when this was asked before. Empty where it does not answer.
    pub async fn stats(&self, task: &AgentTask) -> Vec<MeasuredContainer> {
        let task = task.record.task_ref();
        let measured = self.0.tasks.stats(&task).await.unwrap_or_else(|error| {
            tracing::debug!(%task, error = %Report(&error), "what the task uses is not known");
            Vec::new()
        });
        self.agent().measurements.take(task.id, measured)
    }

    /// The id by which a container of the task is known.
    pub fn endpoint_id(&self, task: &AgentTask, container: &str) -> String {
        self.agent().key.endpoint_id(task.record.id, container)
    }

    fn task(&self, id: TaskId) -> Option<AgentTask> {
        self.0.scopes().iter().find_map(|scope| {
            self.0.look(scope, |world| {
                let record = Arc::clone(world.tasks.get(id)?);
                let definition = record.task.task_definition_arn.as_deref();
                let definition = definition.and_then(|arn| world.task_definitions.find(&world.scope, arn)).map(Arc::clone);
                Some(AgentTask { record, definition })
            })
        })
    }

    fn agent(&self) -> &Agent {
        self.0.agent.as_ref().expect("whoever made this has looked")
    }
}

/// A task as its own containers may see it.
#[derive(Clone, Debug)]
pub struct AgentTask {
    record: Arc<TaskRecord>,
    definition: Option<Arc<TaskDefinitionRecord>>,
}

impl AgentTask {
    /// The cluster that it runs in.
    pub fn cluster(&self) -> &ClusterRef {
        &self.record.cluster
    }

    /// As DescribeTasks shows it, without tags.
    pub fn task(&self) -> &Task {
        &self.record.task
    }

    /// The addresses by which it is reached, as far as its backend told them (network modes `awsvpc` and `bridge`).
    pub fn addresses(&self) -> &[IpAddr] {
        &self.record.addresses
    }

    /// Its tags.
    pub fn tags(&self) -> &[Tag] {
        &self.record.tags
    }

    /// The service that it belongs to.
    pub fn service(&self) -> Option<&str> {
        self.record.service()
    }

    /// Its task definition, while that is on record.
    pub fn definition(&self) -> Option<&TaskDefinition> {
        Some(&self.definition.as_ref()?.definition)
    }

    fn role(&self) -> Option<&str> {
        role_of(&self.record, self.definition.as_deref())
    }
}

/// The task role: the override's, else the definition's. Its ARN or its short name.
pub(crate) fn role_of<'a>(record: &'a TaskRecord, definition: Option<&'a TaskDefinitionRecord>) -> Option<&'a str> {
    let change = record.task.overrides.as_ref().and_then(|overrides| overrides.task_role_arn.as_deref());
    let role = change.or_else(|| definition?.definition.task_role_arn.as_deref());
    role.filter(|role| !role.is_empty())
}

/// What leads to a task in the URL of its credentials, in the form that AWS has. The token guards them, not this.
fn credentials_id(task: TaskId) -> String {
    task.to_string().parse::<Uuid>().expect("32 hexadecimal digits are a UUID").to_string()
}
