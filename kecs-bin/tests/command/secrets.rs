//! What is left of secrets in the memory of a server that read them for a task.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::Place;
use crate::sidecar::sockets::Upstream;

/// The escapes are what parsers copy strings for, and what is freed has its beginning written over by the allocator.
const PARAMETER: &str = "\"quoted\", behind what is written over: hush-parameter";
const SECRET: &str = r#"{"password":"\"quoted\", behind what is written over: hush-secret"}"#;
const PLAIN: &str = "plain-as-it-is-written";

/// SSM, Secrets Manager, and a LocalStack's health. Long answers come in chunks.
fn answer(request: &str) -> String {
    let body = if request.contains("GetParameters") {
        json!({ "Parameters": [{ "Name": "/a", "ARN": "arn:aws:ssm:us-east-1:000000000000:parameter/a", "Value": PARAMETER }] })
            .to_string()
    } else if request.contains("GetSecretValue") {
        json!({ "Name": "b", "SecretString": SECRET }).to_string()
    } else if request.starts_with("GET ") {
        json!({ "services": { "ssm": "running", "secretsmanager": "running" }, "version": "4.14.0" }).to_string()
    } else {
        String::new()
    };
    if body.len() < 120 {
        return format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    }
    let mut answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let (first, second) = body.split_at(100);
    for chunk in [first, second, ""] {
        write!(answer, "{:x}\r\n{chunk}\r\n", chunk.len()).expect("it is text");
    }
    answer
}

#[test]
fn no_copy_of_a_secret_stays_in_the_server() {
    let aws = Upstream::answering_each(answer);
    let place = Place::new();
    let kecs = place.start(&["--runtime", "memory", "--state", "memory", "--localstack", &aws.url()]);
    kecs.ecs("CreateCluster", &json!({}));
    let role = "arn:aws:iam::000000000000:role/any";
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:b-AbCdEf";
    kecs.ecs(
        "RegisterTaskDefinition",
        &json!({ "family": "app", "executionRoleArn": role, "containerDefinitions": [{
            "name": "app", "image": "any", "memory": 32, "environment": [{ "name": "PLAIN", "value": PLAIN }],
            "secrets": [
                { "name": "A", "valueFrom": "/a" },
                { "name": "B", "valueFrom": secret },
                { "name": "C", "valueFrom": format!("{secret}:password::") },
            ],
        }] }),
    );
    let run = kecs.ecs("RunTask", &json!({ "taskDefinition": "app" }));
    let task = run["tasks"][0]["taskArn"].clone();
    let status = || kecs.ecs("DescribeTasks", &json!({ "tasks": [task] }))["tasks"][0]["lastStatus"].clone();
    // It does not run without its secrets.
    let late = Instant::now() + Duration::from_secs(30);
    while status() != "RUNNING" {
        assert!(Instant::now() < late, "{}", status());
    }
    assert!(kecs.holds(PLAIN.as_bytes()), "what a task definition says is kept");
    for secret in ["hush-parameter", "hush-secret"] {
        assert!(!kecs.holds(secret.as_bytes()), "{secret}");
    }
}
