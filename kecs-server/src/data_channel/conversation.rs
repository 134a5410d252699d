//! One session, from its token to its farewell.
//!
//! A single task does all of it, and waits for whichever comes first: a message, output of the command, room for either, or a time-out. Reading goes on
//! while writing waits and the other way round, so that a client that is slow to read and a command that is slow to read cannot lock each other up.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use kecs_core::{
    BackendError, Clock, ErrorKind, ExecInput, ExecOutput, ExecSession, ExecSessions, LogSource, PromisedSession, Report,
    TerminalSize,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use uuid::Uuid;

use super::incoming::Incoming;
use super::message::{ACKNOWLEDGE, AgentMessage, CHANNEL_CLOSED, INPUT, OUTPUT};
use super::outgoing::Outgoing;
use super::payload::{self, Acknowledge, HandshakeResponse, OpenDataChannel};
use super::understood::Understood;

/// How long a client has to show its token, and to do its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// How long the size of the client's terminal is waited for: the plugin tells it at once.
const SIZE: Duration = Duration::from_secs(2);

/// The terminal of a client that does not tell.
const DEFAULT_SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

/// How long a client may take to close its side after the farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much output one message carries: as much as AWS's agent puts into one.
const CHUNK: usize = 1024;

/// How many messages of ours wait to be written. While they do not get fewer, nothing is read.
const OUTBOX: usize = 1024;

/// How many inputs wait for the command to take them. What comes then is not acknowledged, and so comes again.
const INBOX: usize = 1024;

/// How often the connection is used at least, so that a client that is gone is noticed.
const PING: Duration = Duration::from_mins(1);

pub(super) struct Conversation<S> {
    socket: WebSocketStream<S>,
    session_id: String,
    clock: Arc<dyn Clock>,
    incoming: Incoming,
    /// What has come before the session began.
    early: VecDeque<AgentMessage>,
    outgoing: Outgoing,
    /// Messages to be written.
    outbox: VecDeque<Message>,
    /// What the command is to get.
    inbox: VecDeque<ExecInput>,
}

/// How a session ends.
enum End {
    /// The client is gone: there is nobody to tell.
    Gone,
    /// The client is told these words, if there are any.
    Told(String),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    pub(super) fn new(socket: WebSocketStream<S>, session_id: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            socket,
            session_id,
            clock,
            incoming: Incoming::default(),
            early: VecDeque::new(),
            outgoing: Outgoing::default(),
            outbox: VecDeque::new(),
            inbox: VecDeque::new(),
        }
    }

    /// Holds the session until it has ended, whoever ends it.
    pub(super) async fn hold(mut self, sessions: &ExecSessions, stopped: impl Future<Output = ()>) {
        let Some(promised) = self.admit(sessions).await else {
            let refusal = CloseFrame { code: CloseCode::Policy, reason: "the session or its token is not known".into() };
            let _ = timeout(FAREWELL, self.socket.send(Message::Close(Some(refusal)))).await;
            return tracing::info!("a session was refused: its token is wrong, used or too old");
        };
        tracing::info!(task = %promised.task(), container = promised.container(), "a session was opened");
        let end = tokio::select! {
            end = self.run(promised) => end,
            () = stopped => End::Told("The server is stopping.".to_owned()),
        };
        match end {
            End::Gone => tracing::info!("a session was left by its client"),
            End::Told(words) => {
                self.close(&words).await;
                tracing::info!("a session has ended");
            }
        }
    }

    /// The session that the client has the token of.
    async fn admit(&mut self, sessions: &ExecSessions) -> Option<PromisedSession> {
        let first = async {
            loop {
                match self.socket.next().await?.ok()? {
                    // The only text: all that follows is binary.
                    Message::Text(text) => return Some(text),
                    // The plugin sends one at once.
                    Message::Ping(_) | Message::Pong(_) => {}
                    _ => return None,
                }
            }
        };
        let text = timeout(HANDSHAKE, first).await.ok()??;
        let OpenDataChannel { token_value, client_version } = serde_json::from_str(&text).ok()?;
        tracing::debug!(client_version, "a client shows its token");
        sessions.open(&self.session_id, &token_value)
    }

    async fn run(&mut self, promised: PromisedSession) -> End {
        let is_interactive = promised.is_interactive();
        let size = match timeout(HANDSHAKE, self.shake_hands(is_interactive)).await {
            Ok(Ok(size)) => size,
            Ok(Err(end)) => return end,
            Err(_) => return End::Told("The client did not complete the handshake.".to_owned()),
        };
        match promised.start(size).await {
            Ok(session) => self.carry(session, is_interactive).await,
            Err(error) => End::Told(cannot_start(&error)),
        }
    }

    /// Agrees with the client on what the session is; then it tells the size of its terminal.
    async fn shake_hands(&mut self, is_interactive: bool) -> Result<TerminalSize, End> {
        let started = Instant::now();
        self.send_payload(payload::HANDSHAKE_REQUEST, payload::handshake_request(is_interactive).into());
        let response = self.await_payload(payload::HANDSHAKE_RESPONSE).await?;
        let is_agreed = serde_json::from_slice::<HandshakeResponse>(&response).is_ok_and(|response| response.is_success());
        if !is_agreed {
            return Err(End::Told("The client cannot hold a session of this kind.".to_owned()));
        }
        self.send_payload(payload::HANDSHAKE_COMPLETE, payload::handshake_complete(started.elapsed()).into());
        // So that a command which asks at once is told right.
        timeout(SIZE, self.await_size()).await.unwrap_or(Ok(DEFAULT_SIZE))
    }

    /// The size that the client tells. Keys come from another thread of the plugin, which may be quicker: they wait.
    async fn await_size(&mut self) -> Result<TerminalSize, End> {
        while self.early.len() < INBOX {
            while let Some(message) = self.incoming.next() {
                if message.payload_type == payload::SIZE {
                    return Ok(payload::size(&message.payload).unwrap_or(DEFAULT_SIZE));
                }
                self.early.push_back(message);
            }
            self.step(&mut futures::stream::pending(), None).await?;
        }
        Ok(DEFAULT_SIZE)
    }

    /// The next payload of this type. What a client sends before its turn is left out.
    async fn await_payload(&mut self, payload_type: u32) -> Result<Bytes, End> {
        loop {
            while let Some(message) = self.incoming.next() {
                if message.payload_type == payload_type {
                    return Ok(message.payload);
                }
            }
            self.step(&mut futures::stream::pending(), None).await?;
        }
    }

    /// Carries input and output until the command has ended.
    async fn carry(&mut self, session: ExecSession, is_interactive: bool) -> End {
        let ExecSession { input, mut output } = session;
        let (mut input, mut input_ends) = (Some(input), false);
        let end = loop {
            while let Some(message) = self.early.pop_front().or_else(|| self.incoming.next()) {
                match Understood::of(&message, is_interactive) {
                    Understood::Input(data) => self.inbox.push_back(data),
                    Understood::InputEnds => input_ends = true,
                    Understood::End => return End::Told(String::new()),
                    Understood::Nothing => {}
                }
            }
            if input_ends && self.inbox.is_empty() {
                input = None;
            }
            match self.step(&mut output, input.as_ref()).await {
                Ok(None) => {}
                Ok(Some(Ok(ExecOutput::Data(source, data)))) => self.send_output(source, &data),
                Ok(Some(Ok(ExecOutput::Exited(code)))) => break ended(code, is_interactive),
                Ok(Some(Err(error))) if error.kind() == ErrorKind::Invalid => break cannot_start(&error),
                Ok(Some(Err(error))) => {
                    tracing::warn!(error = %Report(&error), "a session broke");
                    break format!("The session broke: {error}.");
                }
                Err(end) => return end,
            }
        };
        // The client leaves at the farewell, whatever it has not read yet.
        while !self.outgoing.is_empty() {
            if let Err(end) = self.step(&mut futures::stream::pending(), None).await {
                return end;
            }
        }
        End::Told(end)
    }

    /// Does the one thing that can be done first, and says what came of the command, if it was that.
    async fn step(
        &mut self,
        output: &mut (impl futures::Stream<Item = Result<ExecOutput, BackendError>> + Unpin),
        input: Option<&mpsc::Sender<ExecInput>>,
    ) -> Result<Option<Result<ExecOutput, BackendError>>, End> {
        let may_read = self.outbox.len() < OUTBOX;
        let may_send = self.outgoing.has_room() && self.outbox.len() < OUTBOX;
        let deadline = self.outgoing.deadline().filter(|_| self.outbox.is_empty());
        let next_input = input.filter(|_| !self.inbox.is_empty());
        tokio::select! {
            came = exchange(&mut self.socket, &mut self.outbox, may_read) => match came? {
                Some(Message::Binary(bytes)) => self.receive(&bytes),
                Some(Message::Close(_)) => return Err(End::Gone),
                // Pings are answered below.
                Some(_) | None => {}
            },
            permit = reserve(next_input) => match permit {
                Some(permit) => {
                    if let Some(next) = self.inbox.pop_front() {
                        permit.send(next);
                    }
                }
                None => self.inbox.clear(),
            },
            came = output.next(), if may_send => {
                return Ok(Some(came.unwrap_or_else(|| Err(BackendError::new(ErrorKind::Unavailable, "the server is stopping")))));
            }
            () = until(deadline) => self.outbox.extend(self.outgoing.again().map(Message::Binary)),
            () = tokio::time::sleep(PING), if self.outbox.is_empty() => self.outbox.push_back(Message::Ping(Bytes::new())),
        }
        Ok(None)
    }

    fn receive(&mut self, bytes: &Bytes) {
        let message = match AgentMessage::read(bytes) {
            Ok(message) => message,
            // It comes again, if it was one.
            Err(error) => return tracing::debug!(%error, "a message cannot be read"),
        };
        match &*message.kind {
            INPUT if self.inbox.len() < INBOX => {
                let answer = payload::acknowledge(&message);
                if self.incoming.take(message) {
                    let answer = self.message(ACKNOWLEDGE, 0, 0, answer.into());
                    // As the plugin's own have it.
                    self.outbox.push_back(Message::Binary(AgentMessage { flags: 3, ..answer }.write()));
                }
            }
            ACKNOWLEDGE => {
                if let Ok(Acknowledge { sequence, .. }) = serde_json::from_slice(&message.payload) {
                    self.outgoing.acknowledged(sequence);
                }
            }
            _ => {}
        }
    }

    fn send_output(&mut self, source: LogSource, data: &Bytes) {
        let payload_type = if source == LogSource::Stderr { payload::STDERR } else { payload::DATA };
        let mut rest = data.clone();
        while !rest.is_empty() {
            let chunk = rest.split_to(rest.len().min(CHUNK));
            self.send_payload(payload_type, chunk);
        }
    }

    fn send_payload(&mut self, payload_type: u32, payload: Bytes) {
        let message = self.message(OUTPUT, 0, payload_type, payload);
        let bytes = self.outgoing.send(|sequence| AgentMessage { sequence, ..message }.write());
        self.outbox.push_back(Message::Binary(bytes));
    }

    fn message(&self, kind: &str, sequence: i64, payload_type: u32, payload: Bytes) -> AgentMessage {
        let created = u64::try_from(self.clock.now().as_millis()).unwrap_or_default();
        AgentMessage { kind: kind.to_owned(), created, sequence, flags: 0, id: Uuid::new_v4(), payload_type, payload }
    }

    /// Tells the client that the session is over, and waits a moment for it to hang up.
    async fn close(mut self, words: &str) {
        let created = self.clock.now().to_string();
        let payload = payload::channel_closed(&self.session_id, Uuid::new_v4(), &created, words);
        let farewell = self.message(CHANNEL_CLOSED, 0, 0, payload.into()).write();
        let said = async {
            for message in self.outbox.into_iter().chain([Message::Binary(farewell)]) {
                self.socket.send(message).await?;
            }
            while let Some(Ok(message)) = self.socket.next().await {
                if message.is_close() {
                    break;
                }
            }
            self.socket.close(None).await
        };
        // A client that is gone, or takes longer, has to find out by itself.
        let _ = timeout(FAREWELL, said).await;
    }
}

/// The words at the end of a command. AWS has none; without a terminal there is no other way to tell an exit code.
fn ended(code: Option<i32>, is_interactive: bool) -> String {
    match code {
        Some(code) if code != 0 && !is_interactive => format!("The command ended with exit code {code}."),
        _ => String::new(),
    }
}

/// AWS's agent says it so.
fn cannot_start(error: &BackendError) -> String {
    format!("----------ERROR-------\nUnable to start command: {error}")
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

async fn reserve(input: Option<&mpsc::Sender<ExecInput>>) -> Option<mpsc::Permit<'_, ExecInput>> {
    match input {
        Some(input) => input.reserve().await.ok(),
        None => pending().await,
    }
}

/// Writes what waits and gives what came, whichever can be done first; `None` when something was written. Safe to drop.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    outbox: &mut VecDeque<Message>,
    may_read: bool,
) -> Result<Option<Message>, End> {
    poll_fn(|cx| {
        let mut has_written = false;
        while !outbox.is_empty() {
            match socket.poll_ready_unpin(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Gone)),
                Poll::Pending => break,
            }
            if let Some(next) = outbox.pop_front()
                && socket.start_send_unpin(next).is_err()
            {
                return Poll::Ready(Err(End::Gone));
            }
            has_written = true;
        }
        if let Poll::Ready(Err(_)) = socket.poll_flush_unpin(cx) {
            return Poll::Ready(Err(End::Gone));
        }
        if may_read && let Poll::Ready(came) = socket.poll_next_unpin(cx) {
            return Poll::Ready(came.and_then(Result::ok).map(Some).ok_or(End::Gone));
        }
        if has_written { Poll::Ready(Ok(None)) } else { Poll::Pending }
    })
    .await
}
