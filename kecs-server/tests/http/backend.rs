//! Services other than ECS.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioExecutor;
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ErrorKind, ServiceId};
use kecs_server::HttpServer;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::{body, config, ecs, send, send_h2, serve};

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

/// Fails as it is told.
#[derive(Debug)]
struct Failing(ErrorKind, &'static str, Option<Duration>);

#[async_trait]
impl AwsServiceBackend for Failing {
    fn serves(&self, _: &ServiceId) -> bool {
        true
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::NotReady(self.1.to_owned()))
    }

    async fn call(&self, _: &ServiceId, _: Request<Body>) -> Result<Response<Body>, BackendError> {
        let error = BackendError::new(self.0, self.1).with_source("connection refused by 10.0.0.1");
        Err(match self.2 {
            Some(after) => error.with_retry_after(after),
            None => error,
        })
    }
}

async fn failing(kind: ErrorKind, text: &'static str) -> HttpServer {
    let mut config = config();
    config.aws = Arc::new(Failing(kind, text, Some(Duration::from_millis(1500))));
    serve(config).await
}

#[tokio::test]
async fn a_backend_that_is_not_ready_says_why_and_not_where() {
    let server = failing(ErrorKind::Unavailable, "LocalStack is not ready: it is being installed").await;
    let answer = send(&server, call("/", "sqs").body(body("")).unwrap()).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("retry-after"), "1");
    let text = "The AWS service 'sqs' is not available: LocalStack is not ready: it is being installed.";
    assert!(answer.text().contains(text) && !answer.text().contains("10.0.0.1"), "{}", answer.text());
}

#[tokio::test]
async fn each_failure_of_a_backend_has_a_status_of_its_own() {
    for (kind, status) in [
        (ErrorKind::Unavailable, 503),
        (ErrorKind::Timeout, 504),
        (ErrorKind::Internal, 502),
        (ErrorKind::NotFound, 502),
        (ErrorKind::Invalid, 400),
        (ErrorKind::Unsupported, 400),
    ] {
        let server = failing(kind, "a reason").await;
        let answer =
            send(&server, call("/", "ssm").header("x-amz-target", "AmazonSSM.GetParameter").body(body("{}")).unwrap()).await;
        assert_eq!(answer.status(), status, "{kind:?}");
        assert!(answer.json()["message"].as_str().unwrap().contains("a reason"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_failure_is_told_in_the_callers_protocol_with_a_request_id() {
    let server = failing(ErrorKind::Unavailable, "a reason").await;
    let form = "application/x-www-form-urlencoded";
    let cbor = "application/cbor";
    for (service, name, value, content_type, found) in [
        ("sts", "content-type", form, "text/xml", "<ErrorResponse><Error><Type>Receiver</Type><Code>ServiceUnavailable</Code>"),
        ("ec2", "content-type", form, "text/xml", "<Response><Errors><Error><Code>ServiceUnavailable</Code>"),
        ("s3", "content-type", "binary/octet-stream", "application/xml", "<Error><Code>ServiceUnavailable</Code>"),
        ("route53", "content-type", "text/xml", "application/xml", "<Code>ServiceUnavailable</Code>"),
        ("lambda", "content-type", "application/json", "application/json", "{\"message\":"),
        ("sqs", "content-type", "application/x-amz-json-1.0", "application/x-amz-json-1.1", "\"__type\":\"ServiceUnavailable\""),
        ("monitoring", "smithy-protocol", "rpc-v2-cbor", cbor, "ServiceUnavailable"),
    ] {
        let answer = send(&server, call("/", service).header(name, value).body(body("")).unwrap()).await;
        assert_eq!((answer.status().as_u16(), answer.header("content-type")), (503, content_type), "{service}");
        assert!(String::from_utf8_lossy(&answer.body).contains(found), "{service}: {:?}", answer.body);
        assert_eq!(answer.header("x-amzn-requestid").len(), 36, "{service}");
        match service {
            "s3" => assert_eq!(answer.header("x-amz-request-id"), answer.header("x-amzn-requestid")),
            "lambda" => assert_eq!(answer.header("x-amzn-errortype"), "ServiceUnavailable"),
            // smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html: responses have it, and clients check.
            "monitoring" => assert_eq!(answer.header("smithy-protocol"), "rpc-v2-cbor"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_kecs_will_serve_itself_is_not_asked_of_the_backend() {
    let mut config = config();
    config.aws = Arc::new(Echo);
    let server = serve(config).await;
    let form = "application/x-www-form-urlencoded";
    let elb = call("/", "elasticloadbalancing").header("content-type", form).body(body("Action=DescribeLoadBalancers")).unwrap();
    let answer = send(&server, elb).await;
    assert_eq!((answer.status().as_u16(), answer.header("content-type")), (400, "text/xml"));
    assert!(answer.text().contains("<Code>InvalidAction</Code><Message>KECS does not serve the AWS service"), "{}", answer.text());
    for (service, target) in [
        ("servicediscovery", "Route53AutoNaming_v20170314.ListServices"),
        ("application-autoscaling", "AnyScaleFrontendService.DescribeScalableTargets"),
    ] {
        let answer = send(&server, call("/", service).header("x-amz-target", target).body(body("{}")).unwrap()).await;
        assert_eq!(answer.error(), (400, "UnknownOperationException".to_owned()), "{service}");
        assert!(answer.text().contains(service) && answer.text().contains(target.split_once('.').unwrap().1), "{}", answer.text());
    }
}

/// Begins an answer, and breaks off when it is told to.
#[derive(Debug)]
struct Half(Arc<Semaphore>);

#[async_trait]
impl AwsServiceBackend for Half {
    fn serves(&self, _: &ServiceId) -> bool {
        true
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::Ready)
    }

    async fn call(&self, _: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let go_on = Arc::clone(&self.0);
        let half = futures::stream::once(async { Ok(Frame::data(Bytes::from_static(b"half"))) });
        let broken = futures::stream::once(async move {
            go_on.acquire().await.unwrap().forget();
            Err("the endpoint died".into())
        });
        let mut response = Response::new(StreamBody::new(half.chain(broken)).boxed_unsync());
        if request.uri().path() == "/known" {
            response.headers_mut().insert("content-length", 8.into());
        }
        Ok(response)
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    let go_on = Arc::new(Semaphore::new(0));
    let mut config = config();
    config.aws = Arc::new(Half(Arc::clone(&go_on)));
    let server = serve(config).await;
    for path in ["/known", "/unknown"] {
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut answer = sender.send_request(call(path, "s3").body(body("")).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        go_on.add_permits(1);
        assert!(answer.frame().await.unwrap().is_err(), "{path}");

        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut answer = sender.send_request(call(path, "s3").body(body("")).unwrap()).await.unwrap();
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        go_on.add_permits(1);
        assert!(answer.frame().await.unwrap().is_err(), "{path} by HTTP/2");
    }
}

#[tokio::test]
async fn calls_in_hand_are_bounded_apart_from_those_of_ecs() {
    let go_on = Arc::new(Semaphore::new(0));
    let mut config = config();
    config.aws = Arc::new(Half(Arc::clone(&go_on)));
    config.limits.backend_requests = 1;
    let server = serve(config).await;
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // It is in hand as long as its answer is not read.
    let answer = sender.send_request(call("/", "s3").body(body("")).unwrap()).await.unwrap();
    let refused = send(&server, call("/", "s3").body(body("")).unwrap()).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.text().contains("<Code>SlowDown</Code>"), "{}", refused.text());
    let json = call("/", "ssm").header("x-amz-target", "AmazonSSM.GetParameter").body(body("{}")).unwrap();
    assert_eq!(send(&server, json).await.error(), (400, "ThrottlingException".to_owned()));
    assert_eq!(send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await.status(), 200);
    go_on.add_permits(1);
    drop(answer);
    drop(sender);
    // The place is free when the connection has noticed.
    loop {
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        match sender.send_request(call("/", "s3").body(body("")).unwrap()).await {
            Ok(refused) if refused.status() == 503 => {}
            _ => break,
        }
    }
}

#[tokio::test]
async fn http_2_is_passed_on_too() {
    let mut config = config();
    config.aws = Arc::new(Echo);
    let server = serve(config).await;
    let request = Request::put("http://bucket.s3.localhost:5373/a%20key?x=1").body(body("content")).unwrap();
    let answer = send_h2(&server, request).await;
    assert_eq!((answer.header("asked"), answer.text()), ("PUT s3 http://bucket.s3.localhost:5373/a%20key?x=1", "content"));
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
