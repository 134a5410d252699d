//! A client as AWS's plugin is one, and worse ones, over a pipe.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore, SystemClock, TaskAgentConfig};
use kecs_model::RequestContext;
use kecs_model::ecs::{EcsApi, Session};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use uuid::Uuid;

use super::conversation::Conversation;
use super::message::{ACKNOWLEDGE, AgentMessage, CHANNEL_CLOSED, INPUT, OUTPUT};
use super::payload;

/// An engine with a task that may be looked into.
struct Ecs {
    engine: Arc<Engine>,
    task: String,
}

macro_rules! call {
    ($engine:expr, $operation:ident, $input:expr) => {
        $engine
            .$operation(&RequestContext::local(), kecs_model::aws_json::decode($input.to_string().as_bytes()).unwrap())
            .await
            .unwrap()
    };
}

impl Ecs {
    async fn start() -> Self {
        let mut config = EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::new(MemoryStore::new()));
        config.services.agent = TaskAgentConfig { endpoint: Some("http://127.0.0.1:1".to_owned()), ..TaskAgentConfig::default() };
        let engine = Engine::start(config).await.unwrap();
        call!(engine, create_cluster, json!({}));
        let containers = json!([{ "name": "web", "image": "app:1", "memory": 128 }]);
        let definition =
            json!({ "family": "app", "taskRoleArn": "arn:aws:iam::000000000000:role/app", "containerDefinitions": containers });
        call!(engine, register_task_definition, definition);
        let running = engine.task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
        call!(engine, run_task, json!({ "taskDefinition": "app", "enableExecuteCommand": true }));
        let task = running.await.unwrap().task_arn.unwrap();
        Self { engine, task }
    }

    async fn promise(&self, command: &str, interactive: bool) -> Session {
        let input = json!({ "task": self.task, "command": command, "interactive": interactive });
        call!(self.engine, execute_command, input).session.unwrap()
    }

    /// A client's side of the session's channel.
    async fn dial(&self, session: &Session) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let socket = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let conversation = Conversation::new(socket, session.session_id.clone().unwrap(), Arc::new(SystemClock));
        let sessions = self.engine.exec_sessions();
        tokio::spawn(async move { conversation.hold(&sessions, std::future::pending()).await });
        Client { socket: WebSocketStream::from_raw_socket(ours, Role::Client, None).await, next: 0 }
    }

    /// The same after the handshake.
    async fn open(&self, command: &str, interactive: bool) -> Client {
        let session = self.promise(command, interactive).await;
        let mut client = self.dial(&session).await;
        client.show(session.token_value.as_deref().unwrap()).await;
        client.shake_hands().await;
        client.tell_size().await;
        client
    }
}

struct Client {
    socket: WebSocketStream<DuplexStream>,
    next: i64,
}

impl Client {
    async fn show(&mut self, token: &str) {
        let open = json!({ "MessageSchemaVersion": "1.0", "RequestId": Uuid::new_v4().to_string(), "TokenValue": token,
            "ClientId": Uuid::new_v4().to_string(), "ClientVersion": "1.3.0.0" });
        self.socket.send(Message::Text(open.to_string().into())).await.unwrap();
    }

    async fn tell_size(&mut self) {
        self.input(payload::SIZE, r#"{"cols":90,"rows":30}"#).await;
    }

    async fn shake_hands(&mut self) -> String {
        let request = self.output().await;
        assert_eq!((request.payload_type, request.sequence), (payload::HANDSHAKE_REQUEST, 0));
        self.acknowledge(&request).await;
        let asked: Value = serde_json::from_slice(&request.payload).unwrap();
        let action = &asked["RequestedClientActions"][0];
        assert_eq!(action["ActionType"], "SessionType");
        let done = json!({ "ActionType": "SessionType", "ActionStatus": 1, "ActionResult": null, "Error": "" });
        let response = json!({ "ClientVersion": "1.3.0.0", "ProcessedClientActions": [done], "Errors": null });
        self.input(payload::HANDSHAKE_RESPONSE, response.to_string()).await;
        let complete = self.output().await;
        assert_eq!((complete.payload_type, complete.sequence), (payload::HANDSHAKE_COMPLETE, 1));
        self.acknowledge(&complete).await;
        action["ActionParameters"]["SessionType"].as_str().unwrap().to_owned()
    }

    fn message(kind: &str, sequence: i64, id: Uuid, payload_type: u32, payload: Bytes) -> Message {
        let message = AgentMessage { kind: kind.to_owned(), created: 1, sequence, flags: 0, id, payload_type, payload };
        Message::Binary(message.write())
    }

    async fn input(&mut self, payload_type: u32, payload: impl Into<Bytes>) {
        self.input_as((self.next, Uuid::new_v4()), payload_type, payload).await;
        self.next += 1;
    }

    /// What is sent again has its number and its id, as the plugin keeps a message whole (`StreamingMessage`, src/datachannel/streaming.go).
    async fn input_as(&mut self, (sequence, id): (i64, Uuid), payload_type: u32, payload: impl Into<Bytes>) {
        let message = Self::message(INPUT, sequence, id, payload_type, payload.into());
        self.socket.send(message).await.unwrap();
    }

    async fn acknowledge(&mut self, message: &AgentMessage) {
        let payload = payload::acknowledge(message).into();
        self.socket.send(Self::message(ACKNOWLEDGE, 0, Uuid::new_v4(), 0, payload)).await.unwrap();
    }

    async fn next(&mut self) -> Option<AgentMessage> {
        loop {
            match self.socket.next().await?.ok()? {
                Message::Binary(bytes) => return Some(AgentMessage::read(&bytes).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The next message that is no acknowledgement.
    async fn output(&mut self) -> AgentMessage {
        loop {
            let message = self.next().await.expect("the session goes on");
            if message.kind != ACKNOWLEDGE {
                return message;
            }
        }
    }

    /// Reads and acknowledges output until that was written.
    async fn until(&mut self, text: &str) {
        let mut written = String::new();
        while !written.ends_with(text) {
            let message = self.output().await;
            assert_eq!(message.kind, OUTPUT, "it ended after {written:?}");
            self.acknowledge(&message).await;
            written.push_str(std::str::from_utf8(&message.payload).unwrap());
        }
    }

    /// The words of the farewell; all output before it is acknowledged.
    async fn farewell(mut self) -> String {
        loop {
            let message = self.output().await;
            if message.kind == CHANNEL_CLOSED {
                let closed: Value = serde_json::from_slice(&message.payload).unwrap();
                return closed["Output"].as_str().unwrap().to_owned();
            }
            self.acknowledge(&message).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_held_from_its_token_to_its_farewell() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("stty size", true).await;
    client.until("30 90\n").await;
    assert_eq!(client.farewell().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_one_channel() {
    let ecs = Ecs::start().await;
    let session = ecs.promise("cat", true).await;
    for token in ["wrong", session.token_value.as_deref().unwrap()] {
        let mut client = ecs.dial(&session).await;
        client.show(token).await;
        assert_eq!(client.next().await.is_some(), token != "wrong");
    }
    let mut again = ecs.dial(&session).await;
    again.show(session.token_value.as_deref().unwrap()).await;
    let Some(Ok(Message::Close(Some(why)))) = again.socket.next().await else { panic!("it is refused") };
    assert_eq!(why.reason.as_str(), "the session or its token is not known");
}

#[tokio::test(start_paused = true)]
async fn a_ping_may_come_before_the_token() {
    let ecs = Ecs::start().await;
    let session = ecs.promise("cat", true).await;
    let mut client = ecs.dial(&session).await;
    client.socket.send(Message::Ping(Bytes::from_static(b"keepalive"))).await.unwrap();
    client.show(session.token_value.as_deref().unwrap()).await;
    client.shake_hands().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_shows_nothing_is_not_waited_for() {
    let ecs = Ecs::start().await;
    let session = ecs.promise("cat", true).await;
    let mut client = ecs.dial(&session).await;
    assert!(client.next().await.is_none());
    // Its token is still good.
    let mut client = ecs.dial(&session).await;
    client.show(session.token_value.as_deref().unwrap()).await;
    assert!(client.next().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn input_is_put_in_order_and_given_once() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("cat", true).await;
    let first = client.next;
    let ids = [(); 5].map(|()| Uuid::new_v4());
    for (nth, text) in [(2, "c"), (1, "b"), (2, "c"), (0, "a"), (0, "a"), (3, "d"), (1, "b"), (4, "!")] {
        let sequence = first + i64::try_from(nth).unwrap();
        client.input_as((sequence, ids[nth]), payload::DATA, text).await;
    }
    client.until("abcd!").await;
}

#[tokio::test(start_paused = true)]
async fn keys_that_come_before_the_size_are_not_lost() {
    let ecs = Ecs::start().await;
    for sizes in [1, 0] {
        let session = ecs.promise("cat", true).await;
        let mut client = ecs.dial(&session).await;
        client.show(session.token_value.as_deref().unwrap()).await;
        client.shake_hands().await;
        client.input(payload::DATA, "a").await;
        for _ in 0..sizes {
            client.tell_size().await;
        }
        client.input(payload::DATA, "b").await;
        client.until("ab").await;
    }
}

// The plugin sends the terminal's size and the first keys from two threads, which may number them alike: see `incoming`.
#[tokio::test(start_paused = true)]
async fn keys_that_have_the_number_of_a_size_are_not_lost() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("cat", true).await;
    let size = client.next - 1;
    client.input_as((size, Uuid::new_v4()), payload::DATA, "a").await;
    client.input_as((size + 2, Uuid::new_v4()), payload::DATA, "b").await;
    client.until("ab").await;
}

#[tokio::test(start_paused = true)]
async fn every_input_is_acknowledged_by_its_number_and_id() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("cat", true).await;
    let (sequence, id) = (client.next, Uuid::new_v4());
    let message = AgentMessage {
        kind: INPUT.to_owned(),
        created: 1,
        sequence,
        flags: 0,
        id,
        payload_type: payload::DATA,
        payload: Bytes::from_static(b"x"),
    };
    client.socket.send(Message::Binary(message.write())).await.unwrap();
    let answer = loop {
        let message = client.next().await.unwrap();
        let content: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        if message.kind == ACKNOWLEDGE && content["AcknowledgedMessageSequenceNumber"] == sequence {
            break content;
        }
    };
    // `AcknowledgeContent` of the plugin.
    assert_eq!(
        answer,
        json!({ "AcknowledgedMessageType": INPUT, "AcknowledgedMessageId": id.to_string(),
            "AcknowledgedMessageSequenceNumber": sequence, "IsSequentialMessage": true })
    );
}

#[tokio::test(start_paused = true)]
async fn output_comes_again_until_it_is_acknowledged_and_the_farewell_waits_for_it() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("echo hello", true).await;
    let first = client.output().await;
    for _ in 0..3 {
        assert_eq!(client.output().await, first);
    }
    client.acknowledge(&first).await;
    assert_eq!(client.output().await.kind, CHANNEL_CLOSED);
}

#[tokio::test(start_paused = true)]
async fn noise_is_passed_over() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("cat", true).await;
    for noise in [&b""[..], b"noise", &[0; 200]] {
        client.socket.send(Message::Binary(Bytes::copy_from_slice(noise))).await.unwrap();
    }
    client.socket.send(Client::message("no_such_type", 0, Uuid::new_v4(), 0, Bytes::from_static(b"{}"))).await.unwrap();
    client.socket.send(Client::message(ACKNOWLEDGE, 0, Uuid::new_v4(), 0, Bytes::from_static(b"no JSON"))).await.unwrap();
    client.input(99, "no such payload").await;
    client.input(payload::SIZE, "no size").await;
    client.input(payload::DATA, "still here").await;
    client.until("still here").await;
}

#[tokio::test(start_paused = true)]
async fn the_kind_of_session_is_what_was_promised() {
    let ecs = Ecs::start().await;
    for (interactive, expected) in [(true, "InteractiveCommands"), (false, "NonInteractiveCommands")] {
        let session = ecs.promise("cat", interactive).await;
        let mut client = ecs.dial(&session).await;
        client.show(session.token_value.as_deref().unwrap()).await;
        assert_eq!(client.shake_hands().await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_terminal_keys_mean_the_end_and_the_exit_code_is_told() {
    let ecs = Ecs::start().await;
    assert_eq!(ecs.open("sh -c 'exit 3'", false).await.farewell().await, "The command ended with exit code 3.");
    let mut client = ecs.open("cat", false).await;
    client.input(payload::DATA, "a line").await;
    // What the plugin makes of Enter, then of Ctrl-D.
    client.input(payload::DATA, "\r").await;
    client.input(payload::DATA, "\x04").await;
    client.until("a line\n").await;
    assert_eq!(client.farewell().await, "");
    let mut client = ecs.open("sleep 600", false).await;
    client.input(payload::DATA, "\x03").await;
    assert_eq!(client.farewell().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_client_may_end_the_session() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("sleep 600", true).await;
    client.input(payload::FLAG, Bytes::copy_from_slice(&payload::TERMINATE_SESSION)).await;
    assert_eq!(client.farewell().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_task_and_with_the_engine() {
    let ecs = Ecs::start().await;
    let client = ecs.open("sleep 600", true).await;
    call!(ecs.engine, stop_task, json!({ "task": ecs.task }));
    assert_eq!(client.farewell().await, "");
    let ecs = Ecs::start().await;
    let client = ecs.open("sleep 600", true).await;
    ecs.engine.shutdown().await;
    assert_eq!(client.farewell().await, "The session broke: the server is stopping.");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_not_there_is_named() {
    let ecs = Ecs::start().await;
    let words = ecs.open("no-such-program", true).await.farewell().await;
    // "Unable to start command: Failed to start pty: exec: …: executable file not found in $PATH", as users quote AWS's agent.
    assert_eq!(
        words,
        "----------ERROR-------\nUnable to start command: exec: \"no-such-program\": executable file not found in $PATH"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_does_not_make_the_server_keep_all_output() {
    let ecs = Ecs::start().await;
    let mut client = ecs.open("cat", true).await;
    // More than the pipe, the window and the queues hold: whatever does not fit is held back here, not kept there.
    let chunk = vec![b'x'; 1024];
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_secs(5), client.input(payload::DATA, chunk.clone())).await.is_ok() {
        sent += 1;
        assert!(sent < 10_000, "the server takes in whatever comes");
    }
    assert!(sent > 256, "{sent}");
}
