//! A scheduler that stores, an ECS that notes, and a clock that moves with the tests' own time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, Clock, ErrorKind, Scope, ServiceId, TokioClock};
use kecs_model::ecs::{EcsApi, RunTaskRequest, RunTaskResponse, Task};
use kecs_model::{ApiError, RequestContext, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::{EcsScheduleRunner, EcsSchedules};

/// When each test begins, a Thursday.
pub(super) const BEGIN: &str = "2026-01-01T00:00:00Z";
pub(super) const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/blue";
pub(super) const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/report:3";

/// EventBridge Scheduler as LocalStack has it, and as much of SQS as a dead letter needs.
#[derive(Debug, Default)]
pub(super) struct Cloud {
    /// By `group/name`.
    pub(super) schedules: Mutex<BTreeMap<String, Value>>,
    /// Method and path of each call of the scheduler.
    pub(super) calls: Mutex<Vec<String>>,
    pub(super) letters: Mutex<Vec<Value>>,
    pub(super) away: AtomicBool,
}

impl Cloud {
    fn scheduler(&self, method: &Method, uri: &http::Uri, mut body: Value) -> (u16, Value) {
        self.calls.lock().unwrap().push(format!("{method} {uri}"));
        let mut schedules = self.schedules.lock().unwrap();
        let query = uri.query().unwrap_or_default();
        let name = uri.path().rsplit('/').next().unwrap();
        let group = query.strip_prefix("groupName=").or(body["GroupName"].as_str()).unwrap_or("default").to_owned();
        let key = format!("{group}/{name}");
        let missing = || (404, json!({ "__type": "ResourceNotFoundException", "Message": "Schedule does not exist." }));
        if uri.path() == "/schedules" {
            // A page for each, to see that all are asked for.
            let page: usize = query.split("NextToken=").nth(1).map_or(0, |token| token.parse().unwrap());
            let next = if page + 1 < schedules.len() { json!((page + 1).to_string()) } else { Value::Null };
            let item = |(key, schedule): (&String, &Value)| {
                let (group, name) = key.split_once('/').unwrap();
                json!({ "GroupName": group, "Name": name, "Target": { "Arn": schedule["Target"]["Arn"] } })
            };
            return (
                200,
                json!({ "Schedules": schedules.iter().skip(page).take(1).map(item).collect::<Vec<_>>(), "NextToken": next }),
            );
        }
        match method.as_str() {
            "POST" | "PUT" => {
                body["CreationDate"] = schedules.get(&key).map_or(json!(1_767_225_600), |before| before["CreationDate"].clone());
                schedules.insert(key, body);
                (200, json!({ "ScheduleArn": "arn" }))
            }
            "DELETE" if uri.path().starts_with("/schedule-groups/") => {
                schedules.retain(|key, _| !key.starts_with(&format!("{name}/")));
                (200, json!({}))
            }
            "DELETE" => schedules.remove(&key).map_or_else(missing, |_| (200, json!({}))),
            _ => schedules.get(&key).map_or_else(missing, |schedule| (200, schedule.clone())),
        }
    }

    fn queue(&self, target: &str, body: Value) -> Value {
        if target == "AmazonSQS.SendMessage" {
            self.letters.lock().unwrap().push(body);
            return json!({});
        }
        json!({ "QueueUrl": format!("http://localhost/{}", body["QueueName"].as_str().unwrap()) })
    }
}

#[async_trait]
impl AwsServiceBackend for Cloud {
    fn serves(&self, _: &ServiceId) -> bool {
        true
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::Ready)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(BackendError::new(ErrorKind::Unavailable, "LocalStack is starting"));
        }
        let (head, body) = request.into_parts();
        let body = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or_default();
        let (status, answer) = match service.as_str() {
            "sqs" => (200, self.queue(head.headers["x-amz-target"].to_str().unwrap(), body)),
            "cloudformation" => (200, json!({})),
            _ => self.scheduler(&head.method, &head.uri, body),
        };
        let body = Full::new(Bytes::from(answer.to_string())).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().status(status).body(body).unwrap())
    }
}

/// What ECS was asked for, and how long after the beginning.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) after: Duration,
    pub(super) context: RequestContext,
    pub(super) request: RunTaskRequest,
}

/// Notes what it is asked for, and answers what it was told to, or with a task.
#[derive(Debug)]
struct Noting {
    begin: Instant,
    runs: mpsc::UnboundedSender<Run>,
    answers: Arc<Mutex<VecDeque<Result<RunTaskResponse, ApiError>>>>,
}

#[async_trait]
impl EcsApi for Noting {
    async fn run_task(&self, ctx: &RequestContext, input: RunTaskRequest) -> Result<RunTaskResponse, ApiError> {
        let run = Run { after: self.begin.elapsed(), context: ctx.clone(), request: input };
        let _ = self.runs.send(run);
        let placed = RunTaskResponse { tasks: Some(vec![Task::default()]), ..RunTaskResponse::default() };
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(placed))
    }
}

/// Schedules, and what becomes of them.
#[derive(Debug)]
pub(super) struct World {
    pub(super) cloud: Arc<Cloud>,
    schedules: EcsSchedules,
    runs: mpsc::UnboundedReceiver<Run>,
    pub(super) answers: Arc<Mutex<VecDeque<Result<RunTaskResponse, ApiError>>>>,
    begin: Instant,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Arc::default(), Arc::new(TokioClock::starting_at(time(BEGIN))))
    }

    /// One whose scheduler has something already, or whose clock is another.
    pub(super) fn with(cloud: Arc<Cloud>, clock: Arc<dyn Clock>) -> Self {
        let (schedules, runner): (_, EcsScheduleRunner) = EcsSchedules::new(Arc::clone(&cloud) as _, clock);
        let (asked, runs) = mpsc::unbounded_channel();
        let (begin, answers) = (Instant::now(), Arc::default());
        let api = Noting { begin, runs: asked, answers: Arc::clone(&answers) };
        tokio::spawn(runner.run(Arc::new(api), vec![Scope::new("123456789012", "eu-west-1")]));
        Self { cloud, schedules, runs, answers, begin }
    }

    /// A call as an SDK makes it; what was answered.
    pub(super) async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.call_of("scheduler", method, path, body).await
    }

    /// Asks CloudFormation how far a stack is.
    pub(super) async fn ask_for_stacks(&self) {
        self.call_of("cloudformation", Method::POST, "/", &json!({})).await;
    }

    async fn call_of(&self, service: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed_unsync();
        let credential = format!("123456789012/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}"))
            .body(body)
            .unwrap();
        let response = self.schedules.call(&ServiceId::new(service), request).await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
    }

    /// Creates the schedule `nightly`.
    pub(super) async fn create(&self, schedule: &Value) {
        let (status, answer) = self.call(Method::POST, "/schedules/nightly", schedule).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The next run, if it comes within this time.
    pub(super) async fn run_within(&mut self, patience: Duration) -> Option<Run> {
        tokio::time::timeout(patience, self.runs.recv()).await.ok().map(|run| run.expect("somebody runs tasks"))
    }

    /// The seconds after the beginning at which tasks run within this time from now.
    pub(super) async fn runs_within(&mut self, patience: Duration) -> Vec<u64> {
        let end = Instant::now() + patience;
        let mut seconds = Vec::new();
        while let Some(run) = self.run_within(end - Instant::now()).await {
            seconds.push(run.after.as_secs());
        }
        seconds
    }

    /// Lets so much time pass since the beginning.
    pub(super) async fn until(&self, after: Duration) {
        tokio::time::sleep_until(self.begin + after).await;
    }

    /// Whether the schedule `nightly` is stored.
    pub(super) fn has_nightly(&self) -> bool {
        self.cloud.schedules.lock().unwrap().contains_key("default/nightly")
    }
}

pub(super) fn time(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).unwrap()
}

/// A schedule of a cluster, with further members.
pub(super) fn schedule(expression: &str, further: Value) -> Value {
    let mut schedule = json!({
        "ScheduleExpression": expression, "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": { "Arn": CLUSTER, "RoleArn": "arn:aws:iam::123456789012:role/scheduler", "EcsParameters": { "TaskDefinitionArn": DEFINITION } },
    });
    let Value::Object(further) = further else { panic!("{further} has no members") };
    for (name, value) in further {
        match (name.as_str(), value) {
            ("Target", Value::Object(members)) => schedule["Target"].as_object_mut().unwrap().extend(members),
            (_, value) => schedule[name] = value,
        }
    }
    schedule
}
