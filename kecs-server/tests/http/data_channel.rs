//! Opening the channel of a session over HTTP: who may, and how. What is said on it has tests beside its code.

use futures::{SinkExt, StreamExt};
use http::Request;
use kecs_core::memory::MemoryTaskManager;
use kecs_server::{Kecs, Running};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Answer, body, ecs};

async fn start() -> Running {
    let kecs = Kecs::builder().tasks(MemoryTaskManager::new()).listen("127.0.0.1:0".parse().unwrap()).build().unwrap();
    kecs.start().await.unwrap()
}

async fn send(running: &Running, request: Request<http_body_util::Full<bytes::Bytes>>) -> Answer {
    let stream = TcpStream::connect(running.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Answer::of(sender.send_request(request).await.unwrap()).await
}

async fn call(running: &Running, operation: &str, input: Value) -> Value {
    let host = running.local_addr().to_string();
    let mut request = ecs(operation).body(body(input.to_string())).unwrap();
    request.headers_mut().insert("host", host.parse().unwrap());
    send(running, request).await.json()
}

/// What ExecuteCommand promises for a task that runs.
async fn promise(running: &Running) -> Value {
    call(running, "CreateCluster", json!({})).await;
    let containers = json!([{ "name": "web", "image": "app:1", "memory": 128 }]);
    let definition =
        json!({ "family": "app", "taskRoleArn": "arn:aws:iam::000000000000:role/app", "containerDefinitions": containers });
    call(running, "RegisterTaskDefinition", definition).await;
    let started = running.engine().task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
    call(running, "RunTask", json!({ "taskDefinition": "app", "enableExecuteCommand": true })).await;
    let task = started.await.unwrap().task_arn.unwrap();
    let promised = call(running, "ExecuteCommand", json!({ "task": task, "command": "echo hi", "interactive": true })).await;
    promised["session"].clone()
}

/// A request to open a WebSocket, with the key of RFC 6455's own example.
fn opening(url: &str) -> http::request::Builder {
    Request::get(url)
        .header("host", url.split('/').nth(2).unwrap())
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test]
async fn the_url_that_is_promised_opens_a_channel_and_the_token_a_session() {
    let running = start().await;
    let session = promise(&running).await;
    let url = session["streamUrl"].as_str().unwrap();
    assert!(url.starts_with(&format!("ws://{}/v1/data-channel/", running.local_addr())), "{url}");
    let stream = TcpStream::connect(running.local_addr()).await.unwrap();
    let (mut socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(answer.status(), 101);
    let token = json!({ "MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": session["tokenValue"], "ClientId": "c" });
    socket.send(Message::text(token.to_string())).await.unwrap();
    let Some(Ok(Message::Binary(first))) = socket.next().await else { panic!("the handshake begins") };
    assert!(first[4..].starts_with(b"output_stream_data"), "{first:?}");
    running.shutdown().await;
}

#[tokio::test]
async fn a_wrong_token_closes_the_channel() {
    let running = start().await;
    let session = promise(&running).await;
    let stream = TcpStream::connect(running.local_addr()).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(session["streamUrl"].as_str().unwrap(), stream).await.unwrap();
    socket.send(Message::text(r#"{"TokenValue":"another"}"#)).await.unwrap();
    match socket.next().await {
        Some(Ok(Message::Close(Some(why)))) => assert_eq!(why.code, CloseCode::Policy),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_key_is_answered_as_the_standard_says() {
    let running = start().await;
    let url = format!("ws://{}/v1/data-channel/any?role=publish_subscribe", running.local_addr());
    let answer = send(&running, opening(&url).body(body("")).unwrap()).await;
    assert_eq!(answer.status(), 101);
    // RFC 6455, 1.3.
    assert_eq!(answer.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[tokio::test]
async fn a_page_of_another_site_opens_no_channel() {
    let running = start().await;
    let url = promise(&running).await["streamUrl"].as_str().unwrap().to_owned();
    let foreign = opening(&url).header("origin", "https://evil.example").body(body("")).unwrap();
    assert_eq!(send(&running, foreign).await.status(), 403);
    let mut rebound = opening(&url).body(body("")).unwrap();
    rebound.headers_mut().insert("host", "evil.example".parse().unwrap());
    assert_eq!(send(&running, rebound).await.status(), 403);
}

#[tokio::test]
async fn what_is_no_websocket_is_told_so() {
    let running = start().await;
    let url = format!("http://{}/v1/data-channel/any", running.local_addr());
    for (name, value) in [("upgrade", "h2c"), ("connection", "close"), ("sec-websocket-version", "8")] {
        let mut request = opening(&url).body(body("")).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(send(&running, request).await.status(), 426, "{name}");
    }
    let mut without_key = opening(&url).body(body("")).unwrap();
    without_key.headers_mut().remove("sec-websocket-key");
    assert_eq!(send(&running, without_key).await.status(), 400);
}

#[tokio::test]
async fn a_server_that_is_shut_down_takes_leave_of_its_clients() {
    let running = start().await;
    let session = promise(&running).await;
    let stream = TcpStream::connect(running.local_addr()).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(session["streamUrl"].as_str().unwrap(), stream).await.unwrap();
    let token = json!({ "TokenValue": session["tokenValue"] });
    socket.send(Message::text(token.to_string())).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Binary(_)))), "the handshake begins");
    let stopping = tokio::spawn(running.shutdown());
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(message))) if message[4..].starts_with(b"channel_closed") => break,
            Some(Ok(_)) => {}
            other => panic!("it was left without a word: {other:?}"),
        }
    }
    socket.close(None).await.or_else(|error| if matches!(error, Error::ConnectionClosed) { Ok(()) } else { Err(error) }).unwrap();
    stopping.await.unwrap();
}
