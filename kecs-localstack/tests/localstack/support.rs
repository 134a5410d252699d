//! Emulators for tests, each in a folder of its own.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kecs_localstack::{
    AwsClient, Deployer, Emulator, HttpBackend, HttpBackendConfig, LocalStack, LocalStackConfig, LocalStackState, LocalStackStatus,
    ProcessConfig, ProcessDeployer, Timing,
};
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// The Python with an emulator; `None`, and the reason on the real stderr, where there is none.
pub(crate) fn python(test: &str, emulator: Emulator) -> Option<PathBuf> {
    let variable = match emulator {
        Emulator::Moto => "KECS_TEST_MOTO_PYTHON",
        _ => "KECS_TEST_LOCALSTACK_PYTHON",
    };
    let python = env::var_os(variable).map(PathBuf::from);
    if python.is_none() {
        skipped(test, &format!("{variable} names no Python with the emulator"));
    }
    python
}

/// Reports a test that cannot run here.
pub(crate) fn skipped(test: &str, why: &str) {
    assert!(env::var_os("KECS_TEST_REQUIRE").is_none(), "{test}: {why}");
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// An emulator and the folder that it lives in.
pub(crate) struct Life {
    pub(crate) localstack: Arc<LocalStack>,
    pub(crate) deployer: Arc<ProcessDeployer>,
    pub(crate) data: TempDir,
}

impl Life {
    /// Ready to be started, from packages that are there.
    pub(crate) fn new(python: PathBuf, config: LocalStackConfig) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut process = ProcessConfig::new(data.path());
        process.ready_python = Some(python);
        let deployer = Arc::new(ProcessDeployer::new(process));
        let localstack = Arc::new(LocalStack::new("test", config, Arc::clone(&deployer) as Arc<dyn Deployer>).unwrap());
        Self { localstack, deployer, data }
    }

    /// Started and ready.
    pub(crate) async fn ready(python: PathBuf, config: LocalStackConfig) -> Self {
        let life = Self::new(python, config);
        life.localstack.start();
        life.until(LocalStackState::Ready).await;
        life
    }

    /// Waits until it stands there, and fails with the last status if it does not come to it.
    pub(crate) async fn until(&self, state: LocalStackState) -> LocalStackStatus {
        let mut watch = self.localstack.watch();
        let found = tokio::time::timeout(PATIENCE, watch.wait_for(|status| status.state == state)).await;
        let in_time = found.unwrap_or_else(|_| panic!("it did not become {state}: {:#?}", self.localstack.status()));
        in_time.unwrap().clone()
    }

    /// The processes of this emulator.
    pub(crate) fn pids(&self) -> Vec<i32> {
        let data = self.data.path().canonicalize().unwrap();
        let is_ours =
            |pid| kecs_process::value(pid, "KECS_LOCALSTACK").is_some_and(|mark| std::path::Path::new(&mark).starts_with(&data));
        kecs_process::ids().filter(|&pid| is_ours(pid)).collect()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        for pid in self.pids() {
            let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal);
        }
    }
}

/// Settings for tests: few services, so that it starts fast, and little patience.
pub(crate) fn config(emulator: Emulator, services: &[&str]) -> LocalStackConfig {
    let mut config = LocalStackConfig::default();
    config.emulator = emulator;
    config.services = services.iter().map(|&name| name.to_owned()).collect();
    config.timing = timing();
    config
}

fn timing() -> Timing {
    let mut timing = Timing::default();
    timing.start = PATIENCE;
    timing.health_interval = Duration::from_millis(300);
    timing.health = Duration::from_secs(2);
    timing.hung_after = 3;
    timing
}

/// How the emulator is called.
pub(crate) fn client(localstack: &LocalStack) -> AwsClient {
    let url = localstack.endpoint().unwrap().parse().unwrap();
    AwsClient::new(Arc::new(HttpBackend::new(url, HttpBackendConfig::default())))
}
