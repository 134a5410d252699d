//! A schedule whose target is ECS, read from what CreateSchedule and UpdateSchedule are given and GetSchedule answers.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use kecs_model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::expression::Expression;
use super::timing::Timing;
use crate::ecs_request::is_cluster;

/// The universal target that is RunTask.
const RUN_TASK: &str = "arn:aws:scheduler:::aws-sdk:ecs:runTask";

/// What matters of a schedule for running its tasks.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) timing: Timing,
    pub(super) enabled: bool,
    /// Whether it is deleted when it has run for the last time.
    pub(super) delete: bool,
    pub(super) target: Target,
    /// `None` in a request, as `modified` is.
    pub(super) created: Option<Timestamp>,
    pub(super) modified: Option<Timestamp>,
}

/// What a schedule invokes, how often that is tried, and who hears of it when it fails.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    pub(super) arn: String,
    pub(super) input: Option<String>,
    #[serde(default)]
    pub(super) retry_policy: RetryPolicy,
    #[serde(default)]
    pub(super) dead_letter_config: DeadLetterConfig,
    /// All of it.
    #[serde(skip)]
    pub(super) members: Map<String, Value>,
}

/// How often and for how long an invocation that failed is tried again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RetryPolicy {
    pub(super) maximum_retry_attempts: i64,
    pub(super) maximum_event_age_in_seconds: i64,
}

impl Default for RetryPolicy {
    /// "By default … for up to 24 hours and up to 185 times" (Configure a retry policy).
    fn default() -> Self {
        Self { maximum_retry_attempts: 185, maximum_event_age_in_seconds: 86_400 }
    }
}

/// The queue for invocations that failed for good.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeadLetterConfig {
    pub(super) arn: Option<String>,
}

/// The rest, as it is written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
    state: Option<String>,
    #[serde(default)]
    flexible_time_window: FlexibleTimeWindow,
    action_after_completion: Option<String>,
    creation_date: Option<Timestamp>,
    last_modification_date: Option<Timestamp>,
}

/// The time in which the target may be invoked, from when it is due. It is invoked at once, which is within any window.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FlexibleTimeWindow {
    mode: String,
    maximum_window_in_minutes: Option<i64>,
}

impl Target {
    /// Whether it is a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        is_cluster(&self.arn)
    }
}

/// Whether a schedule as it is written, or an item of ListSchedules, has ECS as its target.
pub(super) fn targets_ecs(written: &Value) -> bool {
    let arn = written["Target"]["Arn"].as_str().unwrap_or_default();
    is_cluster(arn) || arn.eq_ignore_ascii_case(RUN_TASK)
}

impl Schedule {
    /// Reads one that has ECS as its target. The error is for the client.
    pub(super) fn read(written: &Value) -> Result<Self, String> {
        let malformed = |error: serde_json::Error| format!("The schedule has an invalid value: {error}.");
        let members = written["Target"].as_object().cloned().unwrap_or_default();
        let target = Target { members, ..Target::deserialize(&written["Target"]).map_err(malformed)? };
        let rest = Written::deserialize(written).map_err(malformed)?;
        let expression = Expression::parse(&rest.schedule_expression)
            .ok_or_else(|| format!("Invalid Schedule Expression {}.", rest.schedule_expression))?;
        let zone = match rest.schedule_expression_timezone.as_deref() {
            None | Some("UTC") => TimeZone::UTC,
            Some(name) => {
                TimeZoneDatabase::bundled().get(name).map_err(|_| format!("Invalid Schedule Expression Timezone {name}."))?
            }
        };
        if rest.start_date.zip(rest.end_date).is_some_and(|(start, end)| start >= end) {
            return Err("The EndDate you specify must be later than the StartDate.".to_owned());
        }
        rest.flexible_time_window.check()?;
        target.check()?;
        Ok(Self {
            timing: Timing { expression, zone, start: rest.start_date, end: rest.end_date },
            enabled: rest.state.as_deref() != Some("DISABLED"),
            delete: rest.action_after_completion.as_deref() == Some("DELETE"),
            target,
            created: rest.creation_date,
            modified: rest.last_modification_date,
        })
    }

    /// Whether it is due when another is.
    pub(super) fn runs_as(&self, other: &Self) -> bool {
        self.timing == other.timing && self.enabled == other.enabled
    }
}

impl FlexibleTimeWindow {
    fn check(&self) -> Result<(), String> {
        match self.maximum_window_in_minutes {
            Some(minutes) => within("flexibleTimeWindow.maximumWindowInMinutes", minutes, 1, 1440),
            None if self.mode == "FLEXIBLE" => {
                Err("MaximumWindowInMinutes must be specified if the mode of FlexibleTimeWindow is FLEXIBLE.".to_owned())
            }
            None => Ok(()),
        }
    }
}

impl Target {
    fn check(&self) -> Result<(), String> {
        let RetryPolicy { maximum_retry_attempts, maximum_event_age_in_seconds } = self.retry_policy;
        within("target.retryPolicy.maximumRetryAttempts", maximum_retry_attempts, 0, 185)?;
        within("target.retryPolicy.maximumEventAgeInSeconds", maximum_event_age_in_seconds, 60, 86_400)?;
        if !self.is_cluster() {
            let input = self.input.as_deref().map(serde_json::from_str::<Map<String, Value>>);
            return input.filter(Result::is_ok).map(drop).ok_or_else(|| "Input must be the JSON of a RunTask request.".to_owned());
        }
        let parameters = self.members.get("EcsParameters").unwrap_or(&Value::Null);
        if parameters["TaskDefinitionArn"].as_str().is_none_or(str::is_empty) {
            return Err("EcsParameters must be specified if the target is an Amazon ECS cluster.".to_owned());
        }
        parameters["TaskCount"].as_i64().map_or(Ok(()), |count| within("target.ecsParameters.taskCount", count, 1, 10))
    }
}

/// As AWS words what its models bound.
fn within(member: &str, value: i64, least: i64, most: i64) -> Result<(), String> {
    let constraint = match value {
        _ if value < least => format!("greater than or equal to {least}"),
        _ if value > most => format!("less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have value {constraint}"
    ))
}
