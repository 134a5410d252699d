//! Services other than ECS.

use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ErrorKind, ServiceId};
use tokio::net::TcpStream;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::{body, config, send, serve};

/// Answers for S3 and SQS: the body that came, and what was asked as headers. SQS always fails.
#[derive(Debug)]
pub(crate) struct Echo;

#[async_trait]
impl AwsServiceBackend for Echo {
    fn serves(&self, service: &ServiceId) -> bool {
        matches!(service.as_str(), "s3" | "sqs")
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::Ready)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        if service.as_str() == "sqs" {
            return Err(BackendError::new(ErrorKind::Unavailable, "connection refused by 10.0.0.1"));
        }
        let (head, body) = request.into_parts();
        Ok(Response::builder().header("asked", format!("{} {service} {}", head.method, head.uri)).body(body).unwrap())
    }
}

fn call(uri: &str, service: &str) -> http::request::Builder {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
    Request::put(uri).header("host", "localhost:5373").header("authorization", scope)
}

#[tokio::test]
async fn a_service_without_a_backend_is_refused_in_its_own_protocol() {
    let server = serve(config()).await;
    for (service, content_type, found) in [
        ("s3", "application/xml", "<Code>NotImplemented</Code><Message>No backend is configured for the AWS service 's3'"),
        ("sts", "text/xml", "<Code>InvalidAction</Code>"),
        ("lambda", "application/json", "AWS service 'lambda'"),
    ] {
        let answer = send(&server, call("/key", service).body(body("")).unwrap()).await;
        // 400: SDKs repeat 5xx.
        assert_eq!((answer.status().as_u16(), answer.header("content-type")), (400, content_type), "{service}");
        assert!(answer.text().contains(found), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_json_service_without_a_backend_is_refused_with_a_type() {
    let server = serve(config()).await;
    let request = call("/", "ssm").header("x-amz-target", "AmazonSSM.GetParameter").body(body("{}")).unwrap();
    assert_eq!(send(&server, request).await.error(), (400, "UnknownOperationException".to_owned()));
}

#[tokio::test]
async fn a_call_is_passed_on_as_it_is() {
    let mut config = config();
    config.aws = Arc::new(Echo);
    let server = serve(config).await;
    let answer = send(&server, call("/bucket/a%20key?x=1", "s3").body(body("content")).unwrap()).await;
    assert_eq!((answer.header("asked"), answer.text()), ("PUT s3 /bucket/a%20key?x=1", "content"));
}

#[tokio::test]
async fn the_path_prefix_is_removed_before_a_call_is_passed_on() {
    let mut config = config();
    config.aws = Arc::new(Echo);
    let server = serve(config).await;
    for (uri, asked) in
        [("/api/v1/s3/bucket/key?x=1", "PUT s3 /bucket/key?x=1"), ("/api/v1/s3", "PUT s3 /"), ("/api/v1/s3?x=1", "PUT s3 /?x=1")]
    {
        let answer = send(&server, call(uri, "other").body(body("")).unwrap()).await;
        assert_eq!(answer.header("asked"), asked);
    }
}

#[tokio::test]
async fn a_backend_that_fails_says_so_without_its_own_words() {
    let mut config = config();
    config.aws = Arc::new(Echo);
    let server = serve(config).await;
    let answer = send(&server, call("/", "sqs").body(body("")).unwrap()).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().contains("'sqs'") && !answer.text().contains("10.0.0.1"), "{}", answer.text());
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let mut config = config();
    config.aws = Arc::new(Echo);
    let server = serve(config).await;
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (parts, received) = tokio::sync::mpsc::channel::<Bytes>(1);
    let frames = ReceiverStream::new(received).map(|data| Ok::<_, Infallible>(Frame::data(data)));
    parts.send(Bytes::from_static(b"one")).await.unwrap();
    // The answer begins, and the first part is back, while the request is still open.
    let mut answer = sender.send_request(call("/key", "s3").body(StreamBody::new(frames)).unwrap()).await.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    parts.send(Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "two");
    drop(parts);
    assert!(answer.frame().await.is_none());
}
