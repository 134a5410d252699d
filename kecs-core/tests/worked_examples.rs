//! The worked examples of AWS's model of ECS (botocore, `examples-1.json`), played against an engine in which what they name exists.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore};
use kecs_model::RequestContext;
use kecs_model::ecs::{Operation, dispatch};
use serde_json::{Value, json};

/// What must exist before each example.
const SCENE: &[(&str, &str)] = &[
    ("CreateCluster", r#"{"clusterName":"default"}"#),
    ("CreateCluster", r#"{"clusterName":"dev"}"#),
    ("CreateCluster", r#"{"clusterName":"my_cluster"}"#),
    (
        "RegisterTaskDefinition",
        r#"{"family":"console-sample-app-static","containerDefinitions":[{"name":"simple-app","image":"httpd:2.4","memory":10,"portMappings":[{"containerPort":80}]}]}"#,
    ),
    ("RegisterTaskDefinition", r#"{"family":"sleep360","containerDefinitions":[{"name":"sleep","image":"busybox","memory":10}]}"#),
    (
        "RegisterTaskDefinition",
        r#"{"family":"amazon-ecs-sample","containerDefinitions":[{"name":"simple-app","image":"httpd:2.4","memory":10}]}"#,
    ),
    ("CreateService", r#"{"serviceName":"my-http-service","taskDefinition":"sleep360","desiredCount":0}"#),
];

/// Examples that are refused here, with the error and why.
const REFUSED: &[(&str, &str)] = &[
    // They name a container instance that was never registered.
    ("DeregisterContainerInstance", "ClientException"),
];

async fn engine() -> Arc<Engine> {
    let config = EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::new(MemoryStore::new()));
    let engine = Engine::start(config).await.unwrap();
    for (operation, input) in SCENE {
        call(&engine, operation, input).await.unwrap();
    }
    // The examples speak of the eighth revision.
    for _ in 0..8 {
        let hello = r#"{"family":"hello_world","containerDefinitions":[{"name":"simple-app","image":"httpd:2.4","memory":10,
            "portMappings":[{"containerPort":80}]}]}"#;
        call(&engine, "RegisterTaskDefinition", hello).await.unwrap();
    }
    engine
}

async fn call(engine: &Engine, operation: &str, input: &str) -> Result<Value, kecs_model::ApiError> {
    let operation = Operation::from_name(operation).unwrap();
    let answer = dispatch(engine, &RequestContext::local(), operation, input.as_bytes()).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

#[tokio::test]
async fn every_worked_example_is_accepted_or_refused_as_it_is_noted() {
    let examples: Value = serde_json::from_str(include_str!("../../kecs-model/models/ecs.examples.json")).unwrap();
    let mut wrong = Vec::new();
    for (operation, examples) in examples.as_object().unwrap() {
        for (number, example) in examples.as_array().unwrap().iter().enumerate() {
            let input = example.get("input").cloned().unwrap_or_else(|| json!({})).to_string();
            let input = input.replace("region:aws_account_id", "us-east-1:000000000000");
            let engine = engine().await;
            let noted = REFUSED.iter().find(|(refused, _)| refused == operation).map(|(_, code)| *code);
            let code =
                call(&engine, operation, &input).await.err().map(|error| (error.code().as_str(), error.message().to_owned()));
            if code.as_ref().map(|(code, _)| *code) != noted {
                wrong.push(format!("{operation}[{number}]: {code:?}, noted {noted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
