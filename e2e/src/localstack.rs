//! The real LocalStack, started for tests.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A LocalStack on a free port with a folder of its own. Dropping it ends it.
#[derive(Debug)]
pub struct LocalStack {
    child: Child,
    folder: TempDir,
    endpoint: String,
}

impl LocalStack {
    /// Starts it with a Python that has it (`KECS_TEST_LOCALSTACK_PYTHON`), and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(python: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let port = free_port();
        let mut child = Command::new(python)
            .args(["-m", "localstack.runtime.main"])
            .current_dir(folder.path())
            .env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"))
            .envs([("DISABLE_EVENTS", "1"), ("SKIP_SSL_CERT_DOWNLOAD", "1"), ("EAGER_SERVICE_LOADING", "0")])
            .env("FILESYSTEM_ROOT", folder.path())
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("LocalStack's Python can be started");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut lines = stdout.lines();
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("Ready.")), "LocalStack did not become ready");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, folder, endpoint: format!("http://127.0.0.1:{port}") }
    }

    /// The URL of its endpoint.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where it keeps what it keeps.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that was free a moment ago: LocalStack cannot be told to take any.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
