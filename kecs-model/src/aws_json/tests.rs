//! Round trips and refusals of the codec, on ECS shapes.

use super::*;
use crate::ErrorCode;
use crate::ecs::{Cluster, CreateClusterRequest, RegisterTaskDefinitionRequest};

fn refusal<T: DeserializeOwned + std::fmt::Debug>(body: &str) -> ApiError {
    decode::<T>(body.as_bytes()).unwrap_err()
}

#[test]
fn what_is_absent_stays_absent() {
    let cluster: Cluster = decode(br#"{"clusterName":"blue","tags":[]}"#).unwrap();
    assert_eq!(encode(&cluster).unwrap(), br#"{"clusterName":"blue","tags":[]}"#);
}

#[test]
fn null_is_absent() {
    let cluster: Cluster = decode(br#"{"clusterName":null,"tags":null}"#).unwrap();
    assert_eq!(cluster, Cluster::default());
}

#[test]
fn an_empty_body_is_an_empty_structure() {
    assert_eq!(decode::<Cluster>(b"").unwrap(), Cluster::default());
    assert_eq!(decode::<Cluster>(b" \n").unwrap(), Cluster::default());
}

#[test]
fn an_unknown_member_is_skipped_whatever_it_holds() {
    let request: CreateClusterRequest = decode(br#"{"new":{"a":[1,{"b":null}]},"clusterName":"blue"}"#).unwrap();
    assert_eq!(request.cluster_name.as_deref(), Some("blue"));
}

#[test]
fn a_member_name_with_escapes_is_recognized() {
    let cluster: Cluster = decode(br#"{"cluster\u004eame":"blue"}"#).unwrap();
    assert_eq!(cluster.cluster_name.as_deref(), Some("blue"));
}

#[test]
fn a_wrong_type_is_named_by_its_path_and_its_value_is_not_repeated() {
    let body = r#"{"family":"web", "containerDefinitions":[{"name":"a","links":["x","y"]},
        {"name":"b","environment":[{"name":"K","value":{"k":"hunter2"}}],"cpu":3}]}"#;
    let error = refusal::<RegisterTaskDefinitionRequest>(body);
    assert_eq!(error.code(), ErrorCode::SerializationException);
    assert_eq!(error.status(), 400);
    assert!(error.message().contains("containerDefinitions[1].environment[0].value "), "{error}");

    let body = r#"{"containerDefinitions":[{"name":"a","cpu":"hunter2"}]}"#;
    let error = refusal::<RegisterTaskDefinitionRequest>(body);
    assert!(error.message().contains("containerDefinitions[0].cpu "), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_list_is_not_a_structure() {
    let error = refusal::<CreateClusterRequest>(r#"{"clusterName":"c","tags":[{"key":"a"},["k","v"]]}"#);
    assert!(error.message().contains("tags[1] "), "{error}");
    assert_eq!(refusal::<CreateClusterRequest>("[]").code(), ErrorCode::SerializationException);
}

#[test]
fn a_body_that_is_not_json_is_refused() {
    for body in ["{", "{\"clusterName\"", "\"text\"", "clusterName=blue", "{}{}", "{\"tags\":[{]}"] {
        assert_eq!(refusal::<CreateClusterRequest>(body).code(), ErrorCode::SerializationException, "{body}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let body = format!("{{\"new\":{}", "[".repeat(100_000));
    assert_eq!(refusal::<CreateClusterRequest>(&body).code(), ErrorCode::SerializationException);
}

#[test]
fn a_number_that_does_not_fit_is_refused() {
    let error = refusal::<RegisterTaskDefinitionRequest>(r#"{"containerDefinitions":[{"cpu":4294967296}]}"#);
    assert!(error.message().contains("containerDefinitions[0].cpu "), "{error}");
}

#[test]
fn an_error_body_has_the_type_and_the_message() {
    // The form that AWS documents for awsJson1_1: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
    let body = error_body(&ApiError::cluster_not_found().with_source("never shown"));
    assert_eq!(body, br#"{"__type":"ClusterNotFoundException","message":"Cluster not found."}"#);
}

#[test]
fn a_conflict_names_its_resources() {
    let body = error_body(&ApiError::conflict("busy").with_resource_ids(["arn:a".to_owned()]));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["resourceIds"], serde_json::json!(["arn:a"]));
}
