//! What a task's containers ask on loopback, as they ask AWS's agent at 169.254.170.2: credentials, metadata and protection from scale-in.
//!
//! Paths, fields and errors are those of the agent (github.com/aws/amazon-ecs-agent, `ecs-agent/tmds`) and of the developer guide's pages on the task
//! metadata endpoint. Nothing is signed here: the ids in the paths are told to the task's own containers only, and credentials take its token too. No
//! path can be a bucket's: `v2`, `v3` and `v4` are too short for one, and `api` is this endpoint's own.

mod credentials;
mod faults;
mod metadata;
mod protection;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Body as HttpBody;
use kecs_core::{Body, TaskAgent};
use serde::Serialize;

use crate::gather::BoxError;
use crate::identify::{IdentifiedBy, Identity};
use crate::reply::{PLAIN_JSON, reply};
use crate::service::Shared;

/// What a container asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskRequest<'a> {
    /// The credentials with an id.
    Credentials(&'a str),
    /// Metadata, by a container's id.
    Metadata(metadata::Version, &'a str, metadata::Subject),
    /// Protection from scale-in, by a container's id.
    Protection(&'a str),
    /// Fault injection, by a container's id.
    Fault(&'a str),
}

impl<'a> TaskRequest<'a> {
    /// What the path asks for, of a request that names no service in any other way.
    pub(crate) fn of(identity: &Identity<'a>) -> Option<Self> {
        (identity.identified_by == IdentifiedBy::Default).then(|| Self::of_path(identity.path))?
    }

    fn of_path(path: &'a str) -> Option<Self> {
        use metadata::{Subject, Version};

        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let (room, rest) = path.split_once('/')?;
        let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let subject = match rest {
            "" => Subject::Container,
            "task" => Subject::Task,
            "taskWithTags" => Subject::TaskWithTags,
            "stats" => Subject::ContainerStats,
            "task/stats" => Subject::TaskStats,
            _ => Subject::Nothing,
        };
        match (room, id, rest) {
            ("v2", "credentials", id) => Some(Self::Credentials(id)),
            ("v3", id, _) => Some(Self::Metadata(Version::V3, id, subject)),
            ("v4", id, _) => Some(Self::Metadata(Version::V4, id, subject)),
            ("api", id, "task-protection/v1/state") => Some(Self::Protection(id)),
            ("api", id, rest) if rest.starts_with("fault/v1/") => Some(Self::Fault(id)),
            _ => None,
        }
    }

    /// Answers it.
    pub(crate) async fn answer<B>(
        self,
        shared: &Shared,
        agent: &TaskAgent,
        head: &Parts,
        request_id: &str,
        body: B,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        match self {
            Self::Protection(id) => protection::answer(shared, agent, id, head, request_id, body).await,
            Self::Fault(id) => faults::answer(agent, id),
            Self::Credentials(_) | Self::Metadata(..) if head.method != Method::GET => {
                reply_json(StatusCode::METHOD_NOT_ALLOWED, &"only GET is served here")
            }
            Self::Credentials(id) => credentials::answer(agent, id, head).await,
            Self::Metadata(version, id, subject) => metadata::answer(agent, version, id, subject).await,
        }
    }
}

fn reply_json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(body).expect("answers are plain data with string keys");
    reply(status, PLAIN_JSON, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::{Subject, Version};

    #[test]
    fn the_agent_s_paths_are_known_and_no_others() {
        for (path, expected) in [
            ("/v2/credentials/c", Some(TaskRequest::Credentials("c"))),
            // Then it says that there is no id.
            ("/v2/credentials", Some(TaskRequest::Credentials(""))),
            ("/v3/i", Some(TaskRequest::Metadata(Version::V3, "i", Subject::Container))),
            ("/v4/i/", Some(TaskRequest::Metadata(Version::V4, "i", Subject::Container))),
            ("/v4/i/task", Some(TaskRequest::Metadata(Version::V4, "i", Subject::Task))),
            ("/v4/i/taskWithTags", Some(TaskRequest::Metadata(Version::V4, "i", Subject::TaskWithTags))),
            ("/v4/i/stats", Some(TaskRequest::Metadata(Version::V4, "i", Subject::ContainerStats))),
            ("/v4/i/task/stats", Some(TaskRequest::Metadata(Version::V4, "i", Subject::TaskStats))),
            ("/v4/i/associations/elastic-inference", Some(TaskRequest::Metadata(Version::V4, "i", Subject::Nothing))),
            ("/api/i/task-protection/v1/state", Some(TaskRequest::Protection("i"))),
            ("/api/i/fault/v1/network-latency/start", Some(TaskRequest::Fault("i"))),
            ("/api/i", None),
            ("/v4", None),
            ("/bucket/v4/i", None),
        ] {
            assert_eq!(TaskRequest::of_path(path), expected, "{path}");
        }
    }
}
