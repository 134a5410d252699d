//! Calls of AWS services, in several of their protocols, that every emulator answers.

use bytes::Bytes;
use http::{Method, Request, Response};

use crate::testing::aws_service::AwsHarness;
use crate::testing::aws_service::kit::{body, soon, whole};
use crate::{AwsHealth, AwsServiceBackend, Body, ServiceId, TaskId};

/// Makes a call that is scoped as SigV4 scopes it: an emulator compares no signature.
async fn call<H: AwsHarness>(
    harness: &H,
    service: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    content: impl Into<Bytes>,
) -> Response<Body> {
    let account = harness.account();
    let credential =
        format!("AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
    let content = content.into();
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", format!("{service}.us-east-1.amazonaws.com"))
        .header("authorization", credential)
        .header("content-length", content.len());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body(content)).expect("it is well-formed");
    soon(harness.backend().call(&ServiceId::new(service), request)).await.expect("it is answered")
}

async fn json<H: AwsHarness>(harness: &H, service: &str, target: &str, input: serde_json::Value) -> (u16, serde_json::Value) {
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let answer = call(harness, service, Method::POST, "/", &headers, input.to_string()).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&whole(answer.into_body()).await).expect("it answers JSON"))
}

/// A name that no other test has.
fn own_name() -> String {
    format!("kit-{}", TaskId::random())
}

async fn put_object<H: AwsHarness>(harness: &H, path: &str, content: Bytes) {
    let (bucket, _) = path.rsplit_once('/').expect("the path has a key");
    let made = call(harness, "s3", Method::PUT, bucket, &[], "").await;
    assert_eq!(made.status(), 200);
    let put = call(harness, "s3", Method::PUT, path, &[("x-amz-meta-color", "blue")], content).await;
    assert_eq!(put.status(), 200, "{:?}", whole(put.into_body()).await);
}

/// S3 (REST-XML): PutObject, GetObject, a range of it, and HeadObject.
pub async fn an_object_comes_back_as_it_was_put<H: AwsHarness>(harness: &H) {
    let path = format!("/{}/key%20with%2Bsigns", own_name());
    let content: Bytes = (0..1024 * 1024_u32).map(|at| (at % 251) as u8).collect();
    put_object(harness, &path, content.clone()).await;
    let got = call(harness, "s3", Method::GET, &path, &[], "").await;
    assert_eq!((got.status().as_u16(), got.headers()["x-amz-meta-color"].as_bytes()), (200, b"blue".as_slice()));
    assert!(whole(got.into_body()).await == content, "the content is another");
    let part = call(harness, "s3", Method::GET, &path, &[("range", "bytes=1000-1009")], "").await;
    assert_eq!((part.status().as_u16(), whole(part.into_body()).await), (206, content.slice(1000..1010)));
    let head = call(harness, "s3", Method::HEAD, &path, &[], "").await;
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].as_bytes()), (200, b"1048576".as_slice()));
    assert_eq!(whole(head.into_body()).await, "");
}

/// S3: an object without content.
pub async fn an_empty_object_is_an_object<H: AwsHarness>(harness: &H) {
    let path = format!("/{}/key", own_name());
    put_object(harness, &path, Bytes::new()).await;
    let got = call(harness, "s3", Method::GET, &path, &[], "").await;
    assert_eq!((got.status().as_u16(), whole(got.into_body()).await), (200, Bytes::new()));
}

/// Systems Manager (AWS JSON 1.1): PutParameter and GetParameter.
pub async fn a_parameter_comes_back_as_it_was_put<H: AwsHarness>(harness: &H) {
    let name = format!("/{}", own_name());
    let input = serde_json::json!({ "Name": name, "Value": "blue", "Type": "String" });
    assert_eq!(json(harness, "ssm", "AmazonSSM.PutParameter", input).await.0, 200);
    let (status, got) = json(harness, "ssm", "AmazonSSM.GetParameter", serde_json::json!({ "Name": name })).await;
    assert_eq!((status, &got["Parameter"]["Value"]), (200, &"blue".into()));
}

/// STS (AWS Query): GetCallerIdentity, on whose answer region and account of everything else rest.
pub async fn the_caller_is_who_the_credential_says<H: AwsHarness>(harness: &H) {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = call(harness, "sts", Method::POST, "/", &headers, "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(answer.status(), 200);
    let identity = String::from_utf8_lossy(&whole(answer.into_body()).await).into_owned();
    assert!(identity.contains(&format!("<Account>{}</Account>", harness.account())), "{identity}");
}

/// Errors come as answers, in the service's protocol.
pub async fn what_is_not_there_is_an_answer_in_the_services_words<H: AwsHarness>(harness: &H) {
    let (status, error) = json(harness, "ssm", "AmazonSSM.GetParameter", serde_json::json!({ "Name": own_name() })).await;
    assert!(status == 400 && error["__type"].as_str().is_some_and(|name| name.ends_with("ParameterNotFound")), "{status} {error}");
    let answer = call(harness, "s3", Method::GET, &format!("/{}/key", own_name()), &[], "").await;
    assert_eq!(answer.status(), 404);
    let error = String::from_utf8_lossy(&whole(answer.into_body()).await).into_owned();
    assert!(error.contains("<Code>NoSuchBucket</Code>"), "{error}");
}

/// What it says of itself.
pub async fn it_is_healthy_and_serves_what_it_answers<H: AwsHarness>(harness: &H) {
    assert_eq!(soon(harness.backend().health()).await.expect("it can be asked"), AwsHealth::Ready);
    for service in ["s3", "ssm", "sts"] {
        assert!(harness.backend().serves(&ServiceId::new(service)), "{service}");
    }
}
