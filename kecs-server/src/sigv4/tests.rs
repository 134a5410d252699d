//! Vectors: AWS's Signature Version 4 test suite as awslabs/aws-c-auth carries it (tests/aws-signing-test-suite/v4, folder names below),
//! and the examples of the Amazon S3 API Reference ("Authenticating Requests: Using Query Parameters").

use super::*;
use http::Request;
use proptest::prelude::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
/// 2015-08-30T12:36:00Z, the suite's time.
const SUITE_NOW: i64 = 1_440_938_160;

fn keys(id: &str, secret: &str) -> AccessKeys {
    let key = AccessKey { id: id.to_owned(), secret: SecretValue::new(secret.to_owned()), account: "123456789012".to_owned() };
    [key].into_iter().collect()
}

fn suite_head(method: &str, uri: &str, headers: &[(&str, &str)], signed_headers: &str, signature: &str) -> Parts {
    let mut builder = Request::builder().method(method).uri(uri).header("host", "example.amazonaws.com");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed_headers}, \
         Signature={signature}"
    );
    builder = builder.header("x-amz-date", "20150830T123600Z").header("authorization", authorization);
    builder.body(()).unwrap().into_parts().0
}

fn suite(head: &Parts, body: &[u8], now: i64) -> Result<(), SigV4Error> {
    verify(&keys("AKIDEXAMPLE", SECRET), head, Payload::Whole(body), "service", now).map(|_| ())
}

fn vanilla() -> Parts {
    suite_head("GET", "/", &[], "host;x-amz-date", VANILLA)
}

#[test]
fn the_suite_s_header_signatures_are_accepted() {
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let unreserved = format!("/?{unreserved}={unreserved}");
    let ordered = "/?Param2=value2&Param1=value1";
    for (name, method, uri, signature) in [
        ("get-vanilla", "GET", "/", VANILLA),
        ("get-slash-dot-slash-normalized", "GET", "/./", VANILLA),
        ("get-vanilla-query-order-key-case", "GET", ordered, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("get-vanilla-query-unreserved", "GET", &unreserved, "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
        ("post-vanilla", "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ] {
        let head = suite_head(method, uri, &[], "host;x-amz-date", signature);
        assert_eq!(suite(&head, b"", SUITE_NOW), Ok(()), "{name}");
    }
}

#[test]
fn repeated_headers_are_joined() {
    let head = suite_head(
        "GET",
        "/",
        &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        "host;my-header1;x-amz-date",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    assert_eq!(suite(&head, b"", SUITE_NOW), Ok(()), "get-header-key-duplicate");
}

#[test]
fn spaces_in_headers_are_collapsed() {
    let head = suite_head(
        "GET",
        "/",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    assert_eq!(suite(&head, b"", SUITE_NOW), Ok(()), "get-header-value-trim");
}

fn form_post() -> Parts {
    suite_head(
        "POST",
        "/",
        &[
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", "13"),
            ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"),
        ],
        "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
    )
}

#[test]
fn a_signed_body_is_accepted() {
    assert_eq!(suite(&form_post(), b"Param1=value1", SUITE_NOW), Ok(()), "post-x-www-form-urlencoded");
}

#[test]
fn a_changed_body_is_refused() {
    assert_eq!(suite(&form_post(), b"Param1=value2", SUITE_NOW), Err(SigV4Error::Mismatch));
    assert_eq!(suite(&vanilla(), b"body", SUITE_NOW), Err(SigV4Error::Mismatch));
}

#[test]
fn an_unsigned_payload_is_refused_where_the_body_is_at_hand() {
    let head =
        suite_head("POST", "/", &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], "host;x-amz-content-sha256;x-amz-date", "00");
    assert_eq!(suite(&head, b"", SUITE_NOW), Err(SigV4Error::Mismatch));
}

fn presigned(uri: &str, host: &str) -> Parts {
    Request::get(uri).header("host", host).body(()).unwrap().into_parts().0
}

const SUITE_PRESIGNED: &str = "/?Param2=value2&Param1=value1&X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z\
    &X-Amz-SignedHeaders=host&X-Amz-Expires=3600&X-Amz-Signature=86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5";

#[test]
fn the_suite_s_presigned_query_is_accepted_until_it_expires() {
    let head = presigned(SUITE_PRESIGNED, "example.amazonaws.com");
    assert_eq!(suite(&head, b"", SUITE_NOW), Ok(()), "get-vanilla-query-order-key-case");
    assert_eq!(suite(&head, b"", SUITE_NOW + 3600), Ok(()));
    assert_eq!(
        suite(&head, b"", SUITE_NOW + 3601).unwrap_err().to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T133601Z - 60 min.)"
    );
}

#[test]
fn s3_s_documented_presigned_get_is_accepted_as_a_stream() {
    let head = presigned(
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
        "examplebucket.s3.amazonaws.com",
    );
    let keys = keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    // 2013-05-24T00:00:00Z.
    assert!(verify(&keys, &head, Payload::Streamed, "s3", 1_369_353_600).is_ok());
}

#[test]
fn the_clocks_may_be_fifteen_minutes_apart_and_no_more() {
    assert_eq!(suite(&vanilla(), b"", SUITE_NOW + 900), Ok(()));
    assert_eq!(suite(&vanilla(), b"", SUITE_NOW - 900), Ok(()));
    // The form of AWS's texts, as users quote them: "Signature expired: 20200706T195306Z is now earlier than 20200707T071347Z
    // (20200707T072847Z - 15 min.)".
    assert_eq!(
        suite(&vanilla(), b"", SUITE_NOW + 901).unwrap_err().to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"
    );
    assert_eq!(
        suite(&vanilla(), b"", SUITE_NOW - 901).unwrap_err().to_string(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"
    );
}

#[test]
fn an_unsigned_request_misses_its_token() {
    let head = Request::post("/").header("host", "localhost").body(()).unwrap().into_parts().0;
    let error = suite(&head, b"", SUITE_NOW).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("MissingAuthenticationTokenException", "Missing Authentication Token"));
}

#[test]
fn an_unknown_key_is_an_unrecognized_client() {
    let error = verify(&keys("AKIDOTHER", SECRET), &vanilla(), Payload::Whole(b""), "service", SUITE_NOW).unwrap_err();
    assert_eq!(error.code(), "UnrecognizedClientException");
    assert_eq!(error.to_string(), "The security token included in the request is invalid.");
}

#[test]
fn a_wrong_secret_is_a_mismatch() {
    let error = verify(&keys("AKIDEXAMPLE", "wrong"), &vanilla(), Payload::Whole(b""), "service", SUITE_NOW).unwrap_err();
    assert_eq!(error.code(), "InvalidSignatureException");
}

#[test]
fn a_credential_of_another_service_is_refused() {
    let error = verify(&keys("AKIDEXAMPLE", SECRET), &vanilla(), Payload::Whole(b""), "ecs", SUITE_NOW).unwrap_err();
    assert_eq!(error.to_string(), "Credential should be scoped to correct service: 'ecs'.");
}

#[test]
fn an_operation_that_is_not_signed_is_refused() {
    let target = [("x-amz-target", "AmazonEC2ContainerServiceV20141113.DeleteCluster")];
    let head = suite_head("GET", "/", &target, "host;x-amz-date", VANILLA);
    assert_eq!(suite(&head, b"", SUITE_NOW), Err(SigV4Error::Mismatch));
}

#[test]
fn a_signature_without_the_host_is_incomplete() {
    let head = suite_head("GET", "/", &[], "x-amz-date", "00");
    assert_eq!(suite(&head, b"", SUITE_NOW).unwrap_err().code(), "IncompleteSignatureException");
}

#[test]
fn missing_parts_are_named() {
    let head = Request::get("/").header("host", "a").header("authorization", "AWS4-HMAC-SHA256 Credential=a").body(()).unwrap();
    assert_eq!(
        suite(&head.into_parts().0, b"", SUITE_NOW).unwrap_err().to_string(),
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
         Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    );
}

#[test]
fn no_key_shows_its_secret() {
    assert!(!format!("{:?}", Auth::Required(keys("AKIDEXAMPLE", SECRET))).contains(SECRET));
}

proptest! {
    #[test]
    fn arbitrary_credentials_never_panic_and_never_pass(
        authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,120}", date in "[ -~]{0,20}", query in "[a-zA-Z0-9%&=-]{0,60}",
    ) {
        let request = Request::get(format!("/?{query}")).header("host", "a").header("authorization", authorization)
            .header("x-amz-date", date).body(());
        if let Ok(request) = request {
            prop_assert!(suite(&request.into_parts().0, b"", SUITE_NOW).is_err());
        }
    }

    #[test]
    fn any_other_signature_is_refused(signature in "[0-9a-f]{0,64}") {
        prop_assume!(signature != VANILLA);
        let head = suite_head("GET", "/", &[], "host;x-amz-date", &signature);
        prop_assert!(suite(&head, b"", SUITE_NOW).is_err());
    }
}
