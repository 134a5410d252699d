//! The kecs binary, started for one test, for clients of AWS.
//!
//! `KECS_BIN` names the binary; without it, the workspace's is built in the profile of the test.

mod clients;
mod localstack;
mod sidecar;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

pub use clients::{client_tests, run_client};
pub use localstack::LocalStack;
pub use sidecar::Sidecar;

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
        let data = tempfile::tempdir().expect("a folder can be made");
        let mut child = Command::new(binary())
            .args(["start", "--listen", "127.0.0.1:0", "--on-exit", "stop", "--log", "warn", "--data-dir"])
            .arg(data.path())
            .args(arguments)
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

    /// A folder for the test's own files; it goes with this.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }
}

impl Drop for Kecs {
    fn drop(&mut self) {
        let stopped = Command::new(binary())
            .args(["stop", "--tasks", "stop", "--data-dir"])
            .arg(self.data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The binary to test.
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
    command.args(["build", "--quiet", "--package", "kecs-bin", "--bin", "kecs"]).current_dir(manifest);
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
