//! `kecs sidecar`, started for tests.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A sidecar on a free port. Dropping it ends it.
#[derive(Debug)]
pub struct Sidecar {
    child: Child,
    endpoint: String,
}

impl Sidecar {
    /// Starts one in front of a KECS and another endpoint.
    ///
    /// # Panics
    /// When it cannot be built or does not start.
    pub fn start(kecs: &str, aws: &str) -> Self {
        let mut child = Command::new(super::binary())
            .args(["sidecar", "--listen", "127.0.0.1:0", "--log", "warn", "--kecs-endpoint", kecs, "--localstack-endpoint", aws])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is a pipe")).read_line(&mut line).expect("stdout can be read");
        let endpoint = line.trim_end().split_once(" answers at ").expect("the sidecar says where it answers").1.to_owned();
        Self { child, endpoint }
    }

    /// The URL for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
