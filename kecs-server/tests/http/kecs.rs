//! Whole control planes, as an embedder composes them.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use kecs_core::{
    BackendError, ClusterRef, ErrorKind, LogQuery, LogStream, TaskCapabilities, TaskEvent, TaskManager, TaskObservation, TaskRef,
    TaskSpec,
};
use kecs_model::RequestContext;
use kecs_model::ecs::{CreateClusterRequest, ListClustersRequest};
use kecs_server::{Kecs, KecsBuilder, StartError};

use crate::support::{Answer, body, ecs};

/// Runs nothing.
#[derive(Debug)]
struct Idle;

#[async_trait]
impl TaskManager for Idle {
    fn capabilities(&self) -> TaskCapabilities {
        TaskCapabilities::new("idle")
    }

    async fn ensure_task(&self, _: &TaskSpec) -> Result<(), BackendError> {
        Ok(())
    }

    async fn stop_task(&self, _: &TaskRef) -> Result<(), BackendError> {
        Ok(())
    }

    async fn forget_task(&self, _: &TaskRef) -> Result<(), BackendError> {
        Ok(())
    }

    async fn observe_task(&self, _: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        Ok(None)
    }

    async fn list_tasks(&self, _: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        Ok(Vec::new())
    }

    fn watch_tasks(&self, _: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        futures::stream::pending().boxed()
    }

    async fn logs(&self, _: &TaskRef, _: &str, _: LogQuery) -> Result<LogStream, BackendError> {
        Err(BackendError::new(ErrorKind::Unsupported, "nothing runs"))
    }
}

fn builder() -> KecsBuilder {
    Kecs::builder().tasks(Idle).listen("127.0.0.1:0".parse().unwrap())
}

async fn call(running: &kecs_server::Running, operation: &str, text: &'static str) -> Answer {
    let stream = tokio::net::TcpStream::connect(running.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Answer::of(sender.send_request(ecs(operation).body(body(text)).unwrap()).await.unwrap()).await
}

#[tokio::test]
async fn two_control_planes_in_one_process_share_nothing() {
    let one = builder().build().unwrap().start().await.unwrap();
    let two = builder().region("eu-west-1").account("123456789012").build().unwrap().start().await.unwrap();
    assert_eq!(call(&one, "CreateCluster", r#"{"clusterName":"blue"}"#).await.status(), 200);
    let listed = call(&one, "ListClusters", "{}").await.json();
    assert_eq!(listed["clusterArns"][0], "arn:aws:ecs:us-east-1:000000000000:cluster/blue");
    assert_eq!(call(&two, "ListClusters", "{}").await.json()["clusterArns"].as_array().unwrap().len(), 0);
    one.shutdown().await;
    let created = call(&two, "CreateCluster", "{}").await.json();
    assert_eq!(created["cluster"]["clusterArn"], "arn:aws:ecs:eu-west-1:123456789012:cluster/default");
    two.shutdown().await;
}

#[tokio::test]
async fn the_endpoint_is_the_url_for_clients() {
    let running = builder().build().unwrap().start().await.unwrap();
    assert_eq!(running.endpoint(), format!("http://127.0.0.1:{}", running.local_addr().port()));
    let everywhere = builder().listen("0.0.0.0:0".parse().unwrap()).insecure(true).build().unwrap().start().await.unwrap();
    assert_eq!(everywhere.endpoint(), format!("http://127.0.0.1:{}", everywhere.local_addr().port()));
}

#[tokio::test]
async fn http_and_the_engine_see_the_same_state() {
    use kecs_model::ecs::EcsApi;
    let running = builder().build().unwrap().start().await.unwrap();
    let input = CreateClusterRequest { cluster_name: Some("green".to_owned()), ..CreateClusterRequest::default() };
    running.engine().create_cluster(&RequestContext::local(), input).await.unwrap();
    let listed = call(&running, "ListClusters", "{}").await.json();
    assert_eq!(listed["clusterArns"][0], "arn:aws:ecs:us-east-1:000000000000:cluster/green");
}

#[tokio::test]
async fn ecs_is_there_without_http() {
    let api = builder().build().unwrap().api().await.unwrap();
    let clusters = api.list_clusters(&RequestContext::local(), ListClustersRequest::default()).await.unwrap();
    assert_eq!(clusters.cluster_arns.unwrap_or_default(), Vec::<String>::new());
}

#[tokio::test]
async fn the_service_answers_without_a_listener() {
    let (endpoint, engine) = builder().build().unwrap().service().await.unwrap();
    let response = endpoint.respond(ecs("ListClusters").body(body("{}")).unwrap()).await;
    assert_eq!(response.status(), 200);
    engine.shutdown().await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = builder().build().unwrap().start().await.unwrap();
    let second = builder().listen(first.local_addr()).build().unwrap().start().await.unwrap_err();
    assert_eq!(second.to_string(), format!("cannot listen on {}", first.local_addr()));
    assert!(matches!(second, StartError::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse));
}

#[test]
fn what_does_not_go_together_is_refused_when_building() {
    assert!(matches!(Kecs::builder().build(), Err(StartError::NoTaskManager)));
    assert!(matches!(builder().listen("0.0.0.0:5373".parse().unwrap()).build(), Err(StartError::NotLoopback(_))));
    assert!(matches!(builder().account("12345").build(), Err(StartError::Account(_))));
    assert!(matches!(builder().region("Frankfurt").build(), Err(StartError::Region(_))));
}
