//! The kecs binary, started for one test, for clients of AWS.
//!
//! `KECS_BIN` names the binary; without it, the workspace's is built in the profile of the test.

mod clients;
mod localstack;
mod memory;
mod pods;
mod processes;
mod sidecar;
mod tools;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

pub use clients::{ClientTest, run_client_tests, run_client_with};
pub use localstack::LocalStack;
pub use memory::memory_holds;
pub use pods::{NODE, Pods, kubectl, pod_of};
pub use processes::localstack_processes;
pub use sidecar::Sidecar;
pub use tools::{AWS_CLI_2, CLIENTS, LOCALSTACK, PLUGIN, Tool};

/// A kecs on a free port with a data folder of its own. Dropping it ends it, its tasks too.
#[derive(Debug)]
pub struct Kecs {
    child: Child,
    data: TempDir,
    endpoint: String,
}

impl Kecs {
    /// Starts it with these arguments after `kecs start`.
    ///
    /// # Panics
    /// When it cannot be built or does not start.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder can be made"), arguments, &[])
    }

    /// Starts it on this data folder, with these variables beside those of the test.
    ///
    /// # Panics
    /// When it cannot be built or does not start.
    pub fn start_in(data: TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary())
            .args(["start", "--on-exit", "stop", "--log", "warn", "--data-dir"])
            .arg(data.path())
            .args(if arguments.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] })
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(data.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("stdout can be read");
        let endpoint = line.trim_end().split_once(" answers at ").expect("kecs says where it answers").1.to_owned();
        Self { child, data, endpoint }
    }

    /// The URL for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A folder for the test's own files; it goes with this.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Runs another command of the binary on the same data folder.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn command(&self, words: &[&str]) -> Outcome {
        let mut command = Command::new(binary());
        command.args(words).arg("--data-dir").arg(self.data.path());
        Outcome::of(&mut command)
    }

    /// Runs the AWS CLI that is beside a Python.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn aws(&self, python: &Path, words: &[&str]) -> Outcome {
        aws(self.endpoint(), python, words)
    }

    /// Kills it as a power failure would, and gives its data folder away.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn killed(mut self) -> TempDir {
        self.child.kill().and_then(|()| self.child.wait()).expect("a child can be killed");
        self.let_go()
    }

    /// Ends it, and gives its data folder away.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn ended(mut self) -> TempDir {
        let outcome = self.command(&["stop"]);
        assert!(outcome.success, "{outcome:?}");
        self.child.wait().expect("a child can be waited for");
        self.let_go()
    }

    fn let_go(&mut self) -> TempDir {
        std::mem::replace(&mut self.data, tempfile::tempdir().expect("a folder can be made"))
    }
}

/// Runs the AWS CLI that is beside a Python, for a KECS that somebody else started.
///
/// # Panics
/// When it cannot be run.
pub fn aws(endpoint: &str, python: &Path, words: &[&str]) -> Outcome {
    let mut command = Command::new(python.with_file_name("aws"));
    command
        .args(words)
        .args(["--output", "text"])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")])
        .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_PAGER", ""), ("AWS_MAX_ATTEMPTS", "1")])
        .envs([("AWS_ENDPOINT_URL", endpoint), ("AWS_CONFIG_FILE", "/dev/null")]);
    Outcome::of(&mut command)
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it says that it went well.
    pub success: bool,
    /// What it wrote, without the last end of line.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Outcome {
    fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().expect("the command can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Self { success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Drop for Kecs {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        if !self.command(&["stop", "--tasks", "stop"]).success {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The binary to test or to measure: `KECS_BIN`, or the one of this workspace, built in the same profile as this program.
///
/// # Panics
/// When it cannot be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("KECS_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--workspace", "--bin", "kecs"]).current_dir(manifest);
    // What cargo tells this program of its package: ring's build script looks at it too, and half of kecs would be compiled anew by turns with what a shell builds.
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        command.arg("--release");
        "release"
    };
    assert!(command.status().expect("cargo can be started").success(), "kecs does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| manifest.join("../target"), PathBuf::from);
    target.join(profile).join("kecs")
}
