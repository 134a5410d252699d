//! Speaks with servers: lines of JSON over the task's socket, any number of connections.
//!
//! A connection's first line says what it is for ([`Request`]). The one over which the order came needs none: it watches.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

use super::engine::{Event, Following};
use super::session;
use crate::process::order::SessionOrder;

/// How long to wait after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How long a server that does not read keeps a supervisor whose task is over.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a server asks of a supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::process) enum Request {
    /// Tell the state now and at every change, until the task is over.
    Watch,
    /// Begin to stop the task. The answer is the state that says so.
    Stop,
    /// Send a byte whenever the container's log grew, until it is complete.
    Follow {
        /// The container's name.
        container: String,
        /// Whether the container waits for this reader, which says by lines of JSON which file it is at; until the connection ends.
        #[serde(default)]
        blocking: bool,
    },
    /// Run a command in the container. What follows are [frames](crate::process::frames) both ways; closing the connection ends the command.
    Exec(SessionOrder),
}

/// The state of the task for those who watch it, as lines of JSON.
#[derive(Debug)]
pub(super) struct States {
    latest: Arc<[u8]>,
    changes: broadcast::Sender<Arc<[u8]>>,
}

/// One who watches: the state now, then every change.
pub(super) type Watching = (Arc<[u8]>, broadcast::Receiver<Arc<[u8]>>);

impl States {
    pub(super) fn new() -> Self {
        // One who is further behind than this misses the oldest, never the latest.
        Self { latest: Arc::from([]), changes: broadcast::Sender::new(64) }
    }

    pub(super) fn publish(&mut self, line: Vec<u8>) {
        self.latest = line.into();
        // Nobody may be watching.
        let _ = self.changes.send(self.latest.clone());
    }

    pub(super) fn watch(&self) -> Watching {
        (self.latest.clone(), self.changes.subscribe())
    }
}

/// The connections of one supervisor.
#[derive(Debug)]
pub(super) struct Control {
    connections: JoinSet<()>,
    events: mpsc::UnboundedSender<Event>,
}

impl Control {
    pub(super) fn new(events: mpsc::UnboundedSender<Event>) -> Self {
        Self { connections: JoinSet::new(), events }
    }

    /// Goes on with the connection over which the order came.
    pub(super) fn first(&mut self, server: BufReader<UnixStream>, watching: Watching) {
        let events = self.events.clone();
        self.connections.spawn(async move {
            // A connection that breaks was the server's; it comes back when it wants to.
            let _ = watch_task(server, watching, events.clone()).await;
            let _ = events.send(Event::FirstServerLeft);
        });
    }

    /// Takes the next connection. Safe to drop.
    pub(super) async fn accept(&mut self, listener: &UnixListener) {
        while self.connections.try_join_next().is_some() {}
        let Ok((socket, _)) = listener.accept().await else {
            // Out of files, most likely; asking again at once would only burn time.
            return tokio::time::sleep(ACCEPT_PAUSE).await;
        };
        let events = self.events.clone();
        self.connections.spawn(async move {
            let _ = serve(BufReader::new(socket), events).await;
        });
    }

    /// Waits until everybody who listens has been told everything.
    pub(super) async fn finish(mut self) {
        let _ = tokio::time::timeout(FAREWELL, async { while self.connections.join_next().await.is_some() {} }).await;
    }
}

async fn serve(mut socket: BufReader<UnixStream>, events: mpsc::UnboundedSender<Event>) -> io::Result<()> {
    let Some(line) = read_line(&mut socket).await? else { return Ok(()) };
    match serde_json::from_slice(&line)? {
        Request::Watch => {
            let (answer, watching) = oneshot::channel();
            let _ = events.send(Event::Watch(answer));
            match watching.await {
                Ok(watching) => watch_task(socket, watching, events).await,
                Err(_) => Ok(()),
            }
        }
        Request::Stop => {
            let _ = events.send(Event::Stop);
            Ok(())
        }
        Request::Follow { container, blocking } => {
            let (answer, log) = oneshot::channel();
            let _ = events.send(Event::Follow { container, blocking, answer });
            match log.await {
                Ok(log) => follow_log(socket, log).await,
                Err(_) => Ok(()),
            }
        }
        Request::Exec(order) => {
            let (answer, started) = oneshot::channel();
            let _ = events.send(Event::Exec { order, answer });
            match started.await {
                Ok(Ok(started)) => session::serve(socket, started).await,
                Ok(Err(refusal)) => session::refuse(socket, refusal).await,
                Err(_) => Ok(()),
            }
        }
    }
}

/// Sends states until the task is over and takes requests meanwhile.
async fn watch_task(socket: BufReader<UnixStream>, watching: Watching, events: mpsc::UnboundedSender<Event>) -> io::Result<()> {
    let (requests, mut socket) = tokio::io::split(socket);
    let mut requests = BufReader::new(requests);
    let (latest, mut changes) = watching;
    let (mut next, mut is_open) = (Some(latest), true);
    let mut line = Vec::new();
    loop {
        if let Some(state) = next.take() {
            socket.write_all(&state).await?;
            socket.flush().await?;
        }
        tokio::select! {
            change = changes.recv() => match change {
                Ok(state) => next = Some(state),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
            read = requests.read_until(b'\n', &mut line), if is_open => {
                is_open = read? > 0;
                if is_open && line.ends_with(b"\n") {
                    if let Request::Stop = serde_json::from_slice(&line)? {
                        let _ = events.send(Event::Stop);
                    }
                    line.clear();
                }
            }
        }
        if !is_open {
            return Ok(());
        }
    }
}

/// Sends a byte for every growth that the other side has not seen yet.
async fn follow_log(socket: BufReader<UnixStream>, Following { mut growth, hold }: Following) -> io::Result<()> {
    let (requests, mut socket) = tokio::io::split(socket);
    let mut lines = BufReader::new(requests).lines();
    growth.mark_changed();
    loop {
        tokio::select! {
            changed = growth.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                socket.write_all(b".").await?;
                socket.flush().await?;
            }
            line = lines.next_line() => match (line?, &hold) {
                (Some(file), Some(hold)) => hold.reads(serde_json::from_str(&file)?),
                _ => return Ok(()),
            },
        }
    }
}

/// One line without its end; `None` at the end of the stream. A line that the stream breaks off is none.
pub(in crate::process) async fn read_line(socket: &mut BufReader<UnixStream>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    socket.read_until(b'\n', &mut line).await?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}
