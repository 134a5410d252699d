//! A server on a free port, an ECS that does little, and a client.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kecs_model::ecs::{
    CreateClusterRequest, CreateClusterResponse, DeleteClusterRequest, DeleteClusterResponse, DescribeClustersRequest,
    DescribeClustersResponse, DiscoverPollEndpointRequest, DiscoverPollEndpointResponse, EcsApi, ListClustersRequest,
    ListClustersResponse,
};
use kecs_model::{ApiError, RequestContext};
use kecs_server::{EndpointConfig, HttpServer};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// ListClusters answers account and region, DescribeClusters panics, DeleteCluster refuses, CreateCluster waits for `release`,
/// DiscoverPollEndpoint answers the context's endpoint.
#[derive(Debug)]
pub(crate) struct FakeEcs {
    pub(crate) entered: Semaphore,
    pub(crate) release: Semaphore,
}

impl FakeEcs {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { entered: Semaphore::new(0), release: Semaphore::new(0) })
    }
}

#[async_trait]
impl EcsApi for FakeEcs {
    async fn list_clusters(&self, ctx: &RequestContext, _: ListClustersRequest) -> Result<ListClustersResponse, ApiError> {
        let arn = format!("{}/{}", ctx.account, ctx.region);
        Ok(ListClustersResponse { cluster_arns: Some(vec![arn]), ..ListClustersResponse::default() })
    }

    async fn describe_clusters(
        &self,
        _: &RequestContext,
        _: DescribeClustersRequest,
    ) -> Result<DescribeClustersResponse, ApiError> {
        panic!("a bug")
    }

    async fn delete_cluster(&self, _: &RequestContext, _: DeleteClusterRequest) -> Result<DeleteClusterResponse, ApiError> {
        Err(ApiError::cluster_not_found())
    }

    async fn discover_poll_endpoint(
        &self,
        ctx: &RequestContext,
        _: DiscoverPollEndpointRequest,
    ) -> Result<DiscoverPollEndpointResponse, ApiError> {
        let endpoint = ctx.endpoint.as_deref().map(str::to_owned);
        Ok(DiscoverPollEndpointResponse { endpoint, ..DiscoverPollEndpointResponse::default() })
    }

    async fn create_cluster(&self, _: &RequestContext, _: CreateClusterRequest) -> Result<CreateClusterResponse, ApiError> {
        self.entered.add_permits(1);
        self.release.acquire().await.unwrap().forget();
        Ok(CreateClusterResponse::default())
    }
}

pub(crate) fn config() -> EndpointConfig {
    EndpointConfig::new(FakeEcs::new())
}

pub(crate) async fn serve(config: EndpointConfig) -> HttpServer {
    HttpServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().serve(config)
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn of(response: Response<hyper::body::Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body: body.collect().await.unwrap().to_bytes() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Status and `__type`, as an SDK sees an error.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status().as_u16(), self.json()["__type"].as_str().unwrap().to_owned())
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn send<B>(server: &HttpServer, request: Request<B>) -> Answer
where
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Answer::of(sender.send_request(request).await.unwrap()).await
}

/// The same with HTTP/2, without TLS and without an upgrade.
pub(crate) async fn send_h2(server: &HttpServer, request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Answer::of(sender.send_request(request).await.unwrap()).await
}

/// A call of ECS as an SDK makes it, unsigned.
pub(crate) fn ecs(operation: &str) -> http::request::Builder {
    Request::post("/")
        .header("host", "127.0.0.1:5373")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
}

pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("host", "localhost").body(Full::default()).unwrap()
}

pub(crate) fn body(text: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(text.into())
}
