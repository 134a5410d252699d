//! ECS's events, as EventBridge delivers them ("Amazon ECS events" of the developer guide).

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use kecs_model::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use uuid::Uuid;

use super::Engine;
use super::records::TaskRecord;
use crate::Scope;

/// What an event tells of: its `detail-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A task changed ("Amazon ECS task state change events").
    TaskStateChange,
    /// A service did something, or something hinders it ("Amazon ECS service action events").
    ServiceAction,
    /// A deployment of a service began or ended ("Amazon ECS service deployment state change events").
    DeploymentStateChange,
    /// A container instance changed, or what is left of it ("Amazon ECS container instance state change events").
    ContainerInstanceStateChange,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::TaskStateChange, Self::ServiceAction, Self::DeploymentStateChange, Self::ContainerInstanceStateChange];

    /// The `detail-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskStateChange => "ECS Task State Change",
            Self::ServiceAction => "ECS Service Action",
            Self::DeploymentStateChange => "ECS Deployment State Change",
            Self::ContainerInstanceStateChange => "ECS Container Instance State Change",
        }
    }
}

/// An event. Serializes to the JSON that targets of EventBridge rules get ("AWS service event metadata" of the EventBridge user guide).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EcsEvent {
    /// Identifies the event: a UUID.
    pub id: String,
    /// What it tells of.
    pub kind: EventKind,
    /// The account and region of what it tells of.
    pub scope: Scope,
    /// When it happened.
    pub time: Timestamp,
    /// The ARN of what it tells of: its task, service or container instance.
    pub resource: String,
    /// The rest, by kind. Times are ISO 8601 texts. Holds the environment that RunTask's overrides give, as AWS's events do.
    pub detail: Map<String, Value>,
}

impl EcsEvent {
    /// `source`.
    pub const SOURCE: &str = "aws.ecs";

    /// `detail.clusterArn`, which every event has.
    pub fn cluster_arn(&self) -> &str {
        self.detail.get("clusterArn").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Serialize for EcsEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Wire<'a> {
            version: &'static str,
            id: &'a str,
            detail_type: &'static str,
            source: &'static str,
            account: &'a str,
            time: String,
            region: &'a str,
            resources: [&'a str; 1],
            detail: &'a Map<String, Value>,
        }
        let Self { id, kind, scope, time, resource, detail } = self;
        // Whole seconds, in every example of the guide.
        let time = Timestamp::from_millis(time.as_millis().div_euclid(1000) * 1000).to_string();
        Wire {
            version: "0",
            id,
            detail_type: kind.as_str(),
            source: Self::SOURCE,
            account: &scope.account,
            time,
            region: &scope.region,
            resources: [resource],
            detail,
        }
        .serialize(serializer)
    }
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventNotice {
    /// An event.
    Event(Box<EcsEvent>),
    /// The listener was too slow, and so many changes passed it by.
    Missed(u64),
}

/// Something that happened, before anybody asked what it looks like.
#[derive(Debug)]
pub(super) struct Happening {
    id: Uuid,
    at: Timestamp,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A task changed. Where its version did not, there is no event: "Every time a task experiences a change that starts a CloudWatch event, the
    /// version counter is incremented" (Task.version).
    Task { record: Arc<TaskRecord>, versioned: bool },
    /// Anything else.
    Other { kind: EventKind, scope: Scope, resource: String, detail: Map<String, Value> },
}

impl Happening {
    pub(super) fn new(at: Timestamp, what: What) -> Self {
        Self { id: Uuid::new_v4(), at, what }
    }

    pub(super) fn is_event(&self) -> bool {
        !matches!(self.what, What::Task { versioned: false, .. })
    }

    fn event(&self) -> EcsEvent {
        let (kind, scope, resource, detail) = match &self.what {
            What::Task { record, .. } => {
                let resource = record.task.task_arn.clone().unwrap_or_default();
                (EventKind::TaskStateChange, record.cluster.scope.clone(), resource, task_detail(record, self.at))
            }
            What::Other { kind, scope, resource, detail } => (*kind, scope.clone(), resource.clone(), detail.clone()),
        };
        EcsEvent { id: self.id.to_string(), kind, scope, time: self.at, resource, detail }
    }
}

/// A task as its events show it: as DescribeTasks does, but without tags and without what says nothing.
fn task_detail(record: &TaskRecord, at: Timestamp) -> Map<String, Value> {
    let mut detail = shape(&record.task, at);
    let unknown = |shape: &mut Map<String, Value>| {
        if shape.get("healthStatus").is_some_and(|health| health == "UNKNOWN") {
            shape.remove("healthStatus");
        }
    };
    unknown(&mut detail);
    for container in detail.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(container) = container.as_object_mut() {
            unknown(container);
            container.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        }
    }
    if let Some(overrides) = detail.get_mut("overrides").and_then(Value::as_object_mut) {
        overrides.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    detail
}

/// A resource as its events show it: its times are texts, and the time of the change is with it; its tags are not.
pub(crate) fn shape(resource: &impl Serialize, at: Timestamp) -> Map<String, Value> {
    let value = serde_json::to_value(resource).expect("wire shapes have string keys");
    let Value::Object(mut shape) = value else { unreachable!("a wire shape is an object") };
    shape.remove("tags");
    texts_for_times(&mut shape);
    shape.insert("updatedAt".to_owned(), at.to_string().into());
    shape
}

/// "The values for the createdAt, connectivityAt, … fields are UNIX timestamps in the response of a DescribeTasks action whereas in the task state
/// change event they are ISO string timestamps". All of them, and no other numbers, have names that end in `At`.
fn texts_for_times(shape: &mut Map<String, Value>) {
    for (name, value) in shape {
        match value {
            Value::Number(_) if name.ends_with("At") => {
                if let Ok(time) = serde_json::from_value::<Timestamp>(value.take()) {
                    *value = time.to_string().into();
                }
            }
            Value::Object(inner) => texts_for_times(inner),
            Value::Array(list) => list.iter_mut().filter_map(Value::as_object_mut).for_each(texts_for_times),
            _ => {}
        }
    }
}

impl Engine {
    /// Follows ECS's events of all accounts and regions from now on, in the order in which they happened; each is durable when it is told. The stream
    /// ends with the engine.
    pub fn events(&self) -> BoxStream<'static, EventNotice> {
        self.recent_events().1
    }

    /// The last few hundred events, oldest first, and a stream of all that follow them.
    pub fn recent_events(&self) -> (Vec<EcsEvent>, BoxStream<'static, EventNotice>) {
        let (recent, following) = self.shared().announcer.follow();
        let following = following.filter_map(|happening| {
            std::future::ready(match happening {
                Ok(happening) => happening.is_event().then(|| EventNotice::Event(Box::new(happening.event()))),
                Err(BroadcastStreamRecvError::Lagged(missed)) => Some(EventNotice::Missed(missed)),
            })
        });
        (recent.iter().map(|happening| happening.event()).collect(), following.boxed())
    }
}
