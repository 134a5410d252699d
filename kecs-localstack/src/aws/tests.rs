//! What goes out, and how answers of each protocol are read.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kecs_core::{Body, MockAwsServiceBackend};
use serde_json::{Value, json};

use super::*;

type Seen = Arc<Mutex<Vec<(String, Request<Bytes>)>>>;

/// A client of a backend that answers with this, and what the backend saw.
fn client(status: u16, content_type: &'static str, body: &'static str) -> (AwsClient, Seen) {
    let seen: Seen = Arc::default();
    let mut backend = MockAwsServiceBackend::new();
    let sees = Arc::clone(&seen);
    backend.expect_call().returning(move |service, request: Request<Body>| {
        let (head, sent) = request.into_parts();
        let sent = futures::executor::block_on(sent.collect()).unwrap().to_bytes();
        sees.lock().unwrap().push((service.to_string(), Request::from_parts(head, sent)));
        let body = Full::new(Bytes::from_static(body.as_bytes())).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().status(status).header("content-type", content_type).body(body).unwrap())
    });
    (AwsClient::new(Arc::new(backend)), seen)
}

fn caller() -> Caller {
    Scope::new("123456789012", "eu-west-1")
}

#[tokio::test]
async fn a_json_call_is_scoped_to_the_account_and_region() {
    let (client, seen) = client(200, "application/x-amz-json-1.1", r#"{"Parameters":[]}"#);
    let answer: Value = client.json(&caller(), "ssm", "AmazonSSM.GetParameters", &json!({ "Names": ["/a"] })).await.unwrap();
    assert_eq!(answer, json!({ "Parameters": [] }));
    let (service, request) = seen.lock().unwrap().remove(0);
    assert_eq!((service.as_str(), request.headers()["x-amz-target"].to_str().unwrap()), ("ssm", "AmazonSSM.GetParameters"));
    assert!(
        request.headers()["authorization"]
            .to_str()
            .unwrap()
            .contains("Credential=123456789012/20000101/eu-west-1/ssm/aws4_request")
    );
    assert_eq!(request.body(), r#"{"Names":["/a"]}"#);
}

#[tokio::test]
async fn a_query_call_is_a_form_with_its_values_encoded() {
    let (client, seen) = client(200, "text/xml", "<a/>");
    let parameters = [("RoleArn", "arn:aws:iam::1:role/a b&c")];
    assert_eq!(client.query(&caller(), "sts", "2011-06-15", "AssumeRole", &parameters).await.unwrap().as_str(), "<a/>");
    let (_, request) = seen.lock().unwrap().remove(0);
    assert_eq!(request.body(), "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b%26c");
}

#[tokio::test]
async fn errors_of_every_protocol_are_read() {
    // The forms of "AWS JSON 1.1", "AWS Query" and "AWS restXml" of the Smithy specification, and S3's own.
    for (status, body, code, message) in [
        (400, r#"{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"no"}"#, "ParameterNotFound", "no"),
        (400, r#"{"__type":"ParameterNotFound","Message":"no"}"#, "ParameterNotFound", "no"),
        (
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not &quot;you&quot;</Message></Error></ErrorResponse>",
            "AccessDenied",
            "not \"you\"",
        ),
        (404, "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>", "NoSuchKey", "gone"),
        (404, "", "NotFound", "ssm answered with status 404"),
    ] {
        let (client, _) = client(status, "x", body);
        let error = client.json::<Value>(&caller(), "ssm", "A.B", &json!({})).await.unwrap_err();
        let AwsCallError::Service { code: found, message: said, .. } = error else { panic!("{error}") };
        assert_eq!((found.as_str(), said.as_str()), (code, message));
    }
}

#[tokio::test]
async fn what_may_succeed_later_is_told_from_what_cannot() {
    for (status, body, retryable) in
        [(500, "", true), (501, "", false), (400, r#"{"__type":"ThrottlingException"}"#, true), (400, r#"{"__type":"X"}"#, false)]
    {
        let (client, _) = client(status, "x", body);
        let error = client.json::<Value>(&caller(), "ssm", "A.B", &json!({})).await.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_an_error() {
    let (client, _) = client(200, "text/html", "<html>");
    let error = client.json::<Value>(&caller(), "ssm", "A.B", &json!({})).await.unwrap_err();
    assert!(matches!(error, AwsCallError::Unanswered(_)) && !error.is_retryable(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_ends() {
    /// Never answers.
    #[derive(Debug)]
    struct Hung;

    #[async_trait::async_trait]
    impl AwsServiceBackend for Hung {
        fn serves(&self, _: &ServiceId) -> bool {
            true
        }

        fn endpoint(&self, _: &ServiceId) -> Option<String> {
            None
        }

        async fn health(&self) -> Result<kecs_core::AwsHealth, BackendError> {
            Ok(kecs_core::AwsHealth::Ready)
        }

        async fn call(&self, _: &ServiceId, _: Request<Body>) -> Result<Response<Body>, BackendError> {
            std::future::pending().await
        }
    }
    let client = AwsClient::new(Arc::new(Hung)).with_timeout(Duration::from_secs(2));
    let error = client.json::<Value>(&caller(), "ssm", "A.B", &json!({})).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.is_retryable()), ("ssm did not answer within 2 s", true));
}
