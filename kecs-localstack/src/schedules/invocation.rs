//! One invocation of a schedule: RunTask, again where that may help, and the dead-letter queue where it does not.

use std::sync::Arc;
use std::time::Duration;

use kecs_core::{Clock, Report};
use kecs_model::ecs::EcsApi;
use kecs_model::{ErrorCode, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::agenda::Due;
use super::dead_letter::DeadLetter;
use super::schedule::{Schedule, Target, targets_ecs};
use super::stored;
use crate::AwsClient;
use crate::ecs_request::{context, run_task, run_task_as_it_is};

/// `startedBy` begins with this, as users see it on AWS.
const STARTED_BY: &str = "chronos-schedule/";
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// A day has about as many of these as the default policy has retries.
const LAST_RETRY: Duration = Duration::from_mins(8);

/// Invokes a schedule's target.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) client: AwsClient,
    pub(super) api: Arc<dyn EcsApi>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) due: Due,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The target was invoked, or cannot be.
    Ended,
    /// The schedule is not there any more.
    Gone,
    /// The schedule is another by now, which the backend was not told through us.
    Changed(Box<Schedule>),
}

/// Why the target was not invoked.
#[derive(Debug)]
struct Failure {
    code: String,
    message: String,
    kind: Kind,
}

/// Whether another attempt may go better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lasting,
    Passing,
    /// The backend does not say whether the schedule is still there.
    Away,
}

/// One attempt, by which tasks and dead letters are told apart.
#[derive(Debug)]
struct Attempt {
    number: i64,
    id: Uuid,
}

impl Invocation {
    pub(super) async fn run(&self) -> Outcome {
        let key = &self.due.key;
        let mut pause = FIRST_RETRY;
        for number in 1.. {
            let mut target = self.due.schedule.target.clone();
            let mut attempt = Attempt { number, id: Uuid::nil() };
            let failure = match self.attempt(&mut attempt, &mut target).await {
                Ok(outcome) => return outcome,
                Err(failure) => failure,
            };
            if failure.kind == Kind::Away && !self.due.schedule.timing.is_once() {
                // Its next time comes. Those that pile up here would all run at once when the backend is back.
                tracing::warn!(scope = %key.scope, schedule = %key, error = failure.message, "a schedule cannot be read; this time it is not run");
                break;
            }
            let passing = failure.kind != Kind::Lasting;
            let exhausted = self.exhausted(number, pause, &target).filter(|_| passing);
            if passing && exhausted.is_none() {
                tracing::debug!(scope = %key.scope, schedule = %key, number, code = failure.code, "the task of a schedule is tried again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_RETRY);
                continue;
            }
            let Failure { code, message, .. } = failure;
            tracing::warn!(scope = %key.scope, schedule = %key, code, error = message, "the task of a schedule was not run");
            let input = target.input.as_deref().map(|input| self.filled_in(input, &attempt)).unwrap_or_default();
            let letter = DeadLetter {
                due: &self.due,
                target: &target,
                input,
                code,
                message,
                exhausted,
                id: attempt.id,
                retries: number - 1,
            };
            if let Err(error) = letter.send(&self.client).await {
                tracing::warn!(scope = %key.scope, schedule = %key, error = %Report(&error), "a dead-letter queue does not take a schedule's event");
            }
            break;
        }
        Outcome::Ended
    }

    /// Which bound of the retry policy forbids another attempt after this one and a pause.
    fn exhausted(&self, number: i64, pause: Duration, target: &Target) -> Option<&'static str> {
        let policy = target.retry_policy;
        let age = self.clock.now().as_millis().saturating_sub(self.due.at.as_millis()) / 1000;
        let pause = i64::try_from(pause.as_secs()).unwrap_or(i64::MAX);
        if number > policy.maximum_retry_attempts {
            Some("MaximumRetryAttempts")
        } else if age.saturating_add(pause) > policy.maximum_event_age_in_seconds {
            Some("MaximumEventAgeInSeconds")
        } else {
            None
        }
    }

    async fn attempt(&self, attempt: &mut Attempt, target: &mut Target) -> Result<Outcome, Failure> {
        let Some(written) = self.stored().await? else { return Ok(Outcome::Gone) };
        if !targets_ecs(&written) {
            return Ok(Outcome::Gone);
        }
        let stored = Schedule::read(&written).map_err(|message| Failure::lasting("ValidationException", message))?;
        if stored.timing != self.due.schedule.timing || !stored.enabled {
            return Ok(Outcome::Changed(Box::new(stored)));
        }
        attempt.id = self.id(stored.created, attempt.number);
        *target = stored.target;
        let (started_by, token) = (format!("{STARTED_BY}{}", self.due.key.name), attempt.id.to_string());
        let input = self.filled_in(target.input.as_deref().unwrap_or_default(), attempt);
        let request = if target.is_cluster() {
            run_task(&started_by, &target.members, &input, &token)
        } else {
            run_task_as_it_is(&started_by, &input, &token)
        };
        let request = request.map_err(|message| Failure::lasting("ValidationException", message))?;
        let context = context(request.cluster.as_deref(), &self.due.key.scope);
        let response = match self.api.run_task(&context, request).await {
            Ok(response) => response,
            // Its token was used: this time was run before KECS was started again, with another input since.
            Err(error) if error.code() == ErrorCode::ConflictException => return Ok(Outcome::Ended),
            Err(error) => {
                // What is not served will not be later either.
                let kind = if matches!(error.code().status(), 500 | 502..) { Kind::Passing } else { Kind::Lasting };
                return Err(Failure { code: error.code().to_string(), message: error.message().to_owned(), kind });
            }
        };
        let failures = response.failures.unwrap_or_default();
        if response.tasks.is_none_or(|tasks| tasks.is_empty()) {
            let reason =
                failures.first().and_then(|failure| failure.reason.clone()).unwrap_or_else(|| "no task was placed".to_owned());
            return Err(Failure { code: "RunTaskFailure".to_owned(), message: reason, kind: Kind::Passing });
        }
        for failure in failures {
            let (reason, arn) = (failure.reason.unwrap_or_default(), failure.arn.unwrap_or_default());
            tracing::warn!(scope = %self.due.key.scope, schedule = %self.due.key, reason, arn, "a task of a schedule was not placed");
        }
        Ok(Outcome::Ended)
    }

    /// The schedule as the backend has it, which alone knows whether it is still there.
    async fn stored(&self) -> Result<Option<Value>, Failure> {
        stored::schedule(&self.client, &self.due.key).await.map_err(|error| Failure {
            code: error.code().unwrap_or("ServiceUnavailable").to_owned(),
            message: Report(&error).to_string(),
            kind: Kind::Away,
        })
    }

    /// The same for the same attempt after a restart, so that ECS, which keeps tokens for a day, runs it once.
    fn id(&self, created: Option<Timestamp>, number: i64) -> Uuid {
        let created = created.map(Timestamp::as_millis).unwrap_or_default();
        let name = format!("{} {created} {} {number}", self.due.key.arn(), self.due.at.as_millis());
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
    }

    /// The input with its keywords replaced ("Adding context attributes").
    fn filled_in(&self, input: &str, attempt: &Attempt) -> String {
        input
            .replace("<aws.scheduler.schedule-arn>", &self.due.key.arn())
            .replace("<aws.scheduler.scheduled-time>", &self.due.scheduled_time())
            .replace("<aws.scheduler.execution-id>", &attempt.id.to_string())
            .replace("<aws.scheduler.attempt-number>", &attempt.number.to_string())
    }
}

impl Failure {
    fn lasting(code: &str, message: String) -> Self {
        Self { code: code.to_owned(), message, kind: Kind::Lasting }
    }
}
