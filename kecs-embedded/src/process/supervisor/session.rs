//! A command beside a container's own, for a server that asks: its process, its terminal or pipes, and the frames in between.
//!
//! It is a child of the supervisor as the container is, so that it has the container's environment, which nobody else knows, and ends with it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use rustix::termios::Winsize;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use super::process::{self, Stage};
use super::terminal;
use crate::process::frames::{self, CHUNK, Frame};
use crate::process::host;
use crate::process::order::{Identity, ProgramOrder, TerminalOrder};

/// How long the output of a command that ended is waited for while somebody else, who was started by it, holds it open and writes nothing.
const QUIET: Duration = Duration::from_millis(250);

/// How long a command whose server is gone has to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Why a server's wish is not granted: a frame's kind, and words.
pub(super) type Refusal = (u8, String);

/// A command that was started and may not have become its program yet.
#[derive(Debug)]
pub(super) struct Session {
    pid: Pid,
    stage: Stage,
    program: ProgramOrder,
    /// What the program gets as its standard input.
    stdin: OwnedFd,
    streams: Streams,
    /// Told once the process was asked for its exit code.
    ended: oneshot::Receiver<Option<i32>>,
}

/// Our ends of what the command reads from and writes to.
#[derive(Debug)]
enum Streams {
    /// The terminal's other side.
    Terminal(OwnedFd),
    Pipes {
        input: OwnedFd,
        stdout: OwnedFd,
        stderr: OwnedFd,
    },
}

/// Starts the process of a command; whoever reaps it tells its exit code to the sender.
pub(super) fn start(
    exec_arguments: &[String],
    program: ProgramOrder,
    size: Option<TerminalOrder>,
) -> io::Result<(Session, oneshot::Sender<Option<i32>>)> {
    let (tell_end, ended) = oneshot::channel();
    let (started, stdin, streams) = if let Some(size) = size {
        let (ours, theirs) = terminal::open(window(size))?;
        if let Some(Identity { uid, gid, .. }) = &program.identity {
            // As a login does it, so that the user may open it again by its name.
            rustix::fs::fchown(&theirs, Some(rustix::fs::Uid::from_raw(*uid)), Some(rustix::fs::Gid::from_raw(*gid)))?;
        }
        let started = process::start_with(exec_arguments, theirs.try_clone()?.into(), theirs.try_clone()?.into(), false)?;
        (started, theirs, Streams::Terminal(ours))
    } else {
        let (theirs, input) = io::pipe()?;
        let (stdout, out) = io::pipe()?;
        let (stderr, err) = io::pipe()?;
        let started = process::start_with(exec_arguments, out.into(), err.into(), true)?;
        let streams = Streams::Pipes { input: input.into(), stdout: stdout.into(), stderr: stderr.into() };
        (started, theirs.into(), streams)
    };
    let process::Started { pid, stage, .. } = started;
    Ok((Session { pid, stage, program, stdin, streams, ended }, tell_end))
}

impl Session {
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }
}

/// Says why there is no session.
pub(super) async fn refuse(mut socket: BufReader<UnixStream>, (kind, words): Refusal) -> io::Result<()> {
    frames::write(&mut socket, kind, words.as_bytes()).await
}

/// Carries what comes and goes until the command has ended, or the server is gone: then the command is ended.
pub(super) async fn serve(socket: BufReader<UnixStream>, session: Session) -> io::Result<()> {
    let Session { pid, stage, program, stdin, streams, mut ended } = session;
    let (from, mut to) = tokio::io::split(socket);
    frames::write(&mut to, frames::ACCEPTED, &[]).await?;
    let is_terminal = matches!(streams, Streams::Terminal(_));
    if let Err(reason) = stage.become_program_with(program, Some(stdin), is_terminal).await {
        kill(pid, &mut ended);
        return frames::write(&mut to, frames::FAILED, reason.as_bytes()).await;
    }
    let (sink, window, sources) = match streams {
        Streams::Terminal(ours) => {
            let sources = vec![(frames::STDOUT, receiver(ours.try_clone()?)?)];
            (sender(ours.try_clone()?)?, Some(ours), sources)
        }
        Streams::Pipes { input, stdout, stderr } => {
            let sources = vec![(frames::STDOUT, receiver(stdout)?), (frames::STDERR, receiver(stderr)?)];
            (sender(input)?, None, sources)
        }
    };
    let is_told = tokio::select! {
        told = tell(&mut to, sources, &mut ended) => told.is_ok(),
        _ = take(from, sink, window) => false,
    };
    if is_told {
        return Ok(());
    }
    // The server is gone. All our ends are closed by now: a terminal has hung up.
    host::signal_group(pid, if is_terminal { Signal::HUP } else { Signal::TERM });
    if tokio::time::timeout(GRACE, &mut ended).await.is_err() {
        kill(pid, &mut ended);
    }
    Ok(())
}

/// Kills the process, which may not lead a group yet, unless its number may be another's by now.
fn kill(pid: Pid, ended: &mut oneshot::Receiver<Option<i32>>) {
    if matches!(ended.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        host::signal_group(pid, Signal::KILL);
    }
}

/// Gives the command what the server sends, until there is no server.
async fn take(from: impl tokio::io::AsyncRead + Unpin, sink: pipe::Sender, terminal: Option<OwnedFd>) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut sink = Some(sink);
    while let Some(Frame { kind, payload }) = frames::read(&mut from).await? {
        match (kind, &terminal) {
            (frames::INPUT, _) => {
                if let Some(open) = &mut sink
                    && open.write_all(&payload).await.is_err()
                {
                    // It reads no more.
                    sink = None;
                }
            }
            (frames::INPUT_ENDS, None) => sink = None,
            (frames::RESIZE, Some(terminal)) => {
                if let [c1, c2, r1, r2] = payload[..] {
                    let size = TerminalOrder { columns: u16::from_be_bytes([c1, c2]), rows: u16::from_be_bytes([r1, r2]) };
                    // A terminal that hung up has no size.
                    let _ = rustix::termios::tcsetwinsize(terminal, window(size));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Tells the server what the command writes, and its end.
async fn tell(
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    sources: Vec<(u8, pipe::Receiver)>,
    ended: &mut oneshot::Receiver<Option<i32>>,
) -> io::Result<()> {
    // One channel, so that output and errors come in the order in which they are read; of one chunk, so that a server that does not read stops the command.
    let (chunks, mut incoming) = tokio::sync::mpsc::channel::<(u8, Vec<u8>)>(1);
    let readers = futures::future::join_all(sources.into_iter().map(|(kind, source)| drain(kind, source, chunks.clone())));
    drop(chunks);
    let mut readers = std::pin::pin!(readers);
    let mut all_read = false;
    let mut code = None;
    loop {
        tokio::select! {
            biased;
            chunk = incoming.recv() => match chunk {
                Some((kind, bytes)) => frames::write(to, kind, &bytes).await?,
                None => break,
            },
            _ = &mut readers, if !all_read => all_read = true,
            result = &mut *ended, if code.is_none() => code = Some(result.unwrap_or(None)),
            () = tokio::time::sleep(QUIET), if code.is_some() => break,
        }
    }
    let code = match code {
        Some(code) => code,
        None => (&mut *ended).await.unwrap_or(None),
    };
    let payload = code.map(i32::to_be_bytes);
    frames::write(to, frames::EXITED, payload.as_ref().map_or(&[], |bytes| bytes.as_slice())).await
}

async fn drain(kind: u8, mut source: pipe::Receiver, chunks: tokio::sync::mpsc::Sender<(u8, Vec<u8>)>) {
    let mut buffer = vec![0; CHUNK];
    // A terminal that nobody holds open any more is an input/output error.
    while let Ok(read @ 1..) = source.read(&mut buffer).await {
        if chunks.send((kind, buffer[..read].to_vec())).await.is_err() {
            return;
        }
    }
}

fn receiver(fd: OwnedFd) -> io::Result<pipe::Receiver> {
    rustix::io::ioctl_fionbio(fd.as_fd(), true)?;
    pipe::Receiver::from_owned_fd_unchecked(fd)
}

fn sender(fd: OwnedFd) -> io::Result<pipe::Sender> {
    rustix::io::ioctl_fionbio(fd.as_fd(), true)?;
    pipe::Sender::from_owned_fd_unchecked(fd)
}

fn window(TerminalOrder { columns, rows }: TerminalOrder) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
