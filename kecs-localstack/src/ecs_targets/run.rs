//! Takes the messages of rules that fired, and runs the tasks of their targets.

use std::collections::HashSet;
use std::sync::Arc;

use kecs_core::{AwsServiceBackend, Report, Scope};
use kecs_model::ecs::EcsApi;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::adopt::adopt;
use super::message::{Message, Queue, Receive, Received};
use super::{QUEUE, rewrite};
use crate::ecs_request::{context, run_task};
use crate::look_into::{FIRST_RETRY, LAST_RETRY, ready};
use crate::stacks::Looks;
use crate::{AwsCallError, AwsClient};

/// `startedBy` of what a rule starts begins with this, as users see it on AWS.
const STARTED_BY: &str = "events-rule/";
const NO_QUEUE: [&str; 2] = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];

/// What a call that passed is a reason for.
#[derive(Debug)]
pub(super) enum Found {
    /// The account and region has such a target.
    Target(Scope),
    /// CloudFormation may have made one there.
    Stacks(Scope),
}

/// Runs the tasks of [`EcsTargets`](super::EcsTargets).
#[derive(Debug)]
pub struct EcsTargetRunner {
    backend: Arc<dyn AwsServiceBackend>,
    client: AwsClient,
    found: mpsc::UnboundedReceiver<Found>,
}

impl EcsTargetRunner {
    pub(super) fn new(backend: Arc<dyn AwsServiceBackend>, client: AwsClient, found: mpsc::UnboundedReceiver<Found>) -> Self {
        Self { backend, client, found }
    }

    /// Runs tasks until it is dropped. `known` are the accounts and regions that may have rules with such targets from before, where the backend
    /// outlived us ([`Engine::scopes`](kecs_core::Engine::scopes)).
    ///
    /// A task is run once, though its message may come twice. One that ECS refuses is logged and not tried again.
    pub async fn run(mut self, api: Arc<dyn EcsApi>, known: Vec<Scope>) {
        let mut followed = HashSet::new();
        let mut work = JoinSet::new();
        let mut looking = JoinSet::new();
        let mut looks = Looks::default();
        looking.spawn(look(Arc::clone(&self.backend), self.client.clone(), known));
        loop {
            let scopes = tokio::select! {
                found = self.found.recv() => match found {
                    Some(Found::Target(scope)) => vec![scope],
                    Some(Found::Stacks(scope)) => {
                        looks.want(scope);
                        Vec::new()
                    }
                    None => return,
                },
                scope = looks.next() => {
                    looking.spawn(look(Arc::clone(&self.backend), self.client.clone(), vec![scope]));
                    Vec::new()
                }
                Some(found) = looking.join_next() => found.unwrap_or_default(),
                Some(ended) = work.join_next() => {
                    // Its queue is gone; it is made again with the next target.
                    ended.ok().map(|scope| followed.remove(&scope));
                    Vec::new()
                }
            };
            for scope in scopes {
                if followed.insert(scope.clone()) {
                    work.spawn(follow(self.client.clone(), Arc::clone(&api), scope));
                }
            }
        }
    }
}

/// Makes the queue, if it is not there.
pub(super) async fn make_queue(client: &AwsClient, scope: &Scope) -> Result<(), AwsCallError> {
    let _: Queue = client.json(scope, "sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": QUEUE })).await?;
    Ok(())
}

async fn find_queue(client: &AwsClient, scope: &Scope) -> Result<String, AwsCallError> {
    let queue: Queue = client.json(scope, "sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": QUEUE })).await?;
    Ok(queue.queue_url)
}

/// Finds out, once the backend is ready, which of these accounts and regions have the queue, from before or for a target that is taken over now.
async fn look(backend: Arc<dyn AwsServiceBackend>, client: AwsClient, known: Vec<Scope>) -> Vec<Scope> {
    if !known.is_empty() {
        ready(&*backend).await;
    }
    let mut found = Vec::new();
    for scope in known {
        if let Err(error) = adopt(&client, &scope).await {
            tracing::debug!(%scope, error = %Report(&error), "there is no list of targets to take over");
        }
        if find_queue(&client, &scope).await.is_ok() {
            found.push(scope);
        }
    }
    found
}

/// Takes messages until the queue is gone.
async fn follow(client: AwsClient, api: Arc<dyn EcsApi>, scope: Scope) -> Scope {
    let mut pause = FIRST_RETRY;
    loop {
        match take(&client, &*api, &scope).await {
            Ok(()) => pause = FIRST_RETRY,
            Err(error) if error.code().is_some_and(|code| NO_QUEUE.contains(&code)) => return scope,
            Err(error) => {
                tracing::debug!(%scope, error = %Report(&error), "the queue of scheduled tasks does not answer");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_RETRY);
            }
        }
    }
}

/// Waits for messages, and does what they say.
async fn take(client: &AwsClient, api: &dyn EcsApi, scope: &Scope) -> Result<(), AwsCallError> {
    let queue_url = find_queue(client, scope).await?;
    loop {
        let receive = Receive {
            queue_url: &queue_url,
            max_number_of_messages: 10,
            wait_time_seconds: 20,
            attribute_names: ["MessageGroupId", "SentTimestamp"],
        };
        let received: Received = client.json(scope, "sqs", "AmazonSQS.ReceiveMessage", &receive).await?;
        for message in received.messages {
            if fired(client, api, scope, &message).await? {
                let delete = json!({ "QueueUrl": queue_url, "ReceiptHandle": message.receipt_handle });
                let _: Value = client.json(scope, "sqs", "AmazonSQS.DeleteMessage", &delete).await?;
            }
        }
    }
}

/// A rule has fired. Whether that is dealt with; otherwise its message comes again.
async fn fired(client: &AwsClient, api: &dyn EcsApi, scope: &Scope, message: &Message) -> Result<bool, AwsCallError> {
    let group = &message.attributes.message_group_id;
    let Some(Target { rule, bus, members }) = find_target(client, scope, group).await? else {
        tracing::warn!(%scope, group, "a rule fired whose target is gone; its task is not run");
        return Ok(true);
    };
    let fired_by = fired_by(client, scope, &rule, bus.as_deref()).await?;
    if fired_by == FiredBy::Nothing {
        tracing::debug!(%scope, rule, "a rule fired that is disabled; its task is not run");
        return Ok(true);
    }
    let minute = if fired_by == FiredBy::Clock { message.attributes.minute() } else { None };
    let token = minute.map_or_else(|| message.message_id.clone(), |minute| rewrite::token_of(group, minute));
    let request = match run_task(&format!("{STARTED_BY}{rule}"), &members, &message.body, &token) {
        Ok(request) => request,
        Err(error) => {
            tracing::warn!(%scope, rule, error, "the task of a rule cannot be run");
            return Ok(true);
        }
    };
    match api.run_task(&context(request.cluster.as_deref(), scope), request).await {
        Ok(response) => {
            for failure in response.failures.unwrap_or_default() {
                let (reason, arn) = (failure.reason.unwrap_or_default(), failure.arn.unwrap_or_default());
                tracing::warn!(%scope, rule, reason, arn, "a task of a rule was not placed");
            }
            Ok(true)
        }
        Err(error) => {
            tracing::warn!(%scope, rule, code = %error.code(), error = error.message(), "ECS refused the task of a rule");
            Ok(error.code() != kecs_model::ErrorCode::ServerException)
        }
    }
}

/// What lets a rule fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FiredBy {
    /// Events, and a schedule too, if it has one.
    Events,
    /// A schedule and nothing else. Then it fires once a minute at most, and messages of the same minute are of one firing: LocalStack has a job for each
    /// PutTargets that there was.
    Clock,
    /// It is disabled. LocalStack gives events to its targets all the same.
    Nothing,
}

async fn fired_by(client: &AwsClient, scope: &Scope, rule: &str, bus: Option<&str>) -> Result<FiredBy, AwsCallError> {
    let told: Value = client.json(scope, "events", "AWSEvents.DescribeRule", &of_rule("Name", rule, bus)).await?;
    let has = |member: &str| told[member].as_str().is_some_and(|text| !text.is_empty());
    Ok(match told["State"].as_str() {
        Some("DISABLED") => FiredBy::Nothing,
        _ if has("ScheduleExpression") && !has("EventPattern") => FiredBy::Clock,
        _ => FiredBy::Events,
    })
}

/// The input of a call about a rule; without a bus it is of the default one.
fn of_rule(member: &str, rule: &str, bus: Option<&str>) -> Value {
    let mut input = json!({ member: rule });
    if let Some(bus) = bus {
        input["EventBusName"] = bus.into();
    }
    input
}

/// A target that a rule fires at.
struct Target {
    rule: String,
    /// The rule's; `None` is the default one.
    bus: Option<String>,
    /// As it was put.
    members: Map<String, Value>,
}

/// The target with this name.
async fn find_target(client: &AwsClient, scope: &Scope, group: &str) -> Result<Option<Target>, AwsCallError> {
    let Some(rule) = rewrite::rule_of(group) else { return Ok(None) };
    let found = |members, bus: Option<&str>| Some(Target { rule: rule.to_owned(), bus: bus.map(str::to_owned), members });
    if let Some(members) = target_on(client, scope, rule, None, group).await? {
        return Ok(found(members, None));
    }
    let buses: Value = client.json(scope, "events", "AWSEvents.ListEventBuses", &json!({})).await?;
    for bus in buses["EventBuses"].as_array().into_iter().flatten().filter_map(|bus| bus["Name"].as_str()) {
        if bus != "default"
            && let Some(members) = target_on(client, scope, rule, Some(bus), group).await?
        {
            return Ok(found(members, Some(bus)));
        }
    }
    Ok(None)
}

async fn target_on(
    client: &AwsClient,
    scope: &Scope,
    rule: &str,
    bus: Option<&str>,
    group: &str,
) -> Result<Option<Map<String, Value>>, AwsCallError> {
    let listed: Value = match client.json(scope, "events", "AWSEvents.ListTargetsByRule", &of_rule("Rule", rule, bus)).await {
        Ok(listed) => listed,
        Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut targets = listed["Targets"].as_array().into_iter().flatten().filter_map(Value::as_object);
    let target = targets.find(|target| target.get("SqsParameters").is_some_and(|sqs| sqs["MessageGroupId"] == group)).cloned();
    Ok(target.and_then(|mut target| rewrite::original(&mut target).then_some(target)))
}
