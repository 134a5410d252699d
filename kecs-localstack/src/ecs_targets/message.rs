//! The queue's messages.

use serde::{Deserialize, Serialize};

/// The input of ReceiveMessage.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive<'a> {
    pub(super) queue_url: &'a str,
    pub(super) max_number_of_messages: u8,
    /// In seconds; 20 is the longest that SQS waits.
    pub(super) wait_time_seconds: u8,
    pub(super) attribute_names: [&'static str; 2],
}

/// The output of ReceiveMessage.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Received {
    pub(super) messages: Vec<Message>,
}

/// A message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Message {
    pub(super) message_id: String,
    pub(super) receipt_handle: String,
    /// What the rule gives the target.
    pub(super) body: String,
    pub(super) attributes: Attributes,
}

/// The attributes of a message, as far as they are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Attributes {
    /// Names the target.
    pub(super) message_group_id: String,
    /// When the rule fired, in milliseconds since 1970.
    sent_timestamp: String,
}

impl Attributes {
    /// The minute in which the rule fired, counted from 1970; `None` if nobody said so.
    pub(super) fn minute(&self) -> Option<u64> {
        Some(self.sent_timestamp.parse::<u64>().ok()? / 60_000)
    }
}

/// The output of CreateQueue and GetQueueUrl.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Queue {
    pub(super) queue_url: String,
}
