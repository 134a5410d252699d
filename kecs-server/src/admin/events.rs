//! `GET /_kecs/events`: ECS's events, one JSON object a line, as EventBridge delivers them.

use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kecs_core::{Body, EcsEvent, Engine, EventKind, EventNotice};

use super::{method_not_allowed, refuse};
use crate::{AdminRoutes, percent};

/// The events of an engine.
#[derive(Debug)]
pub(crate) struct Events(Arc<Engine>);

impl Events {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        Self(Arc::clone(engine))
    }
}

#[async_trait]
impl AdminRoutes for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    async fn answer(&self, path: &str, request: Request<Bytes>) -> Response<Body> {
        match (path, request.method()) {
            ("", &Method::GET) => match Wish::read(request.uri().query().unwrap_or_default()) {
                Ok(wish) => lines(&self.0, wish),
                Err(message) => refuse(StatusCode::BAD_REQUEST, &message),
            },
            ("", _) => method_not_allowed("GET"),
            _ => refuse(StatusCode::NOT_FOUND, "there is no such page under /_kecs"),
        }
    }
}

/// What a listener asks for: `follow=true`, `cluster=NAME`, and `type=…` any number of times.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    /// Whether to go on with what happens from now on, after what is kept.
    follow: bool,
    /// The name of a cluster, or its ARN. Default: all.
    cluster: Option<String>,
    /// Default: all.
    kinds: Vec<EventKind>,
}

impl Wish {
    fn read(query: &str) -> Result<Self, String> {
        let mut wish = Self::default();
        for (name, value) in percent::query_pairs(query) {
            let value = percent::decode(value);
            match name {
                "follow" => wish.follow = value == "true",
                "cluster" => wish.cluster = Some(value.into_owned()),
                "type" => wish.kinds.push(kind(&value).ok_or_else(|| {
                    format!("there are no events of the type {value:?}: it must be task, service, deployment or instance")
                })?),
                _ => return Err(format!("unknown parameter {name:?}: there are follow, cluster and type")),
            }
        }
        Ok(wish)
    }

    fn wants(&self, event: &EcsEvent) -> bool {
        let arn = event.cluster_arn();
        let of_cluster = |cluster: &String| arn == cluster || arn.rsplit_once('/').is_some_and(|(_, name)| name == cluster);
        self.cluster.as_ref().is_none_or(of_cluster) && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }
}

/// A `detail-type`, or the word for it.
fn kind(text: &str) -> Option<EventKind> {
    Some(match text {
        "task" => EventKind::TaskStateChange,
        "service" => EventKind::ServiceAction,
        "deployment" => EventKind::DeploymentStateChange,
        "instance" => EventKind::ContainerInstanceStateChange,
        _ => return EventKind::ALL.into_iter().find(|kind| kind.as_str() == text),
    })
}

/// Answers with what is kept, and with what follows until the listener leaves, if that is wanted.
fn lines(engine: &Engine, wish: Wish) -> Response<Body> {
    let (kept, following) = engine.recent_events();
    let following = if wish.follow { following } else { stream::empty().boxed() };
    let lines = stream::iter(kept)
        .map(|event| EventNotice::Event(Box::new(event)))
        .chain(following)
        .filter_map(move |notice| std::future::ready(line(&wish, &notice)))
        .map(|line| Ok::<_, Infallible>(Frame::data(line)));
    let body = StreamBody::new(lines).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

fn line(wish: &Wish, notice: &EventNotice) -> Option<Bytes> {
    let mut line = match notice {
        EventNotice::Event(event) if wish.wants(event) => serde_json::to_vec(event).expect("an event has a JSON form"),
        EventNotice::Missed(missed) => format!(r#"{{"missed":{missed}}}"#).into_bytes(),
        _ => return None,
    };
    line.push(b'\n');
    Some(line.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_read_from_the_query() {
        let wish = Wish::read("follow=true&cluster=blue%2Done&type=task&type=ECS%20Service%20Action").unwrap();
        let kinds = vec![EventKind::TaskStateChange, EventKind::ServiceAction];
        assert_eq!(wish, Wish { follow: true, cluster: Some("blue-one".to_owned()), kinds });
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        assert!(Wish::read("type=pod").unwrap_err().ends_with("it must be task, service, deployment or instance"));
        assert!(Wish::read("since=now").unwrap_err().ends_with("there are follow, cluster and type"));
    }
}
