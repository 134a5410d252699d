//! The sidecar: who gets which request.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ErrorKind, ServiceId};
use kecs_server::{HttpServer, SidecarConfig, SidecarServer};
use tokio::net::TcpStream;

use crate::support::{Answer, body};

/// Answers with its name and what it was asked; with an error when the path is `/fail`.
#[derive(Debug)]
struct Named(&'static str);

#[async_trait]
impl AwsServiceBackend for Named {
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
        if request.uri().path() == "/fail" {
            return Err(BackendError::new(ErrorKind::Unavailable, "http://localstack:4566 cannot be reached"));
        }
        let text = format!("{} {service} {}", self.0, request.uri());
        Ok(Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()))
    }
}

async fn serve() -> SidecarServer {
    let config = SidecarConfig::new(Arc::new(Named("kecs")), Arc::new(Named("aws")));
    HttpServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().serve_sidecar(config)
}

async fn send(server: &SidecarServer, request: http::request::Builder) -> Answer {
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Answer::of(sender.send_request(request.body(body("")).unwrap()).await.unwrap()).await
}

fn signed(request: http::request::Builder, service: &str) -> http::request::Builder {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
    request.header("host", "localhost:4566").header("authorization", scope)
}

#[tokio::test]
async fn each_service_goes_to_who_has_it() {
    let server = serve().await;
    for (service, who) in [
        ("ecs", "kecs"),
        ("elasticloadbalancing", "kecs"),
        ("servicediscovery", "kecs"),
        ("application-autoscaling", "kecs"),
        // Where KECS runs the tasks of rules and schedules, it has to see how they are made.
        ("events", "kecs"),
        ("scheduler", "kecs"),
        ("cloudformation", "kecs"),
        ("s3", "aws"),
        ("sqs", "aws"),
        ("ssm", "aws"),
    ] {
        let answer = send(&server, signed(Request::post("/"), service)).await;
        assert_eq!(answer.text(), format!("{who} {service} /"));
    }
}

// The paths that the agent gives to tasks: ECS_CONTAINER_METADATA_URI_V4, ECS_CONTAINER_METADATA_URI, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and
// ECS_AGENT_URI in "Amazon ECS container agent" (docs.aws.amazon.com).
#[tokio::test]
async fn the_agents_paths_go_to_kecs() {
    let server = serve().await;
    for path in ["/v2/credentials/1234", "/v3/1234", "/v4/1234/task", "/v4/1234/task/stats", "/api/1234/task-protection/v1/state"] {
        let answer = send(&server, Request::get(path).header("host", "127.0.0.1:4566").header("authorization", "a-token")).await;
        assert!(answer.text().starts_with("kecs ") && answer.text().ends_with(path), "{}", answer.text());
    }
}

#[tokio::test]
async fn what_looks_like_the_agents_and_is_not_goes_on() {
    let server = serve().await;
    for (request, asked) in [
        (signed(Request::get("/v2/apis"), "apigateway"), "aws apigateway /v2/apis"),
        (signed(Request::get("/v4/something"), "kafka"), "aws kafka /v4/something"),
        (Request::get("/v40/key").header("host", "localhost"), "aws s3 /v40/key"),
        (Request::get("/api/v1/s3/bucket/key?x=1").header("host", "localhost"), "aws s3 /bucket/key?x=1"),
        (Request::get("/_localstack/health").header("host", "localhost"), "aws s3 /_localstack/health"),
    ] {
        assert_eq!(send(&server, request).await.text(), asked);
    }
}

#[tokio::test]
async fn it_says_itself_that_it_is_there() {
    let server = serve().await;
    let answer = send(&server, Request::get("/_kecs/ready").header("host", "127.0.0.1:4566")).await;
    assert_eq!((answer.status().as_u16(), answer.header("content-type")), (200, "application/json"));
    assert!(answer.text().starts_with(r#"{"status":"ready","version":""#), "{}", answer.text());
    let rebound = send(&server, Request::get("/_kecs/ready").header("host", "attacker.example")).await;
    assert_eq!(rebound.status().as_u16(), 403);
    let object = send(&server, Request::get("/_kecs/ready").header("host", "bucket.s3.amazonaws.com")).await;
    assert_eq!(object.text(), "aws s3 /_kecs/ready");
}

#[tokio::test]
async fn a_failure_is_told_in_the_callers_protocol() {
    let server = serve().await;
    let answer = send(&server, signed(Request::get("/fail"), "s3")).await;
    assert_eq!((answer.status().as_u16(), answer.header("content-type")), (503, "application/xml"));
    assert!(answer.text().contains("http://localstack:4566 cannot be reached"), "{}", answer.text());
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
}

#[tokio::test]
async fn a_rebound_name_is_refused() {
    let server = serve().await;
    let answer = send(&server, Request::get("/bucket").header("host", "evil.example")).await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn it_ends_when_it_is_told_to() {
    let server = serve().await;
    let address = server.local_addr();
    server.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}
