//! The program that runs one task: parent of its containers, and all that must outlive the server.
//!
//! It is told its [`TaskOrder`] once, over the socket that is its standard input, and then decides nothing by itself:
//! [`TaskRun`](kecs_core::task_run::TaskRun) has ECS's rules, this is the I/O around it. Everything happens on one thread and
//! because of an event: a child ended, a message came, a deadline is over.
//!
//! - `engine.rs` runs the task; start reading there.
//! - `process.rs` starts a process and follows its output; `exec.rs` is what that process does before it is the container's program.
//! - `control.rs` speaks with servers.
//! - `session.rs` runs a command beside a container's own, on a terminal (`terminal.rs`) or without.

pub(super) mod control;
mod ends;
mod engine;
mod exec;
mod handover;
mod process;
mod rules;
mod session;
mod terminal;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::process::{Pid, getpid};
use tokio::io::BufReader;

use super::folder::SOCKET;
use super::order::TaskOrder;

/// The argument that asks for the exec stage.
const EXEC: &str = "exec";

/// The supervisor of one task, as a program: what a binary calls whose
/// [`SupervisorCommand`](crate::SupervisorCommand) names it, with the arguments that follow those of the command.
///
/// It returns when the task is over. It belongs to a process of its own: it makes itself the leader of a session, takes over standard
/// input and reaps every child.
pub fn run_task_supervisor(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    if arguments.into_iter().next().is_some_and(|argument| argument == EXEC) {
        return exec::become_program();
    }
    match supervise() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain("the supervisor ends", &error);
            ExitCode::FAILURE
        }
    }
}

fn supervise() -> io::Result<()> {
    // EPERM: it leads a group already, because somebody started it by hand.
    let _ = rustix::process::setsid();
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    adopt_orphans()?;
    let server = take_stdin()?;
    server.set_nonblocking(true)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut server = BufReader::new(tokio::net::UnixStream::from_std(server)?);
        let order: TaskOrder = match control::read_line(&mut server).await? {
            Some(line) => serde_json::from_slice(&line)?,
            // Nobody acknowledged anything yet, so nothing is lost.
            None => return Ok(()),
        };
        let listener = tokio::net::UnixListener::bind(SOCKET)?;
        engine::run(order, listener, server).await
    })
}

/// Processes of the task whose parent ends become children of this one: they are reaped, and found when the task is over.
#[cfg(target_os = "linux")]
fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// Standard input as a socket that no child inherits, with `/dev/null` in its place.
fn take_stdin() -> io::Result<UnixStream> {
    let socket: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(socket))
}

/// Writes to standard error, which is the supervisor's log file in the task's folder.
fn complain(what: &str, error: &io::Error) {
    // There is nowhere else to say it.
    let _ = writeln!(io::stderr(), "{what}: {error}");
}

/// Whether ECS's `UlimitName` means a limit of this system.
pub(super) fn limit_exists(name: &str) -> bool {
    exec::resource(name).is_some()
}

/// The process id in the form that records have.
fn raw(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}
