//! One log stream, and the calls of CloudWatch Logs that are made of it.

use std::fmt;
use std::time::Duration;

use kecs_core::{ContainerOutput, LogPosition};
use kecs_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::events::Event;
use super::options::{self, Options};
use crate::{AwsCallError, AwsClient, Caller};

const SERVICE: &str = "logs";
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// How many of the last events are looked at in one call for those that were sent.
const PAGE: u32 = 1000;

const NO_SUCH: &str = "ResourceNotFoundException";
const THERE_ALREADY: &str = "ResourceAlreadyExistsException";

/// Where one container's output goes.
#[derive(Debug)]
pub(super) struct Stream {
    client: AwsClient,
    caller: Caller,
    group: String,
    /// `None` until the container runs, where it is named by that.
    name: Option<String>,
}

/// What failed of making a group or stream.
#[derive(Debug, thiserror::Error)]
#[error("failed to create Cloudwatch log {what}: {error}")]
pub(super) struct Failure {
    what: &'static str,
    error: AwsCallError,
}

impl Failure {
    pub(super) fn is_retryable(&self) -> bool {
        self.error.is_retryable()
    }
}

/// The `stoppedReason` of a task that cannot log. Both forms are in "Amazon ECS stopped task error messages" and in many reports; on Fargate a helper
/// of the container has tried once more.
pub(super) fn reason(output: &ContainerOutput, failure: &Failure) -> String {
    if output.labels.get("launchType").is_some_and(|launch_type| launch_type == "FARGATE") {
        options::reason(output, &format!("create stream has been retried 1 times: {failure}"))
    } else {
        options::reason(output, &failure.to_string())
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Put<'a> {
    log_group_name: &'a str,
    log_stream_name: &'a str,
    log_events: Vec<InputEvent<'a>>,
}

#[derive(Debug, Serialize)]
struct InputEvent<'a> {
    timestamp: i64,
    message: &'a str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PutAnswer {
    rejected_log_events_info: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    events: Vec<OutputEvent>,
    next_backward_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct OutputEvent {
    timestamp: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Groups {
    log_groups: Vec<Group>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    log_group_name: String,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.group, self.name())
    }
}

impl Stream {
    pub(super) fn new(client: AwsClient, output: &ContainerOutput, options: &Options) -> Self {
        let scope = &output.task.cluster.scope;
        let region = options.region.as_deref().unwrap_or(&scope.region);
        let caller = Caller::new(scope.account.clone(), region);
        let name = match &options.prefix {
            // "the log stream takes the format prefix-name/container-name/ecs-task-id"
            Some(prefix) => Some(format!("{prefix}/{}/{}", output.container, output.task.id)),
            // "the log stream is named after the container ID"
            None => output.labels.get("runtimeId").map(|id| unique(output, id)),
        };
        Self { client, caller, group: options.group.clone(), name }
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("(unnamed)")
    }

    /// Makes the stream, and the group if that may be made.
    pub(super) async fn prepare(&self, create_group: bool) -> Result<(), Failure> {
        let made = match &self.name {
            Some(name) => self.create_stream(name).await,
            None => self.find_group().await,
        };
        match made {
            Err(error) if create_group && error.code() == Some(NO_SUCH) => {}
            made => return made.map_err(|error| Failure { what: "stream", error }),
        }
        self.create_group().await.map_err(|error| Failure { what: "group", error })?;
        match &self.name {
            Some(name) => self.create_stream(name).await.map_err(|error| Failure { what: "stream", error }),
            None => Ok(()),
        }
    }

    /// How far the output was sent by whoever shipped it before. Waits until the service can be asked.
    pub(super) async fn sent(&self) -> LogPosition {
        let mut pause = FIRST_RETRY;
        loop {
            match self.last_events().await {
                Ok(position) => return position,
                Err(error) if may_pass(&error) => self.rest(&error, &mut pause).await,
                Err(error) => {
                    if error.code() != Some(NO_SUCH) {
                        tracing::warn!(stream = %self, %error, "cannot tell what was sent; sending all of it");
                    }
                    return LogPosition::default();
                }
            }
        }
    }

    /// Sends a batch, until it was taken or refused for good.
    pub(super) async fn put(&self, events: &[Event]) {
        let mut pause = FIRST_RETRY;
        let mut made = false;
        loop {
            let error = match self.put_once(events).await {
                Ok(PutAnswer { rejected_log_events_info: None }) => return,
                Ok(PutAnswer { rejected_log_events_info: Some(which) }) => {
                    return tracing::warn!(stream = %self, %which, "some output was rejected for its age");
                }
                Err(error) => error,
            };
            match error.code() {
                // Of older versions, which check sequence tokens: it was taken.
                Some("DataAlreadyAcceptedException") => return,
                // The service was started anew: it had the group when the task started, so that may be made again.
                Some(NO_SUCH) => {
                    let again = self.make_again().await;
                    if again.is_ok() && !made {
                        made = true;
                        continue;
                    }
                }
                _ if !may_pass(&error) => {
                    return tracing::error!(stream = %self, events = events.len(), %error, "output was refused, and is lost");
                }
                _ => {}
            }
            self.rest(&error, &mut pause).await;
        }
    }

    async fn rest(&self, error: &AwsCallError, pause: &mut Duration) {
        tracing::warn!(stream = %self, %error, retry_in = ?*pause, "output not sent yet");
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(LAST_RETRY);
    }

    async fn make_again(&self) -> Result<(), AwsCallError> {
        self.create_group().await?;
        self.create_stream(self.name()).await
    }

    async fn create_group(&self) -> Result<(), AwsCallError> {
        made(self.client.json(&self.caller, SERVICE, "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": self.group })).await)
    }

    async fn create_stream(&self, name: &str) -> Result<(), AwsCallError> {
        let input = json!({ "logGroupName": self.group, "logStreamName": name });
        made(self.client.json(&self.caller, SERVICE, "Logs_20140328.CreateLogStream", &input).await)
    }

    /// Whether the group is there, where there is no stream to make yet.
    async fn find_group(&self) -> Result<(), AwsCallError> {
        let mut token: Option<String> = None;
        loop {
            let mut input = json!({ "logGroupNamePrefix": self.group });
            if let Some(token) = &token {
                input["nextToken"] = token.as_str().into();
            }
            let groups: Groups = self.client.json(&self.caller, SERVICE, "Logs_20140328.DescribeLogGroups", &input).await?;
            if groups.log_groups.iter().any(|group| group.log_group_name == self.group) {
                return Ok(());
            }
            token = groups.next_token;
            if token.is_none() {
                let message = "The specified log group does not exist.".to_owned();
                return Err(AwsCallError::Service { code: NO_SUCH.to_owned(), message, status: 400 });
            }
        }
    }

    async fn put_once(&self, events: &[Event]) -> Result<PutAnswer, AwsCallError> {
        let events = events.iter().map(|event| InputEvent { timestamp: event.at.as_millis(), message: &event.message });
        let input = Put { log_group_name: &self.group, log_stream_name: self.name(), log_events: events.collect() };
        self.client.json(&self.caller, SERVICE, "Logs_20140328.PutLogEvents", &input).await
    }

    /// The stamp of the last event, and how many have it.
    async fn last_events(&self) -> Result<LogPosition, AwsCallError> {
        let mut input = json!({ "logGroupName": self.group, "logStreamName": self.name(), "limit": PAGE });
        let mut last = None;
        let mut count = 0;
        loop {
            let page: Page = self.client.json(&self.caller, SERVICE, "Logs_20140328.GetLogEvents", &input).await?;
            for event in page.events.iter().rev() {
                if *last.get_or_insert(event.timestamp) != event.timestamp {
                    return Ok(position(last, count));
                }
                count += 1;
            }
            // "If you have reached the end of the stream, it returns the same token you passed in."
            match page.next_backward_token {
                Some(token) if !page.events.is_empty() && input["nextToken"] != token.as_str() => input["nextToken"] = token.into(),
                _ => return Ok(position(last, count)),
            }
        }
    }
}

/// Whether the same call may succeed later. Only the service itself refuses output for good: who answers with something else is not yet it, or not any more.
fn may_pass(error: &AwsCallError) -> bool {
    error.code().is_none() || error.is_retryable()
}

/// The name that a container has for ever. The id of a process is short, and used again.
fn unique(output: &ContainerOutput, runtime_id: &str) -> String {
    const UNIQUE: usize = 32;
    if runtime_id.len() >= UNIQUE { runtime_id.to_owned() } else { format!("{}-{runtime_id}", output.task.id) }
}

fn position(last: Option<i64>, count: usize) -> LogPosition {
    last.map_or_else(LogPosition::default, |last| LogPosition::new(Timestamp::from_millis(last), count))
}

/// What is there already need not be made.
fn made(answer: Result<Value, AwsCallError>) -> Result<(), AwsCallError> {
    match answer {
        Err(error) if error.code() != Some(THERE_ALREADY) => Err(error),
        _ => Ok(()),
    }
}
