//! The data channel of Session Manager: the WebSocket over which AWS's plugin opens the sessions that ExecuteCommand promises.
//!
//! The protocol is that of `github.com/aws/session-manager-plugin` (`src/message`, `src/datachannel`): one text message that shows the token, then
//! binary [messages](message::AgentMessage), each acknowledged and sent again until it is. To read the code, start at
//! [`Conversation`](conversation::Conversation).
//!
//! No signature is asked for, as AWS asks for none of a client that has the token; and a browser's page that is not ours is refused before it comes
//! here, as everywhere.

mod conversation;
mod incoming;
mod message;
mod outgoing;
mod payload;
#[cfg(test)]
mod tests;
mod understood;

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use kecs_core::{Body, ExecSessions};
use tokio::sync::Semaphore;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::Instrument;

use crate::reply::{PLAIN_TEXT, full, reply};
use crate::service::Shared;
use conversation::Conversation;

/// What comes before a session's id in its URL.
const PATH: &str = "/v1/data-channel/";

/// Sessions at a time.
const CHANNELS: u32 = 256;

/// The largest message of a client. The plugin's have 1 KiB of input; a handshake's answer is a little more.
const LARGEST: usize = 64 * 1024;

/// How long a shutdown waits for sessions to say farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// The open channels of an endpoint.
#[derive(Debug)]
pub(crate) struct DataChannels {
    sessions: ExecSessions,
    free: Arc<Semaphore>,
}

impl DataChannels {
    pub(crate) fn new(sessions: ExecSessions) -> Self {
        Self { sessions, free: Arc::new(Semaphore::new(CHANNELS as usize)) }
    }

    /// Waits a moment for all that are open to be closed.
    pub(crate) async fn ended(&self) {
        // Time is over, or all are free: both is as good as it gets.
        let _ = tokio::time::timeout(FAREWELL, self.free.acquire_many(CHANNELS)).await;
    }
}

/// The session that a request is about to open. Nothing but the head is read.
pub(crate) fn session_id(head: &Parts) -> Option<&str> {
    let id = head.uri.path().strip_prefix(PATH)?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

/// Answers the request to open a channel; what follows happens on a task of its own.
pub(crate) fn answer(shared: &Arc<Shared>, channels: &DataChannels, head: &Parts, id: &str) -> Response<Body> {
    let (accept, upgrade) = match wanted(head) {
        Ok(wanted) => wanted,
        Err(response) => return *response,
    };
    let Ok(permit) = Arc::clone(&channels.free).try_acquire_owned() else {
        shared.metrics.throttled();
        return reply(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, "too many sessions are open");
    };
    let (stopped, clock, sessions) = (shared.about.stopped(), Arc::clone(&shared.clock), channels.sessions.clone());
    let span = tracing::info_span!("session", id);
    let id = id.to_owned();
    let work = async move {
        let socket = match upgrade.await {
            Ok(upgraded) => TokioIo::new(upgraded),
            Err(error) => return tracing::debug!(%error, "a data channel was not opened"),
        };
        let config =
            WebSocketConfig::default().read_buffer_size(8 * 1024).max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
        let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config.write_buffer_size(0))).await;
        Conversation::new(socket, id, clock).hold(&sessions, stopped).await;
        drop(permit);
    };
    tokio::spawn(work.instrument(span));

    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// What the opening handshake of a WebSocket (RFC 6455, 4.2) needs: the key's answer, and the connection.
fn wanted(head: &Parts) -> Result<(HeaderValue, OnUpgrade), Box<Response<Body>>> {
    let has = |name: &HeaderName, word: &str| {
        let values = head.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(word))
    };
    let refuse = |status, text: &'static str| Box::new(reply(status, PLAIN_TEXT, text));
    if head.method != Method::GET || !has(&UPGRADE, "websocket") || !has(&CONNECTION, "upgrade") {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "sessions are opened by a WebSocket");
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err(response);
    }
    if !has(&SEC_WEBSOCKET_VERSION, "13") {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "the version of the WebSocket must be 13");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    let key = head.headers.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accept = key.and_then(|accept| HeaderValue::try_from(accept).ok());
    let upgrade = head.extensions.get::<OnUpgrade>().cloned();
    accept.zip(upgrade).ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "sec-websocket-key is missing"))
}
