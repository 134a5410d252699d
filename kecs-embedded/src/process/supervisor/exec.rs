//! The last steps before a container's program, in the process that becomes it.
//!
//! A process of its own does them because only it may: limits, user and death signal belong to a process, and the hook that the standard
//! library has for them between fork and exec is unsafe. It is told what to do over the socket that is its standard input, so that the
//! environment stands in no file and no command line, and answers there: [`READY`] before the exec, and a reason if that fails. The
//! socket closes on exec, so its end means that the program runs.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::fs::Mode;
use rustix::process::{Gid, Pid, Resource, Rlimit, Signal, Uid};
use serde::{Deserialize, Serialize};

use super::{handover, take_stdin, terminal};
use crate::process::order::{Identity, Limit, ProgramOrder};

/// What the socket says once only the exec is left to do.
pub(super) const READY: u8 = b'+';

/// What the stage is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ExecOrder<P> {
    /// Whose child it must be: it ends with that process.
    pub(super) supervisor: i32,
    /// Whether the standard input that comes along is to be its terminal.
    pub(super) on_terminal: bool,
    pub(super) program: P,
}

/// Becomes the program, or says why it cannot.
pub(super) fn become_program() -> ExitCode {
    let Ok(mut socket) = take_stdin() else { return ExitCode::FAILURE };
    let reason = match attempt(&mut socket) {
        Ok(never) => match never {},
        Err(reason) => reason,
    };
    let _ = socket.write_all(reason.as_bytes());
    // As a shell has it for a program that was not found or could not be run.
    ExitCode::from(127)
}

fn attempt(socket: &mut UnixStream) -> Result<std::convert::Infallible, String> {
    let (order, stdin) = handover::receive(&*socket).map_err(|error| error.to_string())?;
    let ExecOrder { supervisor, on_terminal, program }: ExecOrder<ProgramOrder> =
        serde_json::from_slice(&order).map_err(|error| error.to_string())?;
    let ProgramOrder { arguments, environment, directory, identity, limits, no_new_privileges } = program;
    if let Some(stdin) = stdin {
        if on_terminal {
            terminal::take_over(&stdin).map_err(|error| format!("terminal: {error}"))?;
        }
        rustix::stdio::dup2_stdin(&stdin).map_err(|error| error.to_string())?;
    }
    for limit in &limits {
        set_limit(limit).map_err(|error| format!("ulimit {}: {error}", limit.name))?;
    }
    std::env::set_current_dir(&directory).map_err(|error| format!("working directory {}: {error}", directory.display()))?;
    if let Some(identity) = &identity {
        take_identity(identity).map_err(|error| format!("user {}:{}: {error}", identity.uid, identity.gid))?;
    }
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    restrict(no_new_privileges).map_err(|error| error.to_string())?;
    // After the change of user, which clears it.
    die_with_parent().map_err(|error| error.to_string())?;
    if rustix::process::getppid() != Pid::from_raw(supervisor) {
        return Err("the task's supervisor is gone".to_owned());
    }
    let (name, rest) = arguments.split_first().ok_or("no command")?;
    socket.write_all(&[READY]).map_err(|error| error.to_string())?;
    let error = Command::new(name).args(rest).env_clear().envs(environment).exec();
    Err(match error.kind() {
        // The words of runc, which ECS shows.
        io::ErrorKind::NotFound if !name.contains('/') => format!("exec: {name:?}: executable file not found in $PATH"),
        io::ErrorKind::NotFound => format!("exec: {name:?}: stat {name}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("exec: {name:?}: permission denied"),
        _ => format!("exec: {name:?}: {error}"),
    })
}

fn set_limit(limit: &Limit) -> io::Result<()> {
    let resource = resource(&limit.name).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::setrlimit(resource, Rlimit { current: limit.soft, maximum: limit.hard })?)
}

/// The limit that ECS's `UlimitName` means.
pub(super) fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "locks" => Resource::Locks,
        "memlock" => Resource::Memlock,
        "msgqueue" => Resource::Msgqueue,
        "nice" => Resource::Nice,
        "nofile" => Resource::Nofile,
        "nproc" => Resource::Nproc,
        "rss" => Resource::Rss,
        "rtprio" => Resource::Rtprio,
        "rttime" => Resource::Rttime,
        "sigpending" => Resource::Sigpending,
        "stack" => Resource::Stack,
        _ => return None,
    })
}

/// This process has one thread, so what is a thread's is the process's.
fn take_identity(identity: &Identity) -> io::Result<()> {
    let groups: Vec<Gid> = identity.groups.iter().map(|&group| Gid::from_raw(group)).collect();
    rustix::thread::set_thread_groups(&groups)?;
    rustix::thread::set_thread_gid(Gid::from_raw(identity.gid))?;
    rustix::thread::set_thread_uid(Uid::from_raw(identity.uid))?;
    Ok(())
}

fn restrict(no_new_privileges: bool) -> io::Result<()> {
    if no_new_privileges {
        rustix::thread::set_no_new_privs(true)?;
    }
    Ok(())
}

fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}
