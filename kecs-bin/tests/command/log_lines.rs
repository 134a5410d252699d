//! What the log says of requests, and of output that is lost.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

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
fn output_that_a_slow_reader_did_not_get_is_counted() {
    let place = Place::new();
    let kecs = place.start(&["--localstack", "off", "--on-exit", "stop"]);
    let (followed, written) = (place.pipe("followed"), place.pipe("written"));
    // 60 MB and what stands before each line: five files of 10 MiB, and most of a sixth, of which two are kept.
    let script = format!(
        "echo first; read it < {}; head -c 60000000 /dev/zero | tr '\\0' x | fold -w 10000; echo; echo last; echo > {}",
        followed.display(),
        written.display()
    );
    let task = kecs.run_task(&script);
    let mut reader = TcpStream::connect(kecs.authority()).unwrap();
    write!(reader, "GET /_kecs/tasks/{task}/logs?follow=true HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", kecs.authority())
        .unwrap();
    let mut lines = BufReader::new(reader).lines();
    let mut find = |text: &str| lines.by_ref().map_while(Result::ok).any(|line| line.contains(text));
    assert!(find("first"));
    std::fs::write(followed, "\n").unwrap();
    // Nobody waits for a reader of this kind.
    std::fs::read_to_string(written).unwrap();
    assert!(find("last"));
    kecs.signal(Signal::TERM);
    let (_, _, log) = kecs.wait();
    let told =
        log.lines().find(|line| line.contains("made room for newer ones before it was read")).unwrap_or_else(|| panic!("{log}"));
    // The connection holds some of what is on its way, but not a second file.
    assert!(told.contains("logs/app files=3") || told.contains("logs/app files=2"), "{told}");
}
