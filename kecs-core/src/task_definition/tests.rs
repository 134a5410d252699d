//! What AWS refuses, in its words.
//!
//! Where a test says "measured": the text was returned by the real service, as `rules/ecs/*/meta.yaml` of the repository
//! badmintoncryer/cdk-preflight records (September 2026). "Reported" names the thread where a user quotes it.

mod containers;
mod fargate;
mod network;
mod registered;
mod storage;

use kecs_model::ErrorCode;
use kecs_model::ecs::{RegisterTaskDefinitionRequest, TaskDefinition};
use serde_json::{Value, json};

use super::{Registration, validate};

/// A request from JSON, as a client sends it.
fn request(json: &Value) -> RegisterTaskDefinitionRequest {
    kecs_model::aws_json::decode(json.to_string().as_bytes()).unwrap()
}

/// The text with which a definition is refused.
fn refusal(json: &Value) -> String {
    let error = validate(&request(json)).expect_err("the definition should be refused");
    assert_eq!(error.code(), ErrorCode::ClientException);
    error.message().to_owned()
}

fn accepted(json: &Value) {
    validate(&request(json)).unwrap();
}

fn register(json: &Value) -> TaskDefinition {
    accepted(json);
    let registration = Registration {
        arn: "arn:aws:ecs:us-east-1:000000000000:task-definition/app:1".to_owned(),
        revision: 1,
        at: kecs_model::Timestamp::from_millis(0),
        by: "arn:aws:iam::000000000000:root".to_owned(),
    };
    super::registered(request(json), registration)
}

/// `base` with the members of `changes`; `null` removes one.
fn with(mut base: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut base, changes) else { panic!("objects are changed by objects") };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    base
}

fn container(changes: Value) -> Value {
    with(json!({"name": "app", "image": "nginx:latest", "memory": 128}), changes)
}

/// A definition with these containers, in the bridge network mode.
#[expect(clippy::needless_pass_by_value, reason = "callers write json! in place")]
fn of(containers: Value) -> Value {
    json!({"family": "web", "containerDefinitions": containers})
}

/// A definition of one container with these settings.
fn one(changes: Value) -> Value {
    of(json!([container(changes)]))
}

fn awsvpc(definition: Value) -> Value {
    with(definition, json!({"networkMode": "awsvpc"}))
}

/// A definition for Fargate of one container with these settings.
fn fargate(changes: Value) -> Value {
    let size = json!({"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"});
    with(awsvpc(one(changes)), size)
}
