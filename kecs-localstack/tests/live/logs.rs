//! Output of containers, in real CloudWatch Logs.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::StreamExt;
use kecs_core::task_spec::LogConfiguration;
use kecs_core::{Clock, ContainerOutput, LogDriver, LogLine, LogSource, LogStream, SystemClock, TaskId, TaskRef};
use kecs_localstack::CloudWatchLogs;
use kecs_model::Timestamp;
use serde_json::{Value, json};

use crate::support::{Emulator, on_every_emulator, unique};

on_every_emulator![
    output_arrives_in_the_stream_of_its_container
    a_group_that_is_not_there_is_told
    output_without_a_prefix_is_in_the_stream_of_what_runs_it
    what_was_sent_is_not_sent_again
    a_group_that_is_gone_is_made_again
    long_output_is_sent_within_the_limits
];

fn output(emulator: &Emulator, group: &str, options: &[(&str, &str)]) -> ContainerOutput {
    let mut all: BTreeMap<String, String> = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.insert("awslogs-group".to_owned(), group.to_owned());
    let configuration = LogConfiguration { driver: "awslogs".to_owned(), options: all, secret_options: BTreeMap::new() };
    let task = TaskRef { cluster: emulator.cluster(), id: TaskId::random() };
    ContainerOutput { task, container: "web".into(), configuration, labels: BTreeMap::new() }
}

/// Lines of the last seconds, one a millisecond.
fn lines(texts: impl IntoIterator<Item = String>, first: i64) -> LogStream {
    let line = |(at, text): (i64, String)| {
        Ok(LogLine { at: Timestamp::from_millis(at), stream: LogSource::Stdout, line: Bytes::from(text) })
    };
    let lines: Vec<_> = (first..).zip(texts).map(line).collect();
    futures::stream::iter(lines).boxed()
}

fn now() -> i64 {
    SystemClock.now().as_millis()
}

async fn call(emulator: &Emulator, target: &'static str, input: &Value) -> Value {
    emulator.client().json(&emulator.caller(), "logs", target, input).await.unwrap()
}

/// All messages of a stream.
async fn messages(emulator: &Emulator, group: &str, stream: &str) -> Vec<String> {
    let mut input = json!({ "logGroupName": group, "logStreamName": stream, "startFromHead": true });
    let mut messages = Vec::new();
    loop {
        let page = call(emulator, "Logs_20140328.GetLogEvents", &input).await;
        messages.extend(page["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned()));
        if page["nextForwardToken"] == input["nextToken"] {
            return messages;
        }
        input["nextToken"] = page["nextForwardToken"].clone();
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

async fn output_arrives_in_the_stream_of_its_container(emulator: &Emulator) {
    let group = unique("/ecs/app");
    let pattern = ("awslogs-multiline-pattern", "^INFO");
    let output = output(emulator, &group, &[("awslogs-stream-prefix", "ecs"), ("awslogs-create-group", "true"), pattern]);
    let driver = CloudWatchLogs::new(emulator.backends());
    driver.prepare(&output).await.unwrap();
    driver.prepare(&output).await.unwrap();
    driver.ship(&output, lines(texts(&["INFO ü", "  at main", "INFO two"]), now())).await;
    let stream = format!("ecs/web/{}", output.task.id);
    assert_eq!(messages(emulator, &group, &stream).await, ["INFO ü\n  at main\n", "INFO two\n"]);
}

async fn a_group_that_is_not_there_is_told(emulator: &Emulator) {
    for options in [&[("awslogs-stream-prefix", "ecs")][..], &[]] {
        let output = output(emulator, &unique("none"), options);
        let error = CloudWatchLogs::new(emulator.backends()).prepare(&output).await.unwrap_err().to_string();
        let service = "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.";
        assert!(error.ends_with(service), "{error}");
    }
}

async fn output_without_a_prefix_is_in_the_stream_of_what_runs_it(emulator: &Emulator) {
    let group = unique("app");
    call(emulator, "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": group })).await;
    let mut output = output(emulator, &group, &[]);
    let driver = CloudWatchLogs::new(emulator.backends());
    driver.prepare(&output).await.unwrap();
    output.labels.insert("runtimeId", "f".repeat(64));
    driver.ship(&output, lines(texts(&["one"]), now())).await;
    assert_eq!(messages(emulator, &group, &"f".repeat(64)).await, ["one"]);
}

async fn what_was_sent_is_not_sent_again(emulator: &Emulator) {
    let group = unique("app");
    let output = output(emulator, &group, &[("awslogs-stream-prefix", "ecs"), ("awslogs-create-group", "true")]);
    let first = now();
    CloudWatchLogs::new(emulator.backends()).prepare(&output).await.unwrap();
    let all = texts(&["one", "two", "three", "four"]);
    for count in [2, 2, 4] {
        let lines = lines(all[..count].to_vec(), first);
        CloudWatchLogs::new(emulator.backends()).ship(&output, lines).await;
    }
    assert_eq!(messages(emulator, &group, &format!("ecs/web/{}", output.task.id)).await, all);
}

async fn a_group_that_is_gone_is_made_again(emulator: &Emulator) {
    let group = unique("app");
    let output = output(emulator, &group, &[("awslogs-stream-prefix", "ecs"), ("awslogs-create-group", "true")]);
    let driver = CloudWatchLogs::new(emulator.backends());
    driver.prepare(&output).await.unwrap();
    call(emulator, "Logs_20140328.DeleteLogGroup", &json!({ "logGroupName": group })).await;
    driver.ship(&output, lines(texts(&["one"]), now())).await;
    assert_eq!(messages(emulator, &group, &format!("ecs/web/{}", output.task.id)).await, ["one"]);
}

async fn long_output_is_sent_within_the_limits(emulator: &Emulator) {
    let group = unique("app");
    let options = [("awslogs-stream-prefix", "ecs"), ("awslogs-create-group", "true"), ("mode", "blocking")];
    let output = output(emulator, &group, &options);
    let driver = CloudWatchLogs::new(emulator.backends());
    driver.prepare(&output).await.unwrap();
    let all: Vec<String> = (0..12_000).map(|number| format!("{number} {}", "x".repeat(200))).collect();
    driver.ship(&output, lines(all.clone(), now() - 20_000)).await;
    let arrived = messages(emulator, &group, &format!("ecs/web/{}", output.task.id)).await;
    assert!(arrived == all, "{} of {}", arrived.len(), all.len());
}
