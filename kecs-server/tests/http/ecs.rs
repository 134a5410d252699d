//! Calls of ECS.

use crate::support::{body, config, ecs, get, send, send_h2, serve};
use http::Request;

#[tokio::test]
async fn a_call_reaches_the_engine_with_account_and_region_of_its_credential() {
    let server = serve(config()).await;
    let credential =
        "AWS4-HMAC-SHA256 Credential=123456789012/20260102/eu-west-1/ecs/aws4_request, SignedHeaders=host, Signature=0";
    let answer = send(&server, ecs("ListClusters").header("authorization", credential).body(body("{}")).unwrap()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json(), serde_json::json!({"clusterArns": ["123456789012/eu-west-1"]}));
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.1");
}

#[tokio::test]
async fn an_unsigned_call_means_the_default_account_and_region() {
    let server = serve(config()).await;
    let answer = send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await;
    assert_eq!(answer.json()["clusterArns"][0], "000000000000/us-east-1");
}

// "Credential should be scoped to a valid region": "Troubleshoot signed requests for AWS APIs", IAM user guide.
#[tokio::test]
async fn a_region_that_is_no_name_of_one_is_refused() {
    let server = serve(config()).await;
    for region in ["US-EAST-1", "us_east_1", "x".repeat(33).as_str()] {
        let credential =
            format!("AWS4-HMAC-SHA256 Credential=test/20260102/{region}/ecs/aws4_request, SignedHeaders=host, Signature=0");
        let answer = send(&server, ecs("ListClusters").header("authorization", credential).body(body("{}")).unwrap()).await;
        assert_eq!(
            (answer.status().as_u16(), answer.json()["__type"].as_str()),
            (400, Some("InvalidSignatureException")),
            "{region}"
        );
    }
}

#[tokio::test]
async fn an_empty_body_counts_as_an_empty_object() {
    let server = serve(config()).await;
    assert_eq!(send(&server, ecs("ListClusters").body(body("")).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn http_2_without_tls_is_spoken() {
    let server = serve(config()).await;
    let request = Request::post("http://localhost/")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")
        .body(body("{}"))
        .unwrap();
    let answer = send_h2(&server, request).await;
    assert_eq!((answer.status().as_u16(), answer.head.version), (200, http::Version::HTTP_2));
}

#[tokio::test]
async fn the_endpoint_of_a_call_is_the_url_that_the_client_used() {
    let server = serve(config()).await;
    let answer = send(&server, ecs("DiscoverPollEndpoint").body(body("{}")).unwrap()).await;
    assert_eq!(answer.json()["endpoint"], "http://127.0.0.1:5373");
    let request = Request::post("http://localhost:15373/")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.DiscoverPollEndpoint")
        .body(body("{}"))
        .unwrap();
    assert_eq!(send_h2(&server, request).await.json()["endpoint"], "http://localhost:15373");
}

/// ADR 0008: there is no session behind the endpoint of DiscoverPollEndpoint.
#[tokio::test]
async fn the_websocket_of_an_agent_is_told_that_there_is_no_such_operation() {
    let server = serve(config()).await;
    let credential = "AWS4-HMAC-SHA256 Credential=test/20260102/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0";
    let request = Request::get("/ws?clusterArn=default&sendCredentials=true")
        .header("host", "127.0.0.1:5373")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("authorization", credential)
        .body(body(""))
        .unwrap();
    assert_eq!(send(&server, request).await.error(), (400, "UnknownOperationException".to_owned()));
}

#[tokio::test]
async fn the_path_prefix_of_the_service_is_accepted() {
    let server = serve(config()).await;
    let mut request = ecs("ListClusters").body(body("{}")).unwrap();
    *request.uri_mut() = "/api/v1/ecs/".parse().unwrap();
    assert_eq!(send(&server, request).await.status(), 200);
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let server = serve(config()).await;
    let mut ids = Vec::new();
    for request in [ecs("ListClusters").body(body("{}")).unwrap(), ecs("Nonsense").body(body("{}")).unwrap(), get("/_kecs/health")]
    {
        let answer = send(&server, request).await;
        assert!(!answer.header("date").is_empty());
        ids.push(answer.header("x-amzn-requestid").to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_refusal_of_the_engine_is_answered_with_its_type_and_text() {
    let server = serve(config()).await;
    let answer = send(&server, ecs("DeleteCluster").body(body("{}")).unwrap()).await;
    assert_eq!(answer.status(), 400);
    // API_DeleteCluster, ClusterNotFoundException, with the text that clients match on.
    assert_eq!(answer.json(), serde_json::json!({"__type": "ClusterNotFoundException", "message": "Cluster not found."}));
}

#[tokio::test]
async fn an_unknown_operation_is_named_so() {
    let server = serve(config()).await;
    for request in [
        ecs("Nonsense").body(body("{}")).unwrap(),
        Request::post("/").header("host", "ecs.us-east-1.amazonaws.com").body(body("{}")).unwrap(),
        Request::get("/").header("host", "ecs.us-east-1.amazonaws.com").body(body("")).unwrap(),
    ] {
        assert_eq!(send(&server, request).await.error(), (400, "UnknownOperationException".to_owned()));
    }
}

#[tokio::test]
async fn text_that_is_not_json_is_a_serialization_error() {
    let server = serve(config()).await;
    let answer = send(&server, ecs("ListClusters").body(body("{")).unwrap()).await;
    assert_eq!(answer.error(), (400, "SerializationException".to_owned()));
}

#[tokio::test]
async fn a_panic_is_a_server_exception_and_the_server_goes_on() {
    let server = serve(config()).await;
    let answer = send(&server, ecs("DescribeClusters").body(body("{}")).unwrap()).await;
    assert_eq!(answer.error(), (500, "ServerException".to_owned()));
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    assert!(!answer.text().contains("a bug"));
    assert_eq!(send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await.status(), 200);
}
