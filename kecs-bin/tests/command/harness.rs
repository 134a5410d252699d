//! The real binary in a folder of its own, with nothing of the caller's environment that it would read.
#![allow(clippy::unwrap_used, reason = "a test's helpers panic as the test itself does")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A folder in which commands run.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a command that has ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A program, written for the shell.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// `kecs`, in this folder, with its data in `data/kecs`.
    pub(crate) fn kecs(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_kecs"), arguments)
    }

    /// `kecs` that begins with so many open files allowed, and may ask for more.
    pub(crate) fn kecs_with_open_files(&self, allowed: u32, arguments: &[&str]) -> Command {
        let mut command = self.command("sh", &["-c", "ulimit -Sn $0 && exec \"$@\"", &allowed.to_string()]);
        command.arg(env!("CARGO_BIN_EXE_kecs")).args(arguments);
        command
    }

    /// `kecs-sidecar`, as `kecs`.
    pub(crate) fn kecs_sidecar(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_kecs-sidecar"), arguments)
    }

    /// Another program, as `kecs`.
    pub(crate) fn command(&self, path: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(path);
        command.current_dir(self.path()).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KECS_") {
                command.env_remove(name);
            }
        }
        command.env("XDG_DATA_HOME", self.path().join("data"));
        command
    }

    /// Runs `kecs` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.kecs(arguments).output().unwrap().into()
    }

    /// `kecs start` on a free port, once it answers.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.kecs(&["start", "--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// A pipe with a name: a task writes into it, and the test waits for that.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }
}

/// A kecs that answers. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    stderr: ChildStderr,
    stdout: BufReader<ChildStdout>,
    pub(crate) endpoint: String,
}

impl Running {
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let mut first_line = String::new();
        stdout.read_line(&mut first_line).unwrap();
        let Some((_, endpoint)) = first_line.trim_end().split_once(" answers at ") else {
            let mut complaint = String::new();
            stderr.read_to_string(&mut complaint).unwrap();
            panic!("kecs did not start: {first_line}{complaint}");
        };
        Self { endpoint: endpoint.to_owned(), child, stderr, stdout }
    }

    pub(crate) fn authority(&self) -> &str {
        self.endpoint.strip_prefix("http://").unwrap()
    }

    /// A line of /proc/PID/status, in KiB.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// Whether the memory that it writes to holds these bytes.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        e2e::memory_holds(self.child.id(), bytes)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads stderr up to a line that contains `text`.
    pub(crate) fn wait_for_remark(&mut self, text: &str) {
        let mut said = String::new();
        for line in BufReader::new(&mut self.stderr).lines() {
            let line = line.unwrap();
            if line.contains(text) {
                return;
            }
            said.push_str(&line);
        }
        panic!("it never said '{text}', but: {said}");
    }

    /// Waits for the end; what was not read yet of both streams, and the status.
    pub(crate) fn wait(mut self) -> (ExitStatus, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap(), stdout, stderr)
    }

    /// Calls an ECS operation, which must succeed.
    pub(crate) fn ecs(&self, operation: &str, request: &Value) -> Value {
        let target = format!("x-amz-target: AmazonEC2ContainerServiceV20141113.{operation}\r\n");
        let (status, body) = self.http("POST", "/", &target, &request.to_string());
        assert_eq!(status, 200, "{operation}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) fn http(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let authority = self.authority();
        let mut stream = TcpStream::connect(authority).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
             content-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// Runs a task with one container, a shell command, and returns its ARN.
    pub(crate) fn run_task(&self, script: &str) -> String {
        let container = serde_json::json!({
            "name": "app", "image": "none", "memory": 64, "stopTimeout": 100, "command": ["/bin/sh", "-c", script]
        });
        self.ecs("CreateCluster", &serde_json::json!({}));
        self.ecs("RegisterTaskDefinition", &serde_json::json!({ "family": "shell", "containerDefinitions": [container] }));
        let answer = self.ecs("RunTask", &serde_json::json!({ "taskDefinition": "shell" }));
        answer["tasks"][0]["taskArn"].as_str().unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already after `wait`; a test that failed must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process runs. An ended one that nobody has waited for counts as ended.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until something is written into the pipe, and reads it as a number.
pub(crate) fn read_pid(pipe: &Path) -> i32 {
    std::fs::read_to_string(pipe).unwrap().trim().parse().unwrap()
}
