//! What the log says of requests, and of output that is lost.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::Place;
use crate::sidecar::sockets::Upstream;

/// The health of a LocalStack, and an empty answer to all else.
fn answer(status: &str, request: &str) -> String {
    let body = if request.starts_with("GET /_localstack") { r#"{"services":{},"version":"4.14.0"}"# } else { "{}" };
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn each_request_is_a_line_with_its_service_operation_status_and_time() {
    let aws = Upstream::answering_each(|request| {
        answer(if request.contains("DeleteParameter") { "500 Internal Server Error" } else { "200 OK" }, request)
    });
    let place = Place::new();
    let arguments = ["--runtime", "memory", "--state", "memory", "--localstack", &aws.url(), "--log", "info,kecs_server=debug"];
    let kecs = place.start(&arguments);
    let target = |target: &str| format!("x-amz-target: {target}\r\n");
    kecs.ecs("ListClusters", &json!({}));
    let calls = [
        ("POST", "/", target("AmazonEC2ContainerServiceV20141113.DescribeTasks"), 400),
        ("POST", "/", target("AmazonSSM.PutParameter"), 200),
        ("POST", "/", target("AmazonSSM.DeleteParameter"), 500),
        ("PUT", "/bucket/key", String::new(), 200),
    ];
    for (method, path, headers, status) in calls {
        let (answered, body) = kecs.http(method, path, &headers, r#"{"clientToken":"hush"}"#);
        assert_eq!(answered, status, "{headers}: {body}");
    }
    kecs.signal(Signal::TERM);
    let (_, _, log) = kecs.wait();
    let expected = [
        ("DEBUG", "ecs", "ListClusters", 200),
        ("INFO", "ecs", "DescribeTasks", 400),
        ("DEBUG", "ssm", "PutParameter", 200),
        ("ERROR", "ssm", "DeleteParameter", 500),
        ("DEBUG", "s3", "PUT object", 200),
    ];
    for (level, service, operation, status) in expected {
        let operation = format!("operation=\"{operation}\"");
        let line =
            log.lines().find(|line| line.contains(&operation) && line.contains(": answered ")).unwrap_or_else(|| panic!("{log}"));
        // Of what ECS and the endpoint answer, service and operation are in a span.
        let service = [format!("service=\"{service}\""), format!("service={service} ")];
        assert!(service.iter().any(|service| line.contains(service)) && line.contains("request_id="), "{line}");
        assert!(line.contains(&format!(" {level} ")) && line.contains(&format!(" status={status} ")), "{line}");
        assert!(line.rsplit_once(" micros=").is_some_and(|(_, micros)| micros.parse::<u64>().is_ok()), "{line}");
    }
    assert!(!log.contains("hush"), "no body is in the log: {log}");
}

#[test]
fn output_that_blocking_mode_loses_while_the_service_is_away_is_counted() {
    let (there, (arrived, arrives)) = (Arc::new(Mutex::new(())), channel());
    let (gate, arrived) = (Arc::clone(&there), Mutex::new(arrived));
    let aws = Upstream::answering_each(move |request| {
        if request.contains("Logs_20140328.PutLogEvents") {
            drop(gate.lock().unwrap());
            for message in ["first", "last"].into_iter().filter(|text| request.contains(&format!(r#""message":"{text}""#))) {
                arrived.lock().unwrap().send(message).unwrap();
            }
        }
        answer("200 OK", request)
    });
    let place = Place::new();
    let mut kecs = place.start(&["--localstack", &aws.url(), "--on-exit", "stop"]);
    let (away, written) = (place.pipe("away"), place.pipe("written"));
    // 60 MB and what stands before each line: five files of 10 MiB, and most of a sixth.
    let script = format!(
        "echo first; read it < {}; head -c 60000000 /dev/zero | tr '\\0' x | fold -w 10000; echo; echo last; echo > {}",
        away.display(),
        written.display()
    );
    kecs.ecs("CreateCluster", &json!({}));
    let logs = json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "of", "mode": "blocking",
    } });
    let container =
        json!({ "name": "web", "image": "none", "memory": 64, "command": ["/bin/sh", "-c", script], "logConfiguration": logs });
    kecs.ecs("RegisterTaskDefinition", &json!({ "family": "much", "containerDefinitions": [container] }));
    kecs.ecs("RunTask", &json!({ "taskDefinition": "much" }));
    assert_eq!(arrives.recv().unwrap(), "first");
    let shut = there.lock().unwrap();
    std::fs::write(away, "\n").unwrap();
    std::fs::read_to_string(written).unwrap();
    drop(shut);
    // The first is being read, and the last two are kept.
    kecs.wait_for_remark("logs/web files=3");
    assert_eq!(arrives.recv().unwrap(), "last");
}
