//! The process of an emulator. It ends with this program, however that ends: it watches its standard input.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

/// Ends the process, and removes its folder, when nobody holds its standard input any more.
const WATCH: &str = r"
import os, shutil, sys, threading
def watch():
    sys.stdin.buffer.read()
    shutil.rmtree(os.getcwd(), ignore_errors=True)
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
os.dup2(1, 2)
";
const LOCALSTACK: &str = r#"
import runpy
runpy.run_module("localstack.runtime.main", run_name="__main__", alter_sys=True)
"#;
const MOTO: &str = r#"
from moto.server import ThreadedMotoServer
ThreadedMotoServer("127.0.0.1", int(os.environ["PORT"]), verbose=False).start()
print("Ready.", flush=True)
threading.Event().wait()
"#;
/// What both print when they answer.
const READY: &str = "Ready.";
/// How much of what it printed is shown when it does not start.
const LAST_LINES: usize = 40;

/// A running emulator.
#[derive(Debug)]
pub(super) struct Process {
    address: SocketAddr,
    /// Holds its standard input.
    _child: Child,
}

impl Process {
    pub(super) fn localstack(python: &Path) -> Self {
        let address = free_address();
        let mut command = Command::new(python);
        command.arg("-c").arg(format!("{WATCH}{LOCALSTACK}"));
        command.env("GATEWAY_LISTEN", address.to_string()).env("LOCALSTACK_HOST", address.to_string());
        command.envs([
            ("DISABLE_EVENTS", "1"),
            ("SKIP_SSL_CERT_DOWNLOAD", "1"),
            ("DNS_ADDRESS", "0"),
            ("SQS_ENDPOINT_STRATEGY", "path"),
        ]);
        Self::start(command, address)
    }

    pub(super) fn moto(python: &Path) -> Self {
        let address = free_address();
        let mut command = Command::new(python);
        command.arg("-c").arg(format!("{WATCH}{MOTO}")).env("PORT", address.port().to_string());
        Self::start(command, address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it in a folder of its own, and waits until it answers.
    fn start(mut command: Command, address: SocketAddr) -> Self {
        let folder = tempfile::Builder::new().prefix("kecs-emulator-").tempdir().unwrap().keep();
        command.current_dir(&folder).env("FILESYSTEM_ROOT", folder.join("root")).env("PYTHONUNBUFFERED", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut last = VecDeque::new();
        for line in lines.by_ref() {
            if line == READY {
                // What nobody reads would stop it.
                thread::spawn(move || lines.for_each(drop));
                return Self { address, _child: child };
            }
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        let status = child.wait().unwrap();
        panic!("the emulator ended before it was ready ({status}):\n{}", last.make_contiguous().join("\n"));
    }
}

/// A port of loopback that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
