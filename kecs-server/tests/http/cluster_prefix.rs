//! `/_kecs/clusters/<cluster>`: the endpoint of tasks whose cluster has AWS services of its own.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use kecs_core::{AwsBackends, AwsHealth, AwsServiceBackend, BackendError, Body, ClusterRef, ServiceId};

use crate::support::{body, config, ecs, send, serve};

/// The backend of one cluster, or of everybody: answers with whose it is and what it was asked.
#[derive(Debug)]
struct Of(String);

#[async_trait]
impl AwsServiceBackend for Of {
    fn serves(&self, _: &ServiceId) -> bool {
        true
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::Ready)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let (head, body) = request.into_parts();
        Ok(Response::builder().header("asked", format!("{} {service} {}", self.0, head.uri)).body(body).unwrap())
    }
}

#[derive(Debug)]
struct EachItsOwn;

impl AwsBackends for EachItsOwn {
    fn of(&self, cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend> {
        Arc::new(Of(cluster.to_string()))
    }
}

#[tokio::test]
async fn a_call_below_the_prefix_goes_to_the_clusters_own_backend() {
    let mut config = config();
    config.aws = Arc::new(Of("everybody".to_owned()));
    config.clusters = Some(Arc::new(EachItsOwn));
    let server = serve(config).await;
    let scope = "AWS4-HMAC-SHA256 Credential=123456789012/20260102/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    for (uri, asked) in [
        ("/bucket/key?x=1", "everybody s3 /bucket/key?x=1"),
        ("/_kecs/clusters/My_app-1/bucket/key?x=1", "123456789012/eu-west-1/My_app-1 s3 /bucket/key?x=1"),
        ("/_kecs/clusters/app", "123456789012/eu-west-1/app s3 /"),
        ("/_kecs/clusters/app/api/v1/ssm/", "123456789012/eu-west-1/app ssm /"),
    ] {
        let request = Request::get(uri).header("host", "localhost").header("authorization", scope).body(body("")).unwrap();
        assert_eq!(send(&server, request).await.header("asked"), asked, "{uri}");
    }
}

#[tokio::test]
async fn ecs_is_the_same_below_the_prefix() {
    let server = serve(config()).await;
    let request = ecs("ListClusters").uri("/_kecs/clusters/app/").body(body("{}")).unwrap();
    assert_eq!(send(&server, request).await.json()["clusterArns"][0], "000000000000/us-east-1");
}
