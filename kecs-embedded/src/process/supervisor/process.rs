//! A process of a container: its start, its output, its end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use kecs_core::{Clock, LogSource, SystemClock};
use rustix::io::Errno;
use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::exec::{ExecOrder, READY};
use super::{EXEC, handover};
use crate::process::order::ProgramOrder;
use crate::process::output::{LineSplitter, LogWriter};

/// A process that was started and may not have become its program yet.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) pid: Pid,
    pub(super) stage: Stage,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// Starts a process, the leader of a group of its own, that will become the program.
pub(super) fn start(exec_arguments: &[String], with_output: bool) -> io::Result<Started> {
    let output = || if with_output { Stdio::piped() } else { Stdio::null() };
    start_with(exec_arguments, output(), output(), true)
}

/// The same with given files to write to. Who is to lead a session of its own must not lead a group before.
pub(super) fn start_with(exec_arguments: &[String], stdout: Stdio, stderr: Stdio, leads_group: bool) -> io::Result<Started> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(own_program()?);
    command.args(exec_arguments).arg(EXEC).env_clear().stdin(OwnedFd::from(theirs)).stdout(stdout).stderr(stderr);
    if leads_group {
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    // The child is reaped by the engine, with all others; dropping the handle does nothing to it.
    Ok(Started {
        pid,
        stage: Stage(tokio::net::UnixStream::from_std(ours)?),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
    })
}

/// The file that runs, even if another took its place on disk.
fn own_program() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// The process before it is its program.
#[derive(Debug)]
pub(super) struct Stage(tokio::net::UnixStream);

impl Stage {
    /// Tells it what to become; returns once it did, or with the reason why it cannot.
    pub(super) async fn become_program(self, program: ProgramOrder) -> Result<(), String> {
        self.become_program_with(program, None, false).await
    }

    /// The same with a standard input, which may be the program's terminal.
    pub(super) async fn become_program_with(
        self,
        program: ProgramOrder,
        stdin: Option<OwnedFd>,
        on_terminal: bool,
    ) -> Result<(), String> {
        let supervisor = super::raw(rustix::process::getpid());
        let order = serde_json::to_vec(&ExecOrder { supervisor, on_terminal, program }).map_err(|error| error.to_string())?;
        let mut socket = self.0;
        let mut answer = Vec::new();
        let told = async {
            if let Some(stdin) = stdin {
                handover::send(&socket, stdin.as_fd()).await?;
            }
            socket.write_all(&order).await?;
            socket.shutdown().await
        };
        // A stage that died has no more to say than that.
        let _ = told.await;
        let _ = socket.read_to_end(&mut answer).await;
        match answer.split_first() {
            Some((&READY, [])) => Ok(()),
            Some((&READY, reason)) => Err(String::from_utf8_lossy(reason).into_owned()),
            Some(_) => Err(String::from_utf8_lossy(&answer).into_owned()),
            None => Err("the process ended before its program began".to_owned()),
        }
    }
}

/// Writes what comes out of the pipe until its end, or until `ended` is told and the pipe is empty: somebody who left the process group
/// may hold it open for ever.
pub(super) async fn follow(
    pipe: OwnedFd,
    source: LogSource,
    log: Arc<Mutex<LogWriter>>,
    mut ended: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut pipe = pipe::Receiver::from_owned_fd(pipe)?;
    let mut lines = LineSplitter::default();
    let mut buffer = vec![0; 8 * 1024];
    loop {
        let read = tokio::select! {
            biased;
            read = pipe.read(&mut buffer) => read?,
            // By the kernel itself: `try_read` asks nobody until the runtime has heard that there is something.
            _ = ended.wait_for(|&ended| ended) => match rustix::io::retry_on_intr(|| rustix::io::read(&pipe, &mut buffer)) {
                Err(Errno::WOULDBLOCK) => 0,
                read => read?,
            },
        };
        let complete = if read == 0 { Vec::from_iter(lines.finish()) } else { lines.push(&buffer[..read]) };
        // The pipe fills up meanwhile, and the program waits with its next line. What an ended one has left there is written in any case.
        let in_the_way = log.lock().expect("nobody panics while holding it").in_the_way();
        if let Some(read_by_all) = in_the_way {
            tokio::select! {
                () = read_by_all => {}
                _ = ended.wait_for(|&ended| ended) => {}
            }
        }
        let at = SystemClock.now();
        log.lock().expect("nobody panics while holding it").append(source, at, complete.iter().map(Vec::as_slice))?;
        if read == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::process::output::LogReader;

    // As beside much else to do: the process has ended before its output was looked at for the first time. The runtime has not heard of the pipe by then.
    #[tokio::test]
    async fn what_is_in_the_pipe_of_an_ended_process_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(Mutex::new(LogWriter::open(folder.path().to_owned(), 1 << 20).unwrap()));
        let (pipe, mut held_open) = io::pipe().unwrap();
        held_open.write_all(b"first\nlast").unwrap();
        let ended = watch::Sender::new(true);
        follow(pipe.into(), LogSource::Stdout, log, ended.subscribe()).await.unwrap();
        let lines = LogReader::new(folder.path().to_owned()).batch().unwrap();
        assert_eq!(lines.iter().map(|line| &line.line[..]).collect::<Vec<_>>(), [b"first".as_slice(), b"last"]);
    }
}
