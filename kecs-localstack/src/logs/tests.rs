//! The driver against a CloudWatch Logs that is played: what it is sent, and what becomes of output when it fails.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kecs_core::task_spec::LogConfiguration;
use kecs_core::testing::task_ref;
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ErrorKind, LogLine, LogSource, OneBackend};
use kecs_model::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;

/// The output of a container `web` with these options.
pub(super) fn output(options: &[(&str, &str)]) -> ContainerOutput {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let configuration = LogConfiguration { driver: "awslogs".to_owned(), options, secret_options: BTreeMap::new() };
    ContainerOutput { task: task_ref("default"), container: "web".into(), configuration, labels: BTreeMap::new() }
}

pub(super) fn line(at: i64, text: &str) -> LogLine {
    LogLine { at: Timestamp::from_millis(at), stream: LogSource::Stdout, line: Bytes::copy_from_slice(text.as_bytes()) }
}

fn of_prefix() -> ContainerOutput {
    output(&[("awslogs-group", "app"), ("awslogs-stream-prefix", "ecs")])
}

fn with(mut output: ContainerOutput, name: &str, value: &str) -> ContainerOutput {
    output.configuration.options.insert(name.to_owned(), value.to_owned());
    output
}

/// What it holds: events by `group:stream`; a group of no stream yet as `group:`.
type Streams = BTreeMap<String, Vec<(i64, String)>>;

/// A CloudWatch Logs in memory. Its faults come first, one for each call.
#[derive(Debug, Default)]
struct Played {
    streams: watch::Sender<Streams>,
    calls: Mutex<Vec<(String, Value)>>,
    faults: Mutex<VecDeque<Fault>>,
    /// It is up, and has told that it does not serve logs.
    has_none: AtomicBool,
}

#[derive(Debug)]
enum Fault {
    /// Nobody answers.
    Away,
    /// It was started anew, and has forgotten all.
    Restart,
    Answer(u16, &'static str),
    /// It was started by this call, and has none.
    HasNone,
    /// Something answers, and not as the service does.
    Garbage,
    /// Something answers that does not even speak HTTP.
    NotHttp,
}

impl Played {
    fn with_groups(groups: &[&str]) -> Arc<Self> {
        let played = Self::default();
        let streams = groups.iter().map(|group| (format!("{group}:"), Vec::new())).collect();
        played.streams.send_replace(streams);
        Arc::new(played)
    }

    fn driver(self: &Arc<Self>) -> CloudWatchLogs {
        CloudWatchLogs::new(Arc::new(OneBackend(Arc::clone(self) as _)))
    }

    fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    fn operations(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(operation, _)| operation.clone()).collect()
    }

    fn messages(&self, stream: &str) -> Vec<String> {
        self.streams.borrow().get(stream).into_iter().flatten().map(|(_, message)| message.clone()).collect()
    }

    /// Waits until a stream has so many events.
    async fn until(&self, stream: &str, count: usize) {
        let enough = |streams: &Streams| streams.get(stream).is_some_and(|events| events.len() >= count);
        self.streams.subscribe().wait_for(enough).await.unwrap();
    }

    fn answer(&self, operation: &str, input: &Value) -> (u16, Value) {
        let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
        let (group, name) = (text("logGroupName"), text("logStreamName"));
        let (group_key, key) = (format!("{group}:"), format!("{group}:{name}"));
        let refused = |code: &str, message: &str| (400, json!({ "__type": code, "message": message }));
        let mut answer = (200, json!({}));
        self.streams.send_modify(|streams| {
            let has_group = streams.contains_key(&group_key);
            answer = match operation {
                "CreateLogGroup" if has_group => {
                    refused("ResourceAlreadyExistsException", "The specified log group already exists")
                }
                "CreateLogGroup" => {
                    streams.insert(group_key, Vec::new());
                    (200, json!({}))
                }
                "DescribeLogGroups" => {
                    let groups = streams.keys().filter_map(|key| key.strip_suffix(':'));
                    (200, json!({ "logGroups": groups.map(|group| json!({ "logGroupName": group })).collect::<Vec<_>>() }))
                }
                _ if !has_group => refused("ResourceNotFoundException", "The specified log group does not exist."),
                "CreateLogStream" => {
                    streams.entry(key).or_default();
                    (200, json!({}))
                }
                _ if !streams.contains_key(&key) => {
                    refused("ResourceNotFoundException", "The specified log stream does not exist.")
                }
                "PutLogEvents" => {
                    let events = input["logEvents"].as_array().unwrap().iter();
                    let events =
                        events.map(|event| (event["timestamp"].as_i64().unwrap(), event["message"].as_str().unwrap().to_owned()));
                    streams.get_mut(&key).unwrap().extend(events);
                    (200, json!({ "nextSequenceToken": "1" }))
                }
                _ => {
                    // GetLogEvents from the end: a token is how many of the last events were given.
                    let given: usize = input["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                    let events = &streams[&key];
                    let end = events.len() - given;
                    let start = end.saturating_sub(usize::try_from(input["limit"].as_u64().unwrap()).unwrap());
                    let page: Vec<Value> =
                        events[start..end].iter().map(|(at, _)| json!({ "timestamp": at, "message": "…" })).collect();
                    (200, json!({ "events": page, "nextBackwardToken": (events.len() - start).to_string() }))
                }
            };
        });
        answer
    }
}

#[async_trait]
impl AwsServiceBackend for Played {
    fn serves(&self, _: &ServiceId) -> bool {
        !self.has_none.load(Ordering::Relaxed)
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::Ready)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        assert_eq!(service.as_str(), "logs");
        let (head, body) = request.into_parts();
        let input: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
        let target = head.headers["x-amz-target"].to_str().unwrap().to_owned();
        let operation = target.strip_prefix("Logs_20140328.").unwrap();
        let mut noted = input.clone();
        noted["credential"] = head.headers["authorization"].to_str().unwrap().into();
        self.calls.lock().unwrap().push((operation.to_owned(), noted));
        let fault = self.faults.lock().unwrap().pop_front();
        let (status, answer) = match fault {
            Some(Fault::Away) => return Err(BackendError::new(ErrorKind::Unavailable, "nobody is there")),
            Some(Fault::Answer(status, code)) => (status, json!({ "__type": code })),
            Some(Fault::HasNone) => {
                self.has_none.store(true, Ordering::Relaxed);
                (501, json!({ "__type": "InternalFailure", "message": "Service 'logs' is not enabled." }))
            }
            Some(Fault::Garbage) => {
                return Ok(Response::new(Full::new(Bytes::from("garbage")).map_err(|never| match never {}).boxed_unsync()));
            }
            Some(Fault::NotHttp) => {
                return Err(BackendError::new(ErrorKind::Internal, "it answered with something that is not HTTP"));
            }
            Some(Fault::Restart) => {
                self.streams.send_replace(Streams::new());
                self.answer(operation, &input)
            }
            None => self.answer(operation, &input),
        };
        let body = Full::new(Bytes::from(answer.to_string())).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().status(status).body(body).unwrap())
    }
}

fn stream_of(output: &ContainerOutput) -> String {
    format!("app:ecs/web/{}", output.task.id)
}

fn lines(texts: &[&str]) -> LogStream {
    let lines: Vec<_> = (1..).zip(texts).map(|(at, text)| Ok(line(at, text))).collect();
    futures::stream::iter(lines).boxed()
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_named_by_prefix_container_and_task() {
    // LogConfiguration: "prefix-name/container-name/ecs-task-id".
    let (played, output) = (Played::with_groups(&["app"]), of_prefix());
    played.driver().prepare(&output).await.unwrap();
    assert_eq!(played.operations(), ["CreateLogStream"]);
    played.driver().ship(&output, lines(&["one", "two"])).await;
    assert_eq!(played.messages(&stream_of(&output)), ["one", "two"]);
    let calls = played.calls.lock().unwrap();
    assert!(calls[0].1["credential"].as_str().unwrap().contains("Credential=000000000000/20000101/us-east-1/logs/"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_serves_logs_the_first_task_is_let_run_as_the_next_is() {
    let (played, output) = (Played::with_groups(&["app"]), of_prefix());
    played.fails([Fault::HasNone]);
    for _ in 0..2 {
        played.driver().prepare(&output).await.unwrap();
        played.driver().ship(&output, lines(&["one"])).await;
    }
    assert_eq!(played.operations(), ["CreateLogStream"], "it is asked once");

    // A task that runs already when KECS starts is what asks first.
    let played = Played::with_groups(&["app"]);
    played.fails([Fault::HasNone]);
    played.driver().ship(&output, lines(&["one"])).await;
    assert_eq!(played.operations(), ["GetLogEvents"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_prefix_a_stream_is_named_by_what_runs_the_container() {
    let mut output = output(&[("awslogs-group", "app"), ("awslogs-region", "eu-west-3")]);
    let container = "a".repeat(64);
    // The id of a process is not unique.
    for (runtime_id, stream) in [(&*container, format!("app:{container}")), ("4711", format!("app:{}-4711", output.task.id))] {
        let played = Played::with_groups(&["app"]);
        played.driver().prepare(&output).await.unwrap();
        output.labels.insert("runtimeId", runtime_id.to_owned());
        played.driver().ship(&output, lines(&["one"])).await;
        assert_eq!(played.messages(&stream), ["one"]);
        let calls = played.calls.lock().unwrap();
        assert!(calls.iter().all(|(_, input)| input["credential"].as_str().unwrap().contains("/eu-west-3/logs/")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_made_where_that_is_asked_for() {
    for output in [of_prefix(), output(&[("awslogs-group", "app")])] {
        let (played, output) = (Played::with_groups(&[]), with(output, "awslogs-create-group", "true"));
        played.driver().prepare(&output).await.unwrap();
        assert!(played.streams.borrow().contains_key("app:"));
        played.driver().prepare(&output).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_there_is_said_as_aws_says_it() {
    // "Amazon ECS stopped task error messages", and reports such as prakhar1989/docker-curriculum#260 (EC2) and
    // TechToSpeech/terraform-aws-serverless-static-wordpress#74 (Fargate).
    let service = "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.";
    for mut output in [of_prefix(), output(&[("awslogs-group", "app")])] {
        let played = Played::with_groups(&["application"]);
        let error = played.driver().prepare(&output).await.unwrap_err();
        assert!(matches!(error, LogError::Invalid { .. }));
        let ec2 = format!("CannotStartContainerError: Error response from daemon: failed to initialize logging driver: {service}");
        assert_eq!(error.to_string(), ec2);
        output.labels.insert("launchType", "FARGATE".to_owned());
        let fargate = format!(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: {service} : exit status 1"
        );
        assert_eq!(played.driver().prepare(&output).await.unwrap_err().to_string(), fargate);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_may_be_asked_again() {
    let played = Played::with_groups(&["app"]);
    played.fails([Fault::Away, Fault::Answer(503, "ServiceUnavailableException"), Fault::Answer(501, "InternalFailure")]);
    for retryable in [true, true, false] {
        let error = played.driver().prepare(&of_prefix()).await.unwrap_err();
        assert_eq!(matches!(error, LogError::Unavailable { .. }), retryable, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn lines_arrive_while_the_container_runs() {
    let (played, output) = (Played::with_groups(&["app"]), of_prefix());
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    let (printed, lines) = mpsc::unbounded_channel();
    let shipping = driver.ship(&output, UnboundedReceiverStream::new(lines).boxed());
    let stream = stream_of(&output);
    let user = async {
        printed.send(Ok(line(1, "one"))).unwrap();
        tokio::time::timeout(Duration::from_secs(2), played.until(&stream, 1)).await.unwrap();
        printed.send(Ok(line(2, "two"))).unwrap();
        tokio::time::timeout(Duration::from_secs(2), played.until(&stream, 2)).await.unwrap();
        drop(printed);
    };
    tokio::join!(shipping, user);
}

#[tokio::test(start_paused = true)]
async fn the_last_lines_of_an_event_do_not_wait_for_more_for_ever() {
    let (played, output) = (Played::with_groups(&["app"]), with(of_prefix(), "awslogs-datetime-format", "^%H:%M"));
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    let (printed, lines) = mpsc::unbounded_channel();
    let shipping = driver.ship(&output, UnboundedReceiverStream::new(lines).boxed());
    let stream = stream_of(&output);
    let user = async {
        printed.send(Ok(line(1, "12:00 one"))).unwrap();
        printed.send(Ok(line(2, "  at main"))).unwrap();
        tokio::time::timeout(Duration::from_secs(7), played.until(&stream, 1)).await.unwrap();
        drop(printed);
    };
    tokio::join!(shipping, user);
    assert_eq!(played.messages(&stream), ["12:00 one\n  at main\n"]);
}

#[tokio::test(start_paused = true)]
async fn output_survives_a_service_that_is_away_throttles_and_forgets() {
    let (played, output) = (Played::with_groups(&["app"]), of_prefix());
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    // Of the question what was sent.
    played.fails([Fault::Away, Fault::Answer(500, "InternalFailure"), Fault::Answer(400, "ResourceNotFoundException")]);
    // Of PutLogEvents.
    played.fails([Fault::Away, Fault::Answer(400, "ThrottlingException"), Fault::Answer(500, "InternalFailure"), Fault::Restart]);
    driver.ship(&output, lines(&["one", "two"])).await;
    assert_eq!(played.messages(&stream_of(&output)), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn output_survives_answers_that_are_not_the_services() {
    let (played, output) = (Played::with_groups(&["app"]), of_prefix());
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    driver.ship(&output, lines(&["one"])).await;
    // Of the question what was sent, and of PutLogEvents.
    played.fails([Fault::Garbage, Fault::NotHttp]);
    let faulty = Arc::clone(&played);
    let all = futures::stream::iter([Ok(line(1, "one")), Ok(line(2, "two"))]).inspect(move |_| {
        faulty.fails([Fault::Garbage, Fault::NotHttp]);
    });
    driver.ship(&output, all.boxed()).await;
    assert_eq!(played.messages(&stream_of(&output)), ["one", "two"]);
    assert!(played.faults.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_does_not_hold_up_the_rest() {
    let (played, output) = (Played::with_groups(&["app"]), of_prefix());
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    let (printed, lines) = mpsc::unbounded_channel();
    let shipping = driver.ship(&output, UnboundedReceiverStream::new(lines).boxed());
    let stream = stream_of(&output);
    let user = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        played.fails([Fault::Answer(400, "InvalidParameterException")]);
        printed.send(Ok(line(1, "one"))).unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        printed.send(Ok(line(2, "two"))).unwrap();
        played.until(&stream, 1).await;
        drop(printed);
    };
    tokio::join!(shipping, user);
    assert_eq!(played.messages(&stream), ["two"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_what_was_sent_is_not_sent_again() {
    let (played, output) = (Played::with_groups(&["app"]), of_prefix());
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    // More lines of one moment than one page of GetLogEvents holds.
    let mut all = vec![(1, "first".to_owned())];
    all.extend((0..2_500).map(|number| (2, number.to_string())));
    let stream = |count: usize| {
        let lines: Vec<_> = all.iter().take(count).map(|(at, text)| Ok(line(*at, text))).collect();
        futures::stream::iter(lines).boxed()
    };
    for count in [0, 1, 1_700, 2_501, 2_501] {
        played.driver().ship(&output, stream(count)).await;
    }
    assert_eq!(played.messages(&stream_of(&output)), all.into_iter().map(|(_, text)| text).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn without_blocking_the_oldest_lines_are_lost_while_the_service_is_away() {
    let output = with(of_prefix(), "max-buffer-size", "310");
    let played = Played::with_groups(&["app"]);
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    let texts: Vec<String> = (0..100).map(|number| format!("{number:05}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    driver.ship(&output, lines(&texts)).await;
    // 310 / (5 + 26) = 10.
    assert_eq!(played.messages(&stream_of(&output)), texts[90..]);
}

#[tokio::test]
async fn a_container_is_to_wait_in_blocking_mode_where_there_is_somebody_to_wait_for() {
    // "If you specify the blocking mode and the flow of logs is interrupted, calls from container code to write to the stdout and stderr streams will
    // block" (LogConfiguration in the API reference of Amazon ECS).
    let driver = Played::with_groups(&["app"]).driver();
    let modes = ["blocking", "non-blocking"].map(|mode| with(of_prefix(), "mode", mode));
    assert_eq!(modes.each_ref().map(|output| driver.is_blocking(output)), [true, false]);
    assert!(!driver.is_blocking(&of_prefix()));
    let nobody = CloudWatchLogs::new(Arc::new(OneBackend(Arc::new(kecs_core::NoAwsServices))));
    assert!(!nobody.is_blocking(&modes[0]));
}

#[tokio::test(start_paused = true)]
async fn blocking_keeps_every_line_and_reads_no_further_than_it_can_send() {
    let output = with(of_prefix(), "mode", "blocking");
    let played = Played::with_groups(&["app"]);
    let driver = played.driver();
    driver.prepare(&output).await.unwrap();
    let read = Arc::new(Mutex::new(0));
    let (reading, text) = (Arc::clone(&read), "x".repeat(10_000));
    let lines = futures::stream::iter(0..1_000).map(move |at| {
        *reading.lock().unwrap() += 1;
        Ok(line(at, &text))
    });
    // One answer to the question what was sent; then nobody is there for some minutes.
    played.fails([Fault::Answer(400, "ResourceNotFoundException")]);
    played.fails(std::iter::repeat_with(|| Fault::Away).take(20));
    let user = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        // Two batches of 1 MiB, and the line in hand.
        assert!((2..=2 * 105 + 1).contains(&*read.lock().unwrap()), "{read:?}");
    };
    tokio::join!(driver.ship(&output, lines.boxed()), user);
    assert_eq!(played.messages(&stream_of(&output)).len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn without_cloudwatch_logs_output_stays_where_it_is() {
    let driver = CloudWatchLogs::new(Arc::new(OneBackend(Arc::new(kecs_core::NoAwsServices))));
    driver.prepare(&of_prefix()).await.unwrap();
    // Lines that never end are not waited for.
    driver.ship(&of_prefix(), futures::stream::pending().boxed()).await;
}
