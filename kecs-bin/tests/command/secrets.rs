//! What is left of secrets in the memory of a server that read them for a task.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Place, Running};
use crate::sidecar::sockets::Upstream;

/// The escapes are what parsers copy strings for, and what is freed has its beginning written over by the allocator.
const PARAMETER: &str = "\"quoted\", behind what is written over: hush-parameter";
const SECRET: &str = r#"{"password":"\"quoted\", behind what is written over: hush-secret"}"#;
const PLAIN: &str = "plain-as-it-is-written";

/// SSM, Secrets Manager, and a LocalStack's health.
fn answer(request: &str) -> String {
    if request.contains("GetParameters") {
        let parameter = json!({ "Name": "/a", "ARN": "arn:aws:ssm:us-east-1:000000000000:parameter/a", "Value": PARAMETER });
        chunked(&json!({ "Parameters": [parameter] }).to_string())
    } else if request.contains("GetSecretValue") {
        chunked(&json!({ "Name": "b", "SecretString": SECRET }).to_string())
    } else if request.starts_with("GET ") {
        whole(&json!({ "services": { "ssm": "running", "secretsmanager": "running" }, "version": "4.14.0" }).to_string())
    } else {
        whole("")
    }
}

fn whole(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// In two chunks.
fn chunked(body: &str) -> String {
    let mut answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let (first, second) = body.split_at(100);
    for chunk in [first, second, ""] {
        write!(answer, "{:x}\r\n{chunk}\r\n", chunk.len()).expect("it is text");
    }
    answer
}

/// Runs a task with these secrets, and returns it when it runs or has stopped.
fn run(kecs: &Running, secrets: &Value) -> Value {
    kecs.ecs("CreateCluster", &json!({}));
    let role = "arn:aws:iam::000000000000:role/any";
    kecs.ecs(
        "RegisterTaskDefinition",
        &json!({ "family": "app", "executionRoleArn": role, "containerDefinitions": [{
            "name": "app", "image": "any", "memory": 32, "environment": [{ "name": "PLAIN", "value": PLAIN }], "secrets": secrets,
        }] }),
    );
    let run = kecs.ecs("RunTask", &json!({ "taskDefinition": "app" }));
    let arn = &run["tasks"][0]["taskArn"];
    let late = Instant::now() + Duration::from_secs(30);
    loop {
        let task = kecs.ecs("DescribeTasks", &json!({ "tasks": [arn] }))["tasks"][0].clone();
        if task["lastStatus"] == "RUNNING" || task["lastStatus"] == "STOPPED" {
            return task;
        }
        assert!(Instant::now() < late, "{task}");
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf")
}

#[test]
fn no_copy_of_a_secret_stays_in_the_server() {
    let aws = Upstream::answering_each(answer);
    let place = Place::new();
    let kecs = place.start(&["--runtime", "memory", "--state", "memory", "--localstack", &aws.url()]);
    let secret = arn("b");
    let secrets = json!([
        { "name": "A", "valueFrom": "/a" },
        { "name": "B", "valueFrom": secret },
        { "name": "C", "valueFrom": format!("{secret}:password::") },
    ]);
    let task = run(&kecs, &secrets);
    // It does not run without its secrets.
    assert_eq!(task["lastStatus"], "RUNNING", "{task}");
    assert!(kecs.holds(PLAIN.as_bytes()), "what a task definition says is kept");
    for secret in ["hush-parameter", "hush-secret"] {
        assert!(!kecs.holds(secret.as_bytes()), "{secret}");
    }
}

/// Longer than the 128 bytes that a search for newlines takes at once, which a debug build leaves on the stack: serde_json counts them up to a mistake.
fn hush(name: &str) -> String {
    format!("hush-{name}").repeat(16)
}

/// What cannot be a variable, by what it is called: a whole answer of Secrets Manager, or the secret in one.
fn unreadable(name: &str) -> String {
    let hush = format!("\\\"quoted\\\", behind what is written over: {}", hush(name));
    let of_secret = |secret: String| whole(&json!({ "SecretString": secret }).to_string());
    match name {
        "no-json" => of_secret(format!("{hush} {hush}")),
        "no-object" => of_secret(format!("\"{hush}\"")),
        "a-list" => of_secret(format!("[\"{hush}\"]")),
        "broken-off" => of_secret(format!("{{\"{hush}\":\"{hush}\",\"key\":\"{hush}\"")),
        "out-of-range" => of_secret(format!("{{\"key\":{{\"{hush}\":\"{hush}\",\"n\":1e999}}}}")),
        "without-the-key" => of_secret(format!("{{\"{hush}\":[\"{hush}\"]}}")),
        "no-string" => whole(&format!("{{\"SecretString\":[\"{hush}\"]}}")),
        "twice" => whole(&format!("{{\"SecretString\":\"{hush}\",\"SecretString\":\"{hush}\"}}")),
        "no-answer" => whole(&format!("{{\"SecretString\":\"{hush}\"")),
        "too-long" => format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{{}}{hush}"),
        "no-http" => format!("HTTP/1.1 200 OK\r\ncontent-length: none\r\n\r\n{hush}"),
        other => panic!("{other}"),
    }
}

const UNREADABLE: [&str; 11] = [
    "no-json",
    "no-object",
    "a-list",
    "broken-off",
    "out-of-range",
    "without-the-key",
    "no-string",
    "twice",
    "no-answer",
    "too-long",
    "no-http",
];

#[test]
fn no_copy_of_a_secret_that_cannot_be_read_stays_in_the_server_nor_is_it_told() {
    let aws = Upstream::answering_each(|request| {
        let asked = UNREADABLE.into_iter().find(|name| request.contains(&arn(name)));
        asked.map_or_else(|| answer(request), unreadable)
    });
    let place = Place::new();
    let kecs = place.start(&["--runtime", "memory", "--state", "memory", "--localstack", &aws.url()]);
    for name in UNREADABLE {
        let task = run(&kecs, &json!([{ "name": "A", "valueFrom": format!("{}:key::", arn(name)) }]));
        assert_eq!(task["stopCode"], "TaskFailedToStart", "{name}: {task}");
        assert!(!task.to_string().contains("hush"), "{task}");
    }
    let left: Vec<_> = UNREADABLE.into_iter().filter(|name| kecs.holds(hush(name).as_bytes())).collect();
    assert!(left.is_empty(), "{left:?}");
}
