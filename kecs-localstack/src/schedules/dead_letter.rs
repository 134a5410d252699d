//! What a dead-letter queue gets ("Configuring a schedule's dead-letter queue").

use kecs_core::Scope;
use kecs_core::arn::Arn;
use serde_json::{Value, json};
use uuid::Uuid;

use super::agenda::Due;
use super::schedule::Target;
use crate::{AwsCallError, AwsClient};

/// An invocation that failed for good.
#[derive(Debug)]
pub(super) struct DeadLetter<'a> {
    pub(super) due: &'a Due,
    pub(super) target: &'a Target,
    /// What the target would have been given.
    pub(super) input: String,
    pub(super) code: String,
    pub(super) message: String,
    /// Which bound of the retry policy was reached.
    pub(super) exhausted: Option<&'static str>,
    /// The last attempt's.
    pub(super) id: Uuid,
    pub(super) retries: i64,
}

impl DeadLetter<'_> {
    /// Sends it, if the target has such a queue.
    pub(super) async fn send(self, client: &AwsClient) -> Result<(), AwsCallError> {
        let Some(queue) = self.target.dead_letter_config.arn.as_deref().and_then(Arn::parse) else { return Ok(()) };
        let scope = Scope::new(queue.account, queue.region);
        let name = json!({ "QueueName": queue.resource });
        let found: Value = client.json(&scope, "sqs", "AmazonSQS.GetQueueUrl", &name).await?;
        // A message is never empty.
        let body = if self.input.is_empty() { "{}" } else { &self.input };
        let message = json!({ "QueueUrl": found["QueueUrl"], "MessageBody": body, "MessageAttributes": self.attributes() });
        let _: Value = client.json(&scope, "sqs", "AmazonSQS.SendMessage", &message).await?;
        Ok(())
    }

    fn attributes(&self) -> Value {
        let attributes = [
            ("ERROR_CODE", Some(self.code.clone())),
            ("ERROR_MESSAGE", Some(self.message.clone())),
            ("EXECUTION_ID", Some(self.id.to_string())),
            ("EXHAUSTED_RETRY_CONDITION", self.exhausted.map(str::to_owned)),
            ("IS_PAYLOAD_TRUNCATED", Some("false".to_owned())),
            ("RETRY_ATTEMPTS", Some(self.retries.to_string())),
            ("SCHEDULED_TIME", Some(self.due.scheduled_time())),
            ("SCHEDULE_ARN", Some(self.due.key.arn())),
            ("TARGET_ARN", Some(self.target.arn.clone())),
        ];
        let value = |value| json!({ "DataType": "String", "StringValue": value });
        attributes.into_iter().filter_map(|(name, text)| Some((name.to_owned(), value(text?)))).collect()
    }
}
