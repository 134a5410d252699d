use super::*;
use http::Request;
use proptest::prelude::*;
use std::sync::LazyLock;

fn defaults() -> &'static IdentityDefaults {
    static DEFAULTS: LazyLock<IdentityDefaults> = LazyLock::new(IdentityDefaults::default);
    &DEFAULTS
}

fn head(request: http::request::Builder) -> Parts {
    request.body(()).unwrap().into_parts().0
}

/// The header that the AWS CLI sends, from the documentation of SigV4 (docs.aws.amazon.com, "Elements of an AWS API request signature").
fn signed(access_key_id: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key_id}/20220830/{region}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=calculated-signature"
    )
}

#[test]
fn a_signed_ecs_call_is_identified_by_its_credential_scope() {
    let head = head(
        Request::post("/")
            .header("host", "127.0.0.1:5373")
            .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeTasks")
            .header("authorization", signed("123456789012", "eu-west-1", "ecs")),
    );
    let identity = identify(&head, defaults());
    assert_eq!(identity.service, "ecs");
    assert_eq!(identity.identified_by, IdentifiedBy::Credential);
    assert_eq!(identity.operation.as_deref(), Some("DescribeTasks"));
    assert_eq!(identity.region, "eu-west-1");
    assert_eq!(identity.account, "123456789012");
    assert_eq!(identity.path, "/");
}

#[test]
fn an_ordinary_access_key_id_means_the_default_account() {
    let head = head(Request::post("/").header("authorization", signed("AKIAIOSFODNN7EXAMPLE", "us-east-1", "ecs")));
    let identity = identify(&head, defaults());
    assert_eq!(identity.account, DEFAULT_ACCOUNT);
    assert_eq!(identity.access_key_id.as_deref(), Some("AKIAIOSFODNN7EXAMPLE"));
}

#[test]
fn a_presigned_query_is_read_like_the_header() {
    // The URL of "Authenticating Requests: Using Query Parameters" in the Amazon S3 API Reference.
    let head = head(Request::get(
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Feu-central-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeee",
    ));
    let identity = identify(&head, defaults());
    assert_eq!((identity.service.as_ref(), identity.region.as_ref()), ("s3", "eu-central-1"));
    assert_eq!(identity.identified_by, IdentifiedBy::Credential);
}

#[test]
fn the_path_prefix_names_the_service_and_is_removed() {
    let head = head(Request::post("/api/v1/ecs/v1/tasks?x=1").header("authorization", signed("AKID", "us-west-2", "s3")));
    let identity = identify(&head, defaults());
    assert_eq!(identity.service, "ecs");
    assert_eq!(identity.identified_by, IdentifiedBy::Path);
    assert_eq!(identity.path, "/v1/tasks");
    assert_eq!(identity.region, "us-west-2");
}

#[test]
fn the_path_prefix_alone_leaves_the_root() {
    let head = head(Request::post("/api/v1/ecs"));
    assert_eq!(identify(&head, defaults()).path, "/");
}

#[test]
fn an_unsigned_call_is_identified_by_its_target() {
    let head = head(
        Request::post("/")
            .header("host", "localhost:5373")
            .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters"),
    );
    let defaults = IdentityDefaults { region: "ap-northeast-1".to_owned(), ..IdentityDefaults::default() };
    let identity = identify(&head, &defaults);
    assert_eq!(identity.service, "ecs");
    assert_eq!(identity.identified_by, IdentifiedBy::Target);
    assert_eq!(identity.region, "ap-northeast-1");
}

#[test]
fn hosts_of_aws_and_of_localstack_name_service_and_region() {
    // Endpoint forms of the AWS General Reference, and of LocalStack's documentation for the last ones.
    for (host, service, region) in [
        ("ecs.us-gov-west-1.amazonaws.com", "ecs", "us-gov-west-1"),
        ("ecs.cn-north-1.amazonaws.com.cn", "ecs", "cn-north-1"),
        ("ecs-fips.us-east-2.amazonaws.com", "ecs", "us-east-2"),
        ("sqs.eu-west-1.api.aws", "sqs", "eu-west-1"),
        ("sts.amazonaws.com", "sts", "us-east-1"),
        ("bucket.with.dots.s3.eu-west-3.amazonaws.com", "s3", "eu-west-3"),
        ("bucket.s3.dualstack.eu-west-3.amazonaws.com", "s3", "eu-west-3"),
        ("bucket.s3.amazonaws.com", "s3", "us-east-1"),
        ("bucket.s3-us-west-2.amazonaws.com", "s3", "us-west-2"),
        ("s3-fips-us-gov-west-1.amazonaws.com", "s3", "us-gov-west-1"),
        ("bucket.s3-accelerate.dualstack.amazonaws.com", "s3", "us-east-1"),
        ("bucket.s3-website-us-west-2.amazonaws.com", "s3", "us-west-2"),
        ("bucket.s3-website.eu-central-1.amazonaws.com", "s3", "eu-central-1"),
        ("bucket.s3.localhost.localstack.cloud:4566", "s3", "us-east-1"),
        ("bucket.s3.eu-west-2.localhost.localstack.cloud:4566", "s3", "eu-west-2"),
        ("sqs.eu-central-1.localhost.localstack.cloud:4566", "sqs", "eu-central-1"),
    ] {
        let head = head(Request::get("/").header("host", host));
        let identity = identify(&head, defaults());
        assert_eq!((identity.service.as_ref(), identity.region.as_ref()), (service, region), "{host}");
        assert_eq!(identity.identified_by, IdentifiedBy::Host, "{host}");
    }
}

#[test]
fn the_authority_of_http_2_counts_as_the_host() {
    let head = head(Request::get("http://ecs.eu-west-1.amazonaws.com/"));
    assert_eq!(identify(&head, defaults()).service, "ecs");
}

#[test]
fn a_query_call_is_identified_by_action_and_version() {
    let head = head(Request::get("/?Action=DescribeLoadBalancers&Version=2015-12-01"));
    let identity = identify(&head, defaults());
    assert_eq!(identity.service, "elasticloadbalancing");
    assert_eq!(identity.operation.as_deref(), Some("DescribeLoadBalancers"));
    assert_eq!(identity.identified_by, IdentifiedBy::Action);
}

#[test]
fn an_unsigned_form_post_is_a_call_of_sts() {
    let head = head(Request::post("/").header("content-type", "application/x-www-form-urlencoded; charset=utf-8"));
    assert_eq!(identify(&head, defaults()).service, "sts");
}

// The path is that of smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html, the service's name CloudWatch's target prefix in botocore.
#[test]
fn a_cbor_call_is_identified_by_its_path() {
    for (path, seen) in [
        ("/service/GraniteServiceVersion20100801/operation/PutMetricData", "monitoring"),
        ("/service/com.amazonaws.GraniteServiceVersion20100801/operation/PutMetricData", "monitoring"),
    ] {
        let head = head(Request::post(path).header("smithy-protocol", "rpc-v2-cbor").header("content-type", "application/cbor"));
        let identity = identify(&head, defaults());
        assert_eq!((identity.service.as_ref(), identity.operation.as_deref()), (seen, Some("PutMetricData")));
        assert_eq!(identity.path, path);
    }
    // Behind the prefix, and signed.
    let prefixed = head(
        Request::post("/api/v1/monitoring/service/GraniteServiceVersion20100801/operation/ListMetrics")
            .header("smithy-protocol", "rpc-v2-cbor")
            .header("authorization", signed("AKID", "us-east-1", "monitoring")),
    );
    let identity = identify(&prefixed, defaults());
    assert_eq!((identity.service.as_ref(), identity.operation.as_deref()), ("monitoring", Some("ListMetrics")));
    assert_eq!(identity.path, "/service/GraniteServiceVersion20100801/operation/ListMetrics");
}

#[test]
fn an_object_whose_key_looks_like_a_call_is_an_object() {
    let head = head(Request::get("/service/GraniteServiceVersion20100801/operation/PutMetricData"));
    let identity = identify(&head, defaults());
    assert_eq!((identity.service.as_ref(), identity.operation), ("s3", None));
}

// The URL of "Signing and authenticating REST requests (AWS signature version 2)", Amazon S3 User Guide.
#[test]
fn a_url_that_was_signed_the_old_way_is_s3s() {
    let presigned = head(
        Request::get(
            "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620",
        )
        .header("host", "awsexamplebucket1.us-west-1.s3.amazonaws.com"),
    );
    let identity = identify(&presigned, defaults());
    assert_eq!((identity.service.as_ref(), identity.access_key_id.as_deref()), ("s3", Some("AKIAIOSFODNN7EXAMPLE")));
    let by_header =
        head(Request::get("/photos/puppy.jpg").header("authorization", "AWS 123456789012:qgk2+6Sv9/oM7G3qLEjTH1a1l1g="));
    let identity = identify(&by_header, defaults());
    assert_eq!((identity.service.as_ref(), identity.account.as_ref()), ("s3", "123456789012"));
    // Without a host of AWS's.
    let local = head(Request::get("/bucket/key?AWSAccessKeyId=AKID&Signature=x&Expires=1").header("host", "127.0.0.1:5373"));
    assert_eq!(identify(&local, defaults()).service, "s3");
}

#[test]
fn the_log_names_what_a_request_is_about() {
    let named = |request: http::request::Builder| {
        let head = head(request);
        label(&head, &identify(&head, defaults())).into_owned()
    };
    let s3 = || signed("AKID", "us-east-1", "s3");
    assert_eq!(named(Request::post("/").header("x-amz-target", "AmazonSSM.GetParameter")), "GetParameter");
    assert_eq!(named(Request::get("/").header("authorization", s3())), "GET service");
    assert_eq!(named(Request::put("/bucket/").header("authorization", s3())), "PUT bucket");
    assert_eq!(named(Request::put("/bucket/a/b").header("authorization", s3())), "PUT object");
    assert_eq!(named(Request::get("/").header("host", "bucket.s3.localhost.localstack.cloud:4566")), "GET bucket");
    assert_eq!(named(Request::get("/key").header("host", "bucket.s3.localhost.localstack.cloud:4566")), "GET object");
    let lambda = signed("AKID", "us-east-1", "lambda");
    assert_eq!(named(Request::get("/2015-03-31/functions/").header("authorization", lambda)), "GET");
}

#[test]
fn what_nothing_names_is_s3() {
    let head = head(Request::get("/bucket/key").header("host", "127.0.0.1:5373"));
    let identity = identify(&head, defaults());
    assert_eq!((identity.service.as_ref(), identity.identified_by), ("s3", IdentifiedBy::Default));
}

#[test]
fn a_credential_of_other_shape_is_ignored() {
    for value in
        ["Basic dXNlcjpwYXNz", "AWS4-HMAC-SHA256 Credential=a/b/c", "AWS4-HMAC-SHA256 Credential=////aws4_request", "AWS4-"]
    {
        assert_eq!(CredentialScope::from_authorization(value), None, "{value}");
    }
}

#[test]
fn an_access_key_id_may_hold_slashes() {
    let scope = CredentialScope::parse("team/ci/20150830/us-east-1/ecs/aws4_request").unwrap();
    assert_eq!(scope.access_key_id, "team/ci");
}

proptest! {
    #[test]
    fn identification_is_total(
        path in "/[!-~&&[^\\\\^`{}|<>\"#]]{0,40}",
        authorization in "(AWS4-HMAC-SHA256 )?(Credential=)?[ -~]{0,60}",
        target in "[ -~]{0,30}",
        host in "[ -~]{0,40}",
        content_type in "[ -~]{0,20}",
    ) {
        let request = Request::post(path).header("authorization", authorization).header("x-amz-target", target)
            .header("host", host).header("content-type", content_type).body(());
        if let Ok(request) = request {
            let (head, ()) = request.into_parts();
            let identity = identify(&head, defaults());
            prop_assert!(!identity.service.is_empty());
            prop_assert!(!identity.region.is_empty());
            prop_assert!(is_account(&identity.account));
        }
    }

    #[test]
    fn a_credential_scope_survives_being_written_and_read(
        key in "[A-Z0-9/]{1,20}", date in "[0-9]{8}", region in "[a-z]{2}-[a-z]{4}-[0-9]", service in "[a-z0-9-]{1,12}",
    ) {
        let text = format!("{key}/{date}/{region}/{service}/aws4_request");
        let scope = CredentialScope::parse(&text).unwrap();
        prop_assert_eq!(scope.access_key_id, key);
        prop_assert_eq!(scope.date, date);
        prop_assert_eq!(scope.region, region);
        prop_assert_eq!(scope.service, service);
    }
}
