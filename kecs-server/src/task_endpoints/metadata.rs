//! `GET /v3/<id>…` and `/v4/<id>…`: the task metadata endpoints.
//!
//! Fields that nobody here knows are left out, as the agent leaves out what it does not know: when a container itself was made and started, subnets
//! and volumes.

mod container;
mod stats;
mod task;

use http::{Response, StatusCode};
use kecs_core::{AgentTask, Body, TaskAgent};
use serde_json::{Map, Value};

use super::reply_json;

/// Which version of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `ECS_CONTAINER_METADATA_URI`.
    V3,
    /// `ECS_CONTAINER_METADATA_URI_V4`.
    V4,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The container.
    Container,
    /// The task.
    Task,
    /// The task with its tags.
    TaskWithTags,
    /// What the container uses.
    ContainerStats,
    /// What all of the task's containers use.
    TaskStats,
    /// Something that is not served.
    Nothing,
}

pub(super) async fn answer(agent: &TaskAgent, version: Version, id: &str, subject: Subject) -> Response<Body> {
    let found = agent.container(id);
    let Some((task, container)) = found.as_ref().and_then(|(task, name)| Some((task, named(task, name)?))) else {
        return unknown(version, id, subject);
    };
    let view = View { agent, task, version };
    match subject {
        Subject::Container => reply_json(StatusCode::OK, &container::shown(&view, container)),
        Subject::Task => reply_json(StatusCode::OK, &task::shown(&view, false)),
        Subject::TaskWithTags => reply_json(StatusCode::OK, &task::shown(&view, true)),
        Subject::ContainerStats => {
            let measured = agent.stats(task).await;
            let own = measured.iter().find(|stats| Some(stats.now.container.as_str()) == container.name.as_deref());
            reply_json(StatusCode::OK, &own.map_or_else(stats::none, |own| stats::shown(&view, own)))
        }
        Subject::TaskStats => {
            let measured = agent.stats(task).await;
            let names = task.task().containers.iter().flatten().filter_map(|container| container.name.as_deref());
            let all = names.map(|name| {
                let own = measured.iter().find(|stats| stats.now.container == name);
                (agent.endpoint_id(task, name), own.map_or_else(stats::none, |own| stats::shown(&view, own)))
            });
            reply_json(StatusCode::OK, &all.collect::<Map<String, Value>>())
        }
        Subject::Nothing => reply_json(StatusCode::NOT_FOUND, &"404 page not found"),
    }
}

fn named<'a>(task: &'a AgentTask, name: &str) -> Option<&'a kecs_model::ecs::Container> {
    task.task().containers.iter().flatten().find(|container| container.name.as_deref() == Some(name))
}

/// What answers are made from.
struct View<'a> {
    agent: &'a TaskAgent,
    task: &'a AgentTask,
    version: Version,
}

impl View<'_> {
    /// A field that came with version 4.
    fn v4<T>(&self, value: Option<T>) -> Option<T> {
        value.filter(|_| self.version == Version::V4)
    }

    /// How the cluster is called: by its ARN on Fargate, by its name on Amazon EC2, as the developer guide's examples have it.
    fn cluster(&self) -> String {
        let cluster = self.task.cluster();
        match self.task.task().launch_type {
            Some(kecs_model::ecs::LaunchType::Fargate) => cluster.scope.cluster_arn(&cluster.name),
            _ => cluster.name.to_string(),
        }
    }

    /// The family and the revision of the task definition.
    fn definition(&self) -> (&str, &str) {
        let arn = self.task.task().task_definition_arn.as_deref().unwrap_or_default();
        arn.rsplit('/').next().and_then(|name| name.rsplit_once(':')).unwrap_or_default()
    }
}

/// ECS's state in the agent's words, which know nothing of what is before and after the containers' own life.
fn known_status(status: Option<&str>) -> &'static str {
    match status {
        Some("RUNNING" | "DEACTIVATING" | "STOPPING") => "RUNNING",
        Some("DEPROVISIONING" | "STOPPED") => "STOPPED",
        _ => "NONE",
    }
}

/// The agent's text is a JSON string.
fn unknown(version: Version, id: &str, subject: Subject) -> Response<Body> {
    let version = match version {
        Version::V3 => "V3",
        Version::V4 => "V4",
    };
    let (handler, what) = match subject {
        Subject::Container => ("container metadata", "container ID from request: unable to get docker ID"),
        Subject::Task | Subject::TaskWithTags => ("task metadata", "task arn from request: unable to get task Arn"),
        Subject::ContainerStats => ("container stats", "task arn from request: unable to get task Arn"),
        Subject::TaskStats => ("task stats", "task arn from request: unable to get task Arn"),
        Subject::Nothing => return reply_json(StatusCode::NOT_FOUND, &"404 page not found"),
    };
    reply_json(StatusCode::NOT_FOUND, &format!("{version} {handler} handler: unable to get {what} from v3 endpoint ID: {id}"))
}
