//! What messages carry: numbers and JSON as `src/message` of AWS's plugin has them.

use kecs_core::TerminalSize;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::message::{AgentMessage, CHANNEL_CLOSED};

/// Bytes of the command's input or output.
pub(crate) const DATA: u32 = 1;
/// The terminal's size.
pub(crate) const SIZE: u32 = 3;
pub(crate) const HANDSHAKE_REQUEST: u32 = 5;
pub(crate) const HANDSHAKE_RESPONSE: u32 = 6;
pub(crate) const HANDSHAKE_COMPLETE: u32 = 7;
/// A [flag](TERMINATE_SESSION).
pub(crate) const FLAG: u32 = 10;
/// Bytes that the command wrote to its standard error.
pub(crate) const STDERR: u32 = 11;

/// The flag by which a client ends the session.
pub(crate) const TERMINATE_SESSION: [u8; 4] = 2_u32.to_be_bytes();

/// The version of AWS's agent whose ways these are: the plugin looks at it before it relies on what older agents lack.
const AGENT_VERSION: &str = "3.3.0.0";

/// The first message, which is text: `OpenDataChannelInput`. Nothing shows it: the token is a secret until it is used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OpenDataChannel {
    pub(crate) token_value: String,
    #[serde(default)]
    pub(crate) client_version: String,
}

/// What the client is asked for: `HandshakeRequestPayload`.
pub(crate) fn handshake_request(is_interactive: bool) -> Vec<u8> {
    // The document of ECS Exec, AmazonECS-ExecuteInteractiveCommand, has the first.
    let session_type = if is_interactive { "InteractiveCommands" } else { "NonInteractiveCommands" };
    let action =
        serde_json::json!({ "ActionType": "SessionType", "ActionParameters": { "SessionType": session_type, "Properties": null } });
    json(&serde_json::json!({ "AgentVersion": AGENT_VERSION, "RequestedClientActions": [action] }))
}

/// What the client makes of it: `HandshakeResponsePayload`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HandshakeResponse {
    #[serde(default)]
    pub(crate) processed_client_actions: Vec<ProcessedAction>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ProcessedAction {
    #[serde(default)]
    action_status: u8,
}

impl HandshakeResponse {
    /// Whether the client did all that it was asked for.
    pub(crate) fn is_success(&self) -> bool {
        self.processed_client_actions.iter().all(|action| action.action_status == 1)
    }
}

/// That it may begin: `HandshakeCompletePayload`, with the time that it took in nanoseconds.
pub(crate) fn handshake_complete(took: std::time::Duration) -> Vec<u8> {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    json(&serde_json::json!({ "HandshakeTimeToComplete": nanos, "CustomerMessage": "" }))
}

/// `SizeData`.
#[derive(Clone, Copy, Debug, Deserialize)]
struct SizeData {
    cols: u32,
    rows: u32,
}

/// The terminal's size, if the payload is one. A terminal has room for no more than its numbers do.
pub(crate) fn size(payload: &[u8]) -> Option<TerminalSize> {
    let SizeData { cols, rows } = serde_json::from_slice(payload).ok()?;
    let bounded = |number| u16::try_from(number).unwrap_or(u16::MAX);
    Some(TerminalSize { columns: bounded(cols), rows: bounded(rows) })
}

/// `AcknowledgeContent`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Acknowledge {
    #[serde(rename = "AcknowledgedMessageType")]
    kind: String,
    #[serde(rename = "AcknowledgedMessageId")]
    id: String,
    #[serde(rename = "AcknowledgedMessageSequenceNumber")]
    pub(crate) sequence: i64,
    #[serde(rename = "IsSequentialMessage")]
    is_sequential: bool,
}

/// That the message has arrived.
pub(crate) fn acknowledge(message: &AgentMessage) -> Vec<u8> {
    let AgentMessage { kind, id, sequence, .. } = message;
    json(&Acknowledge { kind: kind.clone(), id: id.hyphenated().to_string(), sequence: *sequence, is_sequential: true })
}

/// `ChannelClosed`: the client shows `output`, if there is any, and ends.
pub(crate) fn channel_closed(session: &str, message: Uuid, created: &str, output: &str) -> Vec<u8> {
    json(&serde_json::json!({
        "MessageType": CHANNEL_CLOSED,
        "MessageId": message.hyphenated().to_string(),
        "CreatedDate": created,
        "DestinationId": session,
        "SessionId": session,
        "SchemaVersion": 1,
        "Output": output,
    }))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("payloads are plain data with string keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_the_plugin_sends_it() {
        // The plugin's, where its output is no terminal.
        assert_eq!(size(br#"{"cols":300,"rows":100}"#), Some(TerminalSize { columns: 300, rows: 100 }));
        assert_eq!(size(br#"{"cols":70000,"rows":1}"#), Some(TerminalSize { columns: u16::MAX, rows: 1 }));
        assert_eq!(size(b"300"), None);
    }

    #[test]
    fn a_client_that_could_not_do_what_it_was_asked_for_is_noticed() {
        // `ActionStatus`: Success 1, Failed 2, Unsupported 3.
        let response = |status: &str| {
            let json = format!(
                r#"{{"ClientVersion":"1.2.0.0","ProcessedClientActions":[{{"ActionType":"SessionType","ActionStatus":{status},"ActionResult":null,"Error":""}}],"Errors":null}}"#
            );
            serde_json::from_str::<HandshakeResponse>(&json).unwrap().is_success()
        };
        assert!(response("1") && !response("2") && !response("3"));
    }
}
