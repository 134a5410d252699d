//! What `Debug` must not show.

use kecs_model::aws_json;
use kecs_model::ecs::{ExecuteCommandResponse, KeyValuePair, RegisterTaskDefinitionRequest, RunTaskRequest};

#[test]
fn debug_shows_no_secret_of_a_task_definition() {
    let request: RegisterTaskDefinitionRequest = aws_json::decode(
        br#"{"family": "web", "containerDefinitions": [{
            "name": "app",
            "environment": [{"name": "KEY", "value": "hunter2"}],
            "repositoryCredentials": {"credentialsParameter": "hunter2"},
            "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": "hunter2"}},
            "firelensConfiguration": {"type": "fluentbit", "options": {"key": "hunter2"}}
        }], "volumes": [{"dockerVolumeConfiguration": {"driver": "cifs", "driverOpts": {"o": "password=hunter2"}}}]}"#,
    )
    .unwrap();
    let shown = format!("{request:?} {request:#?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("Splunk") && shown.contains("cifs"), "{shown}");
    assert!(String::from_utf8(aws_json::encode(&request).unwrap()).unwrap().contains("hunter2"));
}

#[test]
fn debug_shows_no_environment_value_of_an_override() {
    let request: RunTaskRequest = aws_json::decode(
        br#"{"overrides": {"containerOverrides": [{"name": "app", "environment": [{"name": "K", "value": "hunter2"}]}]}}"#,
    )
    .unwrap();
    let shown = format!("{request:?}");
    assert!(shown.contains("app") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn debug_shows_no_session_token() {
    let response: ExecuteCommandResponse =
        aws_json::decode(br#"{"session": {"sessionId": "s-1", "streamUrl": "hunter2", "tokenValue": "hunter2"}}"#).unwrap();
    let shown = format!("{response:?}");
    assert!(shown.contains("s-1") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn debug_tells_an_absent_value_from_one_that_it_hides() {
    let absent = KeyValuePair { name: Some("K".to_owned()), value: None };
    assert!(format!("{absent:?}").contains("value: None"));
    let hidden = KeyValuePair { value: Some(String::new()), ..absent };
    assert!(format!("{hidden:?}").contains("value: Some(***)"));
}
