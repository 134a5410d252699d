//! ECS targets on a backend that is played: what goes to it, and what ECS is asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, MockAwsServiceBackend, Scope, ServiceId};
use kecs_model::ecs::{EcsApi, RunTaskRequest, RunTaskResponse};
use kecs_model::{ApiError, RequestContext};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::EcsTargets;

/// EventBridge and SQS, as far as targets need them.
#[derive(Debug, Default)]
struct Cloud {
    /// The targets of each rule.
    targets: Mutex<HashMap<String, Vec<Value>>>,
    /// What all rules fire by.
    fires_by: Mutex<Value>,
    fired: AtomicU64,
    messages: Mutex<VecDeque<Value>>,
    arrived: Notify,
    put: Notify,
    /// Service, operation, the credential's account and region, and the input of each call, but those that wait for messages.
    calls: Mutex<Vec<(String, String, Value)>>,
}

impl Cloud {
    /// A rule fires: its target gets this.
    fn fire(&self, rule: &str, input: &str) {
        for target in &self.targets.lock().unwrap()[rule] {
            let number = self.fired.fetch_add(1, Ordering::Relaxed) + 1;
            // The first two in one minute.
            let sent = (1_767_225_600_000 + (number / 3) * 60_000).to_string();
            let attributes = json!({ "MessageGroupId": target["SqsParameters"]["MessageGroupId"], "SentTimestamp": sent });
            let (id, receipt) = (format!("m-{number}"), format!("r-{number}"));
            let message = json!({ "MessageId": id, "ReceiptHandle": receipt, "Body": input, "Attributes": attributes });
            self.messages.lock().unwrap().push_back(message);
        }
        self.arrived.notify_one();
    }

    fn operations(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(operation, ..)| operation.clone()).collect()
    }

    fn input(&self, operation: &str) -> (String, Value) {
        let calls = self.calls.lock().unwrap();
        let (_, credential, input) = calls.iter().find(|(called, ..)| called == operation).unwrap();
        (credential.clone(), input.clone())
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

    async fn call(&self, _: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let (head, body) = request.into_parts();
        let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
        let operation = header("x-amz-target").split_once('.').unwrap().1.to_owned();
        let credential = header("authorization").split("Credential=").nth(1).unwrap().split(',').next().unwrap().to_owned();
        let body = body.collect().await.unwrap().to_bytes();
        let length = head.headers.get("content-length").map(|length| length.to_str().unwrap().parse::<usize>().unwrap());
        assert!(length.is_none_or(|length| length == body.len()));
        let input: Value = serde_json::from_slice(&body).unwrap();
        if operation != "ReceiveMessage" {
            self.calls.lock().unwrap().push((operation.clone(), credential, input.clone()));
        }
        let rule = input["Rule"].as_str().unwrap_or_default();
        let answer = match operation.as_str() {
            "PutTargets" => {
                self.targets.lock().unwrap().insert(rule.to_owned(), input["Targets"].as_array().unwrap().clone());
                self.put.notify_one();
                json!({ "FailedEntryCount": 0, "FailedEntries": [] })
            }
            "ListTargetsByRule" => json!({ "Targets": self.targets.lock().unwrap()[rule] }),
            "ListRuleNamesByTarget" => {
                let targets = self.targets.lock().unwrap();
                let has = |targets: &Vec<Value>| targets.iter().any(|target| target["Arn"] == input["TargetArn"]);
                let mut rules: Vec<&String> = targets.iter().filter(|(_, targets)| has(targets)).map(|(rule, _)| rule).collect();
                rules.sort();
                json!({ "RuleNames": rules })
            }
            "DescribeRule" => self.fires_by.lock().unwrap().clone(),
            "ListEventBuses" => json!({ "EventBuses": [{ "Name": "default" }] }),
            // A page for each, to see that all are asked for.
            "ListRules" => {
                let targets = self.targets.lock().unwrap();
                let mut rules: Vec<&String> = targets.keys().collect();
                rules.sort();
                let page: usize = input["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let next = (page + 1 < rules.len()).then(|| (page + 1).to_string());
                let rules: Vec<Value> = rules.into_iter().skip(page).take(1).map(|rule| json!({ "Name": rule })).collect();
                json!({ "Rules": rules, "NextToken": next })
            }
            "CreateQueue" | "GetQueueUrl" => json!({ "QueueUrl": "http://localhost/queue" }),
            "ReceiveMessage" => {
                while self.messages.lock().unwrap().is_empty() {
                    self.arrived.notified().await;
                }
                json!({ "Messages": [self.messages.lock().unwrap().pop_front()] })
            }
            _ => json!({}),
        };
        let body = Full::new(answer.to_string().into()).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::new(body))
    }
}

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/blue";

/// A call as an SDK makes it, with another access key than an account's where `key` is one.
fn request(key: &str, operation: &str, input: &Value) -> Request<Body> {
    let body = Full::new(Bytes::from(input.to_string())).map_err(|never| match never {}).boxed_unsync();
    let credential =
        format!("AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/events/aws4_request, SignedHeaders=host, Signature=0");
    Request::post("/")
        .header("x-amz-target", format!("AWSEvents.{operation}"))
        .header("authorization", credential)
        .body(body)
        .unwrap()
}

async fn ask(targets: &EcsTargets, operation: &str, input: &Value) -> (u16, Value) {
    let response = targets.call(&ServiceId::new("events"), request("123456789012", operation, input)).await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

/// A target with every member that matters.
fn target() -> Value {
    json!({
        "Id": "nightly", "Arn": CLUSTER, "RoleArn": "arn:aws:iam::123456789012:role/events",
        "Input": "{\"containerOverrides\":[{\"name\":\"app\",\"command\":[\"report\"]}]}",
        "EcsParameters": {
            "TaskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/report:3", "TaskCount": 2, "LaunchType": "FARGATE",
            "NetworkConfiguration": { "awsvpcConfiguration": { "Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "ENABLED" } },
            "PlatformVersion": "1.4.0", "Group": "reports", "EnableECSManagedTags": true, "EnableExecuteCommand": false,
            "PlacementConstraints": [{ "type": "distinctInstance" }], "PlacementStrategy": [{ "type": "spread", "field": "host" }],
            "PropagateTags": "TASK_DEFINITION", "ReferenceId": "ref", "Tags": [{ "Key": "team", "Value": "a" }],
        },
        "RetryPolicy": { "MaximumRetryAttempts": 2 },
    })
}

#[tokio::test]
async fn a_cluster_becomes_the_queue_and_is_shown_as_it_was() {
    let cloud = Arc::new(Cloud::default());
    let (targets, _runner) = EcsTargets::new(Arc::clone(&cloud) as _);
    let other = json!({ "Id": "other", "Arn": "arn:aws:sqs:eu-west-1:123456789012:mine" });
    let input = json!({ "Rule": "nightly", "Targets": [target(), other] });
    assert_eq!(ask(&targets, "PutTargets", &input).await, (200, json!({ "FailedEntryCount": 0, "FailedEntries": [] })));
    assert_eq!(cloud.operations(), ["CreateQueue", "PutTargets"]);
    let (credential, queue) = cloud.input("CreateQueue");
    assert_eq!(queue, json!({ "QueueName": "kecs-ecs-targets" }));
    assert!(credential.starts_with("123456789012/") && credential.contains("/eu-west-1/sqs/"), "{credential}");
    let put = cloud.input("PutTargets").1["Targets"].clone();
    assert_eq!(put[1], other);
    assert_eq!(put[0]["Arn"], "arn:aws:sqs:eu-west-1:123456789012:kecs-ecs-targets");
    assert!(put[0].get("RoleArn").is_none());
    assert_eq!((&put[0]["Input"], &put[0]["RetryPolicy"]), (&target()["Input"], &target()["RetryPolicy"]));
    // MessageGroupId of EventBridge has at most 100 characters.
    let group = put[0]["SqsParameters"]["MessageGroupId"].as_str().unwrap();
    assert!(group.starts_with("nightly.") && group.len() <= 100, "{group}");

    let (_, listed) = ask(&targets, "ListTargetsByRule", &json!({ "Rule": "nightly" })).await;
    assert_eq!(listed, json!({ "Targets": [target(), other] }));
}

#[tokio::test]
async fn a_cluster_s_rules_are_found_where_the_queue_took_its_place() {
    let cloud = Arc::new(Cloud::default());
    let (targets, _runner) = EcsTargets::new(Arc::clone(&cloud) as _);
    let of = |cluster: &str| {
        let mut target = target();
        target["Arn"] = cluster.into();
        target
    };
    let other = "arn:aws:ecs:eu-west-1:123456789012:cluster/green";
    for (rule, cluster) in [("nightly", CLUSTER), ("hourly", CLUSTER), ("of-another", other)] {
        ask(&targets, "PutTargets", &json!({ "Rule": rule, "Targets": [of(cluster)] })).await;
    }
    // As one is that CloudFormation put a moment ago.
    cloud.targets.lock().unwrap().insert("by-a-stack".to_owned(), vec![of(CLUSTER)]);
    let names = async |input: Value| ask(&targets, "ListRuleNamesByTarget", &input).await.1;
    assert_eq!(names(json!({ "TargetArn": CLUSTER })).await, json!({ "RuleNames": ["by-a-stack", "hourly", "nightly"] }));
    assert_eq!(names(json!({ "TargetArn": other })).await, json!({ "RuleNames": ["of-another"] }));
    let first = names(json!({ "TargetArn": CLUSTER, "Limit": 2 })).await;
    assert_eq!(first["RuleNames"], json!(["by-a-stack", "hourly"]));
    let rest = names(json!({ "TargetArn": CLUSTER, "Limit": 2, "NextToken": first["NextToken"] })).await;
    assert_eq!(rest, json!({ "RuleNames": ["nightly"] }));
}

#[tokio::test]
async fn a_cluster_without_a_task_definition_is_refused() {
    let cloud = Arc::new(Cloud::default());
    let (targets, _runner) = EcsTargets::new(Arc::clone(&cloud) as _);
    let input = json!({ "Rule": "nightly", "Targets": [{ "Id": "a", "Arn": CLUSTER }] });
    let (status, error) = ask(&targets, "PutTargets", &input).await;
    assert_eq!((status, &error["__type"]), (400, &json!("ValidationException")));
    assert_eq!(error["message"], "Parameter(s) EcsParameters must be specified for target: a.");
    assert!(cloud.operations().is_empty());
}

#[tokio::test]
async fn targets_without_a_cluster_and_all_other_calls_pass_as_they_came() {
    let cloud = Arc::new(Cloud::default());
    let (targets, _runner) = EcsTargets::new(Arc::clone(&cloud) as _);
    let input = json!({ "Rule": "r", "Targets": [{ "Id": "a", "Arn": "arn:aws:sqs:eu-west-1:123456789012:mine" }] });
    ask(&targets, "PutTargets", &input).await;
    assert_eq!((cloud.operations(), cloud.input("PutTargets").1), (vec!["PutTargets".to_owned()], input));

    // A body that has no end is passed on at once.
    let mut backend = MockAwsServiceBackend::new();
    backend.expect_call().returning(|_, request| Ok(Response::new(request.into_body())));
    let (targets, _runner) = EcsTargets::new(Arc::new(backend));
    let (sender, frames) = mpsc::unbounded_channel::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    let stream = futures::stream::unfold(frames, |mut frames| async { frames.recv().await.map(|frame| (frame, frames)) });
    let body = http_body_util::StreamBody::new(stream).map_err(Into::into).boxed_unsync();
    let upload = Request::put("/bucket/key").body(body).unwrap();
    let mut response = targets.call(&ServiceId::new("s3"), upload).await.unwrap();
    sender.send(Ok(http_body::Frame::data(Bytes::from_static(b"first")))).unwrap();
    assert_eq!(response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap(), "first");
}

#[tokio::test]
async fn a_key_that_is_no_account_belongs_to_the_default_account() {
    let cloud = Arc::new(Cloud::default());
    let (targets, _runner) = EcsTargets::new(Arc::clone(&cloud) as _);
    let input = json!({ "Rule": "nightly", "Targets": [target()] });
    targets.call(&ServiceId::new("events"), request("AKIAIOSFODNN7EXAMPLE", "PutTargets", &input)).await.unwrap();
    assert_eq!(cloud.input("PutTargets").1["Targets"][0]["Arn"], "arn:aws:sqs:eu-west-1:000000000000:kecs-ecs-targets");
}

/// What the runner of these targets asks ECS for.
type Noted = mpsc::UnboundedReceiver<(RequestContext, RunTaskRequest)>;

/// Targets on this backend, and what their runner, which is at work, asks for.
fn running(cloud: &Arc<Cloud>) -> (EcsTargets, Noted) {
    let (targets, runner) = EcsTargets::new(Arc::clone(cloud) as _);
    let (asked, noted) = mpsc::unbounded_channel();
    tokio::spawn(runner.run(Arc::new(Noting(asked)), Vec::new()));
    (targets, noted)
}

/// Notes what it is asked for, and refuses every task of the definition `refused`.
#[derive(Debug)]
struct Noting(mpsc::UnboundedSender<(RequestContext, RunTaskRequest)>);

#[async_trait]
impl EcsApi for Noting {
    async fn run_task(&self, ctx: &RequestContext, input: RunTaskRequest) -> Result<RunTaskResponse, ApiError> {
        let refused = input.task_definition.as_deref() == Some("refused");
        self.0.send((ctx.clone(), input)).unwrap();
        if refused { Err(ApiError::client("TaskDefinition not found.")) } else { Ok(RunTaskResponse::default()) }
    }
}

/// Puts a target, lets its rule fire once, and returns what ECS was asked for.
async fn fired(rule: &str, target: Value, input: &str, known: bool) -> (RequestContext, RunTaskRequest, Arc<Cloud>) {
    let cloud = Arc::new(Cloud::default());
    let (targets, runner) = EcsTargets::new(Arc::clone(&cloud) as _);
    let (asked, mut noted) = mpsc::unbounded_channel();
    let api = Arc::new(Noting(asked));
    let put = json!({ "Rule": rule, "Targets": [target] });
    let scope = Scope::new("123456789012", "eu-west-1");
    if known {
        // As after a restart: nobody tells the runner of the target.
        let (before, _) = EcsTargets::new(Arc::clone(&cloud) as _);
        ask(&before, "PutTargets", &put).await;
        tokio::spawn(runner.run(api, vec![scope]));
    } else {
        tokio::spawn(runner.run(api, Vec::new()));
        ask(&targets, "PutTargets", &put).await;
    }
    cloud.fire(rule, input);
    let (context, request) = noted.recv().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), async {
        while !cloud.operations().iter().any(|operation| operation == "DeleteMessage") {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the message is deleted");
    drop(targets);
    (context, request, cloud)
}

/// The members of EcsParameters, as RunTask has them.
#[tokio::test]
async fn a_rule_that_fires_runs_the_task_of_its_target() {
    let input = target()["Input"].as_str().unwrap().to_owned();
    let (context, request, _) = fired("nightly", target(), &input, false).await;
    assert_eq!((&*context.account, &*context.region), ("123456789012", "eu-west-1"));
    let expected: RunTaskRequest = serde_json::from_value(json!({
        "cluster": CLUSTER, "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/report:3", "count": 2,
        "launchType": "FARGATE", "platformVersion": "1.4.0", "group": "reports", "enableECSManagedTags": true, "enableExecuteCommand": false,
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED" } },
        "placementConstraints": [{ "type": "distinctInstance" }], "placementStrategy": [{ "type": "spread", "field": "host" }],
        "propagateTags": "TASK_DEFINITION", "referenceId": "ref", "tags": [{ "key": "team", "value": "a" }],
        "overrides": { "containerOverrides": [{ "name": "app", "command": ["report"] }] },
        "startedBy": "events-rule/nightly", "clientToken": "m-1",
    }))
    .unwrap();
    assert_eq!(request, expected);
}

/// `startedBy` as users see it on AWS: cut after 36 characters.
#[tokio::test]
async fn a_long_name_of_a_rule_is_cut_in_started_by() {
    let (_, request, _) = fired("a-rule-with-a-rather-long-name", target(), "{}", false).await;
    assert_eq!(request.started_by.as_deref(), Some("events-rule/a-rule-with-a-rather-lon"));
}

#[tokio::test]
async fn the_queue_is_found_again_after_a_restart() {
    let (_, request, _) = fired("nightly", target(), "{}", true).await;
    assert_eq!(request.cluster.as_deref(), Some(CLUSTER));
}

#[tokio::test]
async fn a_task_that_ecs_refuses_is_not_tried_for_ever() {
    let mut target = target();
    target["EcsParameters"]["TaskDefinitionArn"] = "refused".into();
    let (_, request, cloud) = fired("nightly", target, "{}", false).await;
    assert_eq!(request.task_definition.as_deref(), Some("refused"));
    assert_eq!(cloud.input("DeleteMessage").1["ReceiptHandle"], "r-1");
}

/// CloudFormation puts targets inside of the backend; all that passes are its own calls.
#[tokio::test(start_paused = true)]
async fn a_target_that_a_stack_put_is_taken_over_after_a_call_of_cloudformation() {
    let cloud = Arc::new(Cloud::default());
    let (targets, mut noted) = running(&cloud);
    let other = json!({ "Id": "other", "Arn": "arn:aws:sqs:eu-west-1:123456789012:mine" });
    let put = [("hourly", json!([other])), ("nightly", json!([other, target()]))];
    let put = put.map(|(rule, targets)| (rule.to_owned(), targets.as_array().unwrap().clone()));
    cloud.targets.lock().unwrap().extend(put);
    let call = request("123456789012", "DescribeStacks", &json!({}));
    targets.call(&ServiceId::new("cloudformation"), call).await.unwrap();
    cloud.put.notified().await;
    // What is no cluster stays as it is.
    let (_, input) = cloud.input("PutTargets");
    assert_eq!((&input["Rule"], &input["EventBusName"]), (&json!("nightly"), &json!("default")));
    let ids: Vec<&Value> = input["Targets"].as_array().unwrap().iter().map(|target| &target["Id"]).collect();
    assert_eq!(ids, ["nightly"]);
    assert_eq!(cloud.operations().iter().filter(|operation| *operation == "PutTargets").count(), 1);

    cloud.fire("nightly", "{}");
    let (_, request) = noted.recv().await.unwrap();
    assert_eq!((request.cluster.as_deref(), request.started_by.as_deref()), (Some(CLUSTER), Some("events-rule/nightly")));
}

/// LocalStack has a job for each PutTargets that there was, and each fires. ECS runs one task for one token.
#[tokio::test]
async fn firings_of_a_schedule_in_one_minute_are_one() {
    let cloud = Arc::new(Cloud::default());
    let (targets, mut noted) = running(&cloud);
    ask(&targets, "PutTargets", &json!({ "Rule": "nightly", "Targets": [target()] })).await;
    for (fires_by, distinct) in [
        (json!({ "ScheduleExpression": "rate(1 minute)" }), 2),
        (json!({ "ScheduleExpression": "rate(1 minute)", "EventPattern": "{\"source\":[\"mine\"]}" }), 3),
    ] {
        *cloud.fires_by.lock().unwrap() = fires_by.clone();
        cloud.fired.store(0, Ordering::Relaxed);
        let mut tokens = Vec::new();
        for _ in 0..3 {
            cloud.fire("nightly", "{}");
            tokens.push(noted.recv().await.unwrap().1.client_token.unwrap());
        }
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), distinct, "{fires_by}: {tokens:?}");
    }
}

/// LocalStack gives events to the targets of disabled rules, too.
#[tokio::test]
async fn a_rule_that_is_disabled_runs_no_task_until_it_is_enabled() {
    let cloud = Arc::new(Cloud::default());
    let (targets, mut noted) = running(&cloud);
    ask(&targets, "PutTargets", &json!({ "Rule": "nightly", "Targets": [target()] })).await;
    let pattern = "{\"source\":[\"mine\"]}";
    *cloud.fires_by.lock().unwrap() = json!({ "EventPattern": pattern, "State": "DISABLED" });
    cloud.fire("nightly", "{}");
    tokio::time::timeout(Duration::from_secs(5), async {
        while !cloud.operations().iter().any(|operation| operation == "DeleteMessage") {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the message is deleted");
    *cloud.fires_by.lock().unwrap() = json!({ "EventPattern": pattern, "State": "ENABLED" });
    cloud.fire("nightly", "{}");
    assert_eq!(noted.recv().await.unwrap().1.client_token.as_deref(), Some("m-2"), "the first was not run");
}
