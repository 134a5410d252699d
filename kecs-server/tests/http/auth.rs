//! Required signatures. The signed requests were made by botocore 1.43 for 2026-01-02T03:04:05Z.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use kecs_core::{Clock, SecretValue};
use kecs_model::Timestamp;
use kecs_server::{AccessKey, Auth, EndpointConfig};

use crate::backend::Echo;
use crate::support::{body, config, ecs, get, send, serve};

const SIGNATURE: &str = "c8a3d59ce87098d9b7a1f086edd8cd141a4cd7c82ce77a1ea2ef132a175ab59b";

/// A clock that stands still.
#[derive(Debug)]
struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0 * 1000)
    }
}

fn required() -> EndpointConfig {
    let secret = SecretValue::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
    let key = AccessKey { id: "AKIDEXAMPLE".to_owned(), secret, account: "210987654321".to_owned() };
    let mut config = config();
    config.auth = Auth::Required([key].into_iter().collect());
    config.clock = Arc::new(At(1_767_323_045));
    config
}

fn signed(access_key_id: &str, signature: &str, text: &'static str) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("host", "ecs.eu-west-1.amazonaws.com")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")
        .header("x-amz-date", "20260102T030405Z")
        .header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={access_key_id}/20260102/eu-west-1/ecs/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={signature}"
            ),
        )
        .body(body(text))
        .unwrap()
}

#[tokio::test]
async fn a_signed_call_acts_in_the_account_of_its_key() {
    let server = serve(required()).await;
    let answer = send(&server, signed("AKIDEXAMPLE", SIGNATURE, "{}")).await;
    assert_eq!(answer.json(), serde_json::json!({"clusterArns": ["210987654321/eu-west-1"]}));
}

#[tokio::test]
async fn unsigned_and_wrongly_signed_calls_are_refused_in_aws_s_words() {
    let server = serve(required()).await;
    let unsigned = send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await;
    assert_eq!(unsigned.error(), (400, "MissingAuthenticationTokenException".to_owned()));
    let changed = send(&server, signed("AKIDEXAMPLE", SIGNATURE, r#"{"maxResults":1}"#)).await;
    assert_eq!(changed.error(), (400, "InvalidSignatureException".to_owned()));
    let unknown = send(&server, signed("AKIDOTHER", SIGNATURE, "{}")).await;
    assert_eq!(unknown.error(), (400, "UnrecognizedClientException".to_owned()));
}

#[tokio::test]
async fn a_call_that_was_signed_long_ago_is_refused() {
    let mut config = required();
    config.clock = Arc::new(At(1_767_323_045 + 901));
    let server = serve(config).await;
    let answer = send(&server, signed("AKIDEXAMPLE", SIGNATURE, "{}")).await;
    assert_eq!(answer.error(), (400, "InvalidSignatureException".to_owned()));
    assert!(answer.json()["message"].as_str().unwrap().starts_with("Signature expired: 20260102T030405Z is now earlier than"));
}

#[tokio::test]
async fn an_unknown_operation_is_not_told_to_strangers() {
    let server = serve(required()).await;
    let answer = send(&server, ecs("Nonsense").body(body("{}")).unwrap()).await;
    assert_eq!(answer.error(), (400, "MissingAuthenticationTokenException".to_owned()));
}

#[tokio::test]
async fn a_presigned_url_of_s3_is_verified_and_passed_on() {
    let mut config = required();
    config.aws = Arc::new(Echo);
    let server = serve(config).await;
    let url = |signature: &str| {
        let query = "list-type=2&prefix=a%2Fb&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-west-1%2Fs3\
                     %2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host";
        let uri = format!("/a%20key?{query}&X-Amz-Signature={signature}");
        Request::get(uri).header("host", "bucket.s3.eu-west-1.amazonaws.com").body(body("")).unwrap()
    };
    let right = "9687286215e8b8967f20a64d0f91db105ce7dab00d4336c0ffeb72a921962c7a";
    assert_eq!(send(&server, url(right)).await.status(), 200);
    let wrong = send(&server, url(&right.replace('9', "8"))).await;
    assert_eq!(wrong.status(), 403);
    assert!(wrong.text().contains("<Code>SignatureDoesNotMatch</Code>"), "{}", wrong.text());
}

#[tokio::test]
async fn health_needs_no_signature() {
    let server = serve(required()).await;
    let health = send(&server, get("/_kecs/health")).await;
    assert_eq!((health.status().as_u16(), health.json()["auth"].as_str()), (200, Some("required")));
}
