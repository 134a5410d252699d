//! Starts supervisors, finds them again, speaks with them, and notices when they are gone.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Weak};
use std::time::Duration;

use kecs_core::{Clock, SystemClock, TaskId};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::config::SupervisorCommand;
use super::folder::{FolderLock, TaskFolder};
use super::host;
use super::hub::Hub;
use super::leftovers;
use super::order::TaskOrder;
use super::record::TaskRecord;
use super::supervisor::control::{Request, read_line};

/// How long a supervisor may take to answer before the task goes without it for a while.
const GREETING: Duration = Duration::from_secs(2);

/// A connection to a supervisor.
type Connection = BufReader<UnixStream>;

/// Starts a supervisor, which takes the lock along, and waits until it has the task in its hands: its first state.
pub(super) async fn start(
    command: &SupervisorCommand,
    folder: &TaskFolder,
    lock: FolderLock,
    order: &TaskOrder,
) -> io::Result<(Connection, TaskRecord)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut child = command_of(command)?
        // For people who look at the process list.
        .arg(order.task.id.to_string())
        .current_dir(folder.path())
        .env_clear()
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(lock.into_file())
        .spawn()?;
    // While this process lives it is the parent, and reaps; not bound to the manager, whose end the supervisor survives.
    tokio::spawn(async move { child.wait().await });

    let mut connection = BufReader::new(UnixStream::from_std(ours)?);
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    connection.write_all(&line).await?;
    connection.flush().await?;
    match read_line(&mut connection).await? {
        Some(line) => Ok((connection, serde_json::from_slice(&line)?)),
        None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the supervisor ended before it took the task")),
    }
}

fn command_of(command: &SupervisorCommand) -> io::Result<Command> {
    Ok(match command {
        SupervisorCommand::Path(path) => Command::new(path),
        SupervisorCommand::CurrentExe(arguments) => {
            let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    })
}

/// Takes in a task and follows its supervisor until the task is over. Without a connection one is sought.
pub(super) fn follow(hub: &Arc<Hub>, folder: TaskFolder, record: TaskRecord, connection: Option<Connection>) {
    let task = record.task.id;
    let stops = hub.adopt(record);
    let worker = tokio::spawn(work(Arc::downgrade(hub), folder, task, connection, stops)).abort_handle();
    hub.employ(task, worker);
}

async fn work(
    hub: Weak<Hub>,
    folder: TaskFolder,
    task: TaskId,
    mut connection: Option<Connection>,
    mut stops: mpsc::UnboundedReceiver<()>,
) {
    loop {
        if let Some(connection) = connection.take() {
            // However the connection ended, what is true stands in the folder.
            let _ = converse(&hub, connection, &mut stops).await;
        }
        let again = match reach(&folder).await {
            Ok(Reached::Silent(record)) => wait(&folder, &record).await,
            reached => reached,
        };
        match again {
            Ok(Reached::Supervisor(again, record)) => {
                connection = Some(again);
                tell(&hub, record);
            }
            Ok(Reached::End(Some(record))) => return tell(&hub, record),
            Ok(Reached::End(None) | Reached::Silent(_)) => return,
            Err(error) => return tracing::error!(%task, %error, "the folder of a task cannot be read"),
        }
    }
}

fn tell(hub: &Weak<Hub>, record: TaskRecord) {
    if let Some(hub) = hub.upgrade() {
        hub.update(record);
    }
}

/// Takes in states and passes on stops, until the connection ends.
async fn converse(hub: &Weak<Hub>, connection: Connection, stops: &mut mpsc::UnboundedReceiver<()>) -> io::Result<()> {
    let (states, mut requests) = tokio::io::split(connection);
    let states = futures::stream::try_unfold(tokio::io::BufReader::new(states), |mut states| async {
        let mut line = Vec::new();
        tokio::io::AsyncBufReadExt::read_until(&mut states, b'\n', &mut line).await?;
        Ok::<_, io::Error>((line.pop() == Some(b'\n')).then_some((line, states)))
    });
    let mut states = std::pin::pin!(states);
    loop {
        tokio::select! {
            state = futures::TryStreamExt::try_next(&mut states) => match state? {
                Some(line) => tell(hub, serde_json::from_slice(&line)?),
                None => return Ok(()),
            },
            Some(()) = stops.recv() => send(&mut requests, &Request::Stop).await?,
        }
    }
}

async fn send(socket: &mut (impl AsyncWriteExt + Unpin), request: &Request) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    socket.write_all(&line).await?;
    socket.flush().await
}

/// What is found of a task that has a folder.
#[derive(Debug)]
pub(super) enum Reached {
    /// A supervisor that has it in its hands, and the state that it told.
    Supervisor(Connection, TaskRecord),
    /// A supervisor that lives but does not answer, because it ends right now or hangs; the state that it wrote last.
    Silent(TaskRecord),
    /// No supervisor, so this is the last state; `None` if there never was one.
    End(Option<TaskRecord>),
}

/// Speaks with the task's supervisor, or cleans up after one that is gone.
pub(super) async fn reach(folder: &TaskFolder) -> io::Result<Reached> {
    let Some(record) = folder.read_state()? else { return Ok(Reached::End(None)) };
    if record.is_final() {
        return Ok(Reached::End(Some(record)));
    }
    if let Ok(Ok(Some((connection, record)))) = tokio::time::timeout(GREETING, greet(folder)).await {
        return Ok(Reached::Supervisor(connection, record));
    }
    let folder = folder.clone();
    settle(move || match folder.try_lock()? {
        Some(lock) => Ok(Reached::End(leftovers::settle(&folder, &lock, SystemClock.now())?)),
        None => Ok(Reached::Silent(record)),
    })
    .await
}

/// Waits until a silent supervisor answers after all, or is gone; then it cleans up after it.
async fn wait(folder: &TaskFolder, record: &TaskRecord) -> io::Result<Reached> {
    tokio::select! {
        biased;
        Ok(Some((connection, record))) = greet(folder) => return Ok(Reached::Supervisor(connection, record)),
        () = host::exited(record.supervisor.as_ref()) => {}
    }
    let folder = folder.clone();
    settle(move || match folder.wait_lock()? {
        Some(lock) => Ok(Reached::End(leftovers::settle(&folder, &lock, SystemClock.now())?)),
        None => Ok(Reached::End(None)),
    })
    .await
}

async fn settle(work: impl FnOnce() -> io::Result<Reached> + Send + 'static) -> io::Result<Reached> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

async fn greet(folder: &TaskFolder) -> io::Result<Option<(Connection, TaskRecord)>> {
    let mut connection = open(folder, &Request::Watch).await?;
    let Some(line) = read_line(&mut connection).await? else { return Ok(None) };
    Ok(Some((connection, serde_json::from_slice(&line)?)))
}

/// Opens a connection for `request`.
pub(super) async fn open(folder: &TaskFolder, request: &Request) -> io::Result<Connection> {
    let socket = folder.connect()?;
    socket.set_nonblocking(true)?;
    let mut connection = BufReader::new(UnixStream::from_std(socket)?);
    send(&mut connection, request).await?;
    Ok(connection)
}
