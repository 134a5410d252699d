//! What is there from the start, and again after a restart.

use kecs_core::Scope;
use kecs_localstack::{Emulator, LocalStackConfig, LocalStackState, Seed};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Life, client, config, python};

const READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;

/// Everything that can be in a seed, as it stands in a configuration file.
fn seed(folder: &std::path::Path) -> Seed {
    let script = folder.join("init.sh");
    // What it needs beside a shell is there: the endpoint answers HTTP.
    let text =
        "set -e\nexec python3 -c 'import os,urllib.request as r; print(r.urlopen(os.environ[\"AWS_ENDPOINT_URL\"]).status)'\n";
    std::fs::write(&script, text).unwrap();
    std::fs::write(folder.join("app.env"), "COLOR=blue\n").unwrap();
    serde_json::from_value(json!({
        "parameters": [
            { "name": "/app/url", "value": "http://db" },
            { "name": "/app/key", "value": "k", "type": "SecureString" },
        ],
        "secrets": [{ "name": "app", "secretString": "{\"password\":\"p\"}" }],
        "buckets": [{ "name": "config-files", "objects": [
            { "key": "app/app.env", "file": folder.join("app.env") },
            { "key": "with space+plus", "content": "text" },
        ] }],
        "logGroups": [{ "name": "/ecs/app", "retentionInDays": 7 }],
        "queues": [{ "name": "jobs", "attributes": { "VisibilityTimeout": "7" } }, { "name": "jobs.fifo", "attributes": { "FifoQueue": "true" } }],
        "topics": [{ "name": "news" }],
        "roles": [{ "name": "task-role", "policies": { "read": READ } }],
        "initScripts": [script],
    }))
    .unwrap()
}

async fn assert_all_there(life: &Life, scope: &Scope) {
    let client = client(&life.localstack);
    let json = async |service: &str, target: &'static str, input: Value| -> Value {
        client.json(scope, service, target, &input).await.unwrap_or_else(|error| panic!("{target}: {error}"))
    };
    let parameter = json("ssm", "AmazonSSM.GetParameter", json!({ "Name": "/app/key", "WithDecryption": true })).await;
    assert_eq!((&parameter["Parameter"]["Value"], &parameter["Parameter"]["Type"]), (&json!("k"), &json!("SecureString")));
    let secret = json("secretsmanager", "secretsmanager.GetSecretValue", json!({ "SecretId": "app" })).await;
    assert_eq!(secret["SecretString"], "{\"password\":\"p\"}");
    let groups = json("logs", "Logs_20140328.DescribeLogGroups", json!({ "logGroupNamePrefix": "/ecs/app" })).await;
    assert_eq!(groups["logGroups"][0]["retentionInDays"], 7);
    let queues = json("sqs", "AmazonSQS.ListQueues", json!({})).await;
    let queues = queues["QueueUrls"].as_array().unwrap();
    assert_eq!(queues.len(), 2);
    // They are listed in the order in which they were made, and that is any.
    let jobs = queues.iter().find(|url| url.as_str().unwrap().ends_with("/jobs")).unwrap();
    let input = json!({ "QueueUrl": jobs, "AttributeNames": ["VisibilityTimeout"] });
    let attributes = json("sqs", "AmazonSQS.GetQueueAttributes", input).await;
    assert_eq!(attributes["Attributes"]["VisibilityTimeout"], "7");
    let topics = client.query(scope, "sns", "2010-03-31", "ListTopics", &[]).await.unwrap();
    assert!(topics.contains(":news</TopicArn>"), "{}", *topics);
    let parameters = [("RoleName", "task-role"), ("PolicyName", "read")];
    let policy = client.query(scope, "iam", "2010-05-08", "GetRolePolicy", &parameters).await.unwrap();
    assert!(policy.contains("2012-10-17"), "{}", *policy);
    for (key, content) in [("app/app.env", "COLOR=blue\n"), ("with%20space%2Bplus", "text")] {
        let path = format!("/config-files/{key}");
        let object = client.rest(scope, "s3", http::Method::GET, &path, bytes::Bytes::new()).await.unwrap();
        let body = http_body_util::BodyExt::collect(object.into_body()).await.unwrap().to_bytes();
        assert_eq!(body, content);
    }
}

const SERVICES: [&str; 8] = ["ssm", "secretsmanager", "s3", "logs", "sqs", "sns", "iam", "sts"];

#[tokio::test]
async fn a_seed_is_there_before_ready_and_again_after_a_restart() {
    let Some(python) = python("a_seed_is_there_before_ready_and_again_after_a_restart", Emulator::LocalStack) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Emulator::LocalStack, &SERVICES);
    config.scope = Scope::new("111122223333", "eu-west-1");
    config.seed = seed(folder.path());
    let scope = config.scope.clone();
    let life = Life::ready(python, config).await;
    assert_all_there(&life, &scope).await;

    life.signal(Signal::KILL);
    life.until(LocalStackState::Starting).await;
    life.until(LocalStackState::Ready).await;
    assert_all_there(&life, &scope).await;
}

#[tokio::test]
async fn a_seed_is_made_in_moto_too() {
    let Some(python) = python("a_seed_is_made_in_moto_too", Emulator::Moto) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Emulator::Moto, &[]);
    config.seed = seed(folder.path());
    let scope = config.scope.clone();
    let life = Life::ready(python, config).await;
    assert_all_there(&life, &scope).await;
}

#[tokio::test]
async fn what_cannot_be_made_is_named_and_the_rest_is_there() {
    let Some(python) = python("what_cannot_be_made_is_named_and_the_rest_is_there", Emulator::Moto) else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("fails.sh");
    std::fs::write(&script, "echo no such table >&2\nexit 3\n").unwrap();
    let mut config = config(Emulator::Moto, &[]);
    config.seed = serde_json::from_value(json!({
        "parameters": [{ "name": "/kept", "value": "hidden-value" }],
        "roles": [{ "name": "reader", "policies": { "broken": "{}" } }],
        "buckets": [{ "name": "files", "objects": [{ "key": "k", "file": folder.path() }] }],
        "initScripts": [script],
    }))
    .unwrap();
    let scope = config.scope.clone();
    let life = Life::new(python, config);
    life.localstack.start();
    let reason = life.until(LocalStackState::Degraded).await.reason.unwrap();
    for part in [
        "role reader: MalformedPolicyDocument: ",
        "object s3://files/k: ",
        // It can be opened, which is all that is tried before the start.
        "Is a directory",
        "fails.sh: it ended with exit status: 3, and said last: no such table",
    ] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert!(!reason.contains("hidden-value") && !reason.contains("/kept"), "{reason}");
    let client = client(&life.localstack);
    let kept: Value = client.json(&scope, "ssm", "AmazonSSM.GetParameter", &json!({ "Name": "/kept" })).await.unwrap();
    assert_eq!(kept["Parameter"]["Value"], "hidden-value");
}

#[tokio::test]
async fn a_seed_may_be_made_where_it_is_there_already() {
    let Some(python) = python("a_seed_may_be_made_where_it_is_there_already", Emulator::LocalStack) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut first = config(Emulator::LocalStack, &SERVICES);
    first.seed = seed(folder.path());
    let scope = first.scope.clone();
    let timing = first.timing.clone();
    let life = Life::ready(python, first).await;

    // Another KECS that uses it as an external one has the same seed, but for the time-out of a queue.
    let mut again = LocalStackConfig::default();
    again.seed = seed(folder.path());
    again.seed.queues[0].attributes.insert("VisibilityTimeout".to_owned(), "9".to_owned());
    again.timing = timing;
    let external = kecs_localstack::ExternalDeployer::new(life.localstack.endpoint().unwrap().parse().unwrap());
    let other = kecs_localstack::LocalStack::new("other", again, std::sync::Arc::new(external)).unwrap();
    other.start();
    other.ready(crate::support::PATIENCE).await.unwrap();
    assert_eq!((other.status().state, other.status().reason), (LocalStackState::Ready, None));
    let client = client(&life.localstack);
    let url: Value = client.json(&scope, "sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": "jobs" })).await.unwrap();
    let input = json!({ "QueueUrl": url["QueueUrl"], "AttributeNames": ["VisibilityTimeout"] });
    let attributes: Value = client.json(&scope, "sqs", "AmazonSQS.GetQueueAttributes", &input).await.unwrap();
    assert_eq!(attributes["Attributes"]["VisibilityTimeout"], "9");

    other.stop().await;
    assert_eq!(life.localstack.status().state, LocalStackState::Ready, "somebody else's is not stopped");
}
