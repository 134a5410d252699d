//! A server that is measured: a process, its CPU time and its memory, as the kernel counts them.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cores::{self, CLIENT_CORE, SERVER_CORE};

/// A server process, pinned to [`SERVER_CORE`]. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    /// What the figures call it.
    pub name: &'static str,
    /// Where it answers.
    pub address: SocketAddr,
    child: Child,
    /// When it was started.
    pub started: Instant,
}

/// What a process used since it was started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time of all its threads, ended ones included.
    pub cpu: Duration,
}

impl Server {
    /// Starts a program and waits until it prints a line with `sign`, by which it says that it answers. `address` is where, given that line.
    ///
    /// # Errors
    /// When it cannot be started, or ends instead.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        sign: &str,
        address: impl FnOnce(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        let program = command.get_program().display().to_string();
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        command.stdin(Stdio::null()).stdout(writer.try_clone().context("cannot share a pipe")?).stderr(writer);
        // A process starts on the cores of the thread that starts it.
        cores::pin(SERVER_CORE)?;
        let started = Instant::now();
        let child = command.spawn();
        cores::pin(CLIENT_CORE)?;
        // The command holds the writing ends: without this the pipe would never end.
        drop(command);
        let child = child.with_context(|| format!("cannot start {program}"))?;
        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next() else { bail!("{program} ended: {said}") };
            if line.contains(sign) {
                break address(&line).with_context(|| format!("{program} does not say where it answers: {line}"))?;
            }
            said += &line;
        };
        // What it says later is of no interest, but must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { name, address, child, started })
    }

    /// Starts a program that says nothing, and waits until it accepts connections at `address`.
    ///
    /// # Errors
    /// When it cannot be started, or ends instead.
    pub(crate) fn listening(name: &'static str, mut command: Command, address: SocketAddr) -> Result<Self> {
        let program = command.get_program().display().to_string();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        cores::pin(SERVER_CORE)?;
        let started = Instant::now();
        let child = command.spawn();
        cores::pin(CLIENT_CORE)?;
        let mut server = Self { name, address, child: child.with_context(|| format!("cannot start {program}"))?, started };
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait().context("cannot ask for the server")? {
                bail!("{program} ended with {status}");
            }
            std::thread::yield_now();
        }
        Ok(server)
    }

    /// What it used so far. The kernel counts in hundredths of a second.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn usage(&self) -> Result<Usage> {
        let stat = std::fs::read_to_string(self.proc("stat")).context("the server is gone")?;
        // proc(5): utime and stime are fields 14 and 15; the name, field 2, may hold blanks.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks =
            |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).context("an unknown form of /proc/…/stat");
        let ticks = ticks(11)? + ticks(12)?;
        Ok(Usage { cpu: Duration::from_nanos(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second()) })
    }

    /// CPU time to the nanosecond, of the threads that it has now: for a server at rest.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn exact_cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for thread in std::fs::read_dir(self.proc("task")).context("the server is gone")? {
            // A thread may end in between.
            let schedstat = std::fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            nanos += schedstat.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(self.proc("status")).context("the server is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("an unknown form of /proc/…/status")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("an unknown form of /proc/…/status")?;
        Ok(kib * 1024)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is ended already, or is now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on loopback that nobody uses at present.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?)
}
