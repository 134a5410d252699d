//! Emulators to test on. See [`on_every_emulator`].

mod process;

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use kecs_core::{AwsBackends, AwsServiceBackend, ClusterRef, OneBackend, Scope, TaskId};
use kecs_localstack::{AwsClient, Caller, HttpBackend, HttpBackendConfig};

use process::Process;

/// Emits two tests for each case, an `async fn(&Emulator)` beside the call: one on LocalStack, one on moto.
macro_rules! on_every_emulator {
    ($($case:ident)+) => {
        mod localstack {
            $(#[tokio::test]
            async fn $case() {
                if let Some(emulator) = $crate::support::Emulator::localstack(concat!(module_path!(), "::", stringify!($case))) {
                    super::$case(emulator).await;
                }
            })+
        }

        mod moto {
            $(#[tokio::test]
            async fn $case() {
                if let Some(emulator) = $crate::support::Emulator::moto(concat!(module_path!(), "::", stringify!($case))) {
                    super::$case(emulator).await;
                }
            })+
        }
    };
}
pub(crate) use on_every_emulator;

/// A running LocalStack or moto, shared by all tests of this program: what a test makes has a name of its own ([`unique`]).
#[derive(Debug)]
pub(crate) struct Emulator {
    process: Process,
    account: &'static str,
}

impl Emulator {
    /// The real LocalStack, or `None`, with a word on why the test is skipped.
    pub(crate) fn localstack(test: &str) -> Option<&'static Self> {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        let python = python("KECS_TEST_LOCALSTACK_PYTHON", test)?;
        Some(SHARED.get_or_init(|| Self { process: Process::localstack(&python), account: "111122223333" }))
    }

    /// The real moto, or `None`, with a word on why the test is skipped.
    pub(crate) fn moto(test: &str) -> Option<&'static Self> {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        let python = python("KECS_TEST_MOTO_PYTHON", test)?;
        // It takes no account from the credential, as LocalStack does: all belongs to its default account.
        Some(SHARED.get_or_init(|| Self { process: Process::moto(&python), account: "123456789012" }))
    }

    /// It as a backend. Belongs to the runtime of the test that asks.
    pub(crate) fn backend(&self) -> Arc<dyn AwsServiceBackend> {
        let url = format!("http://{}", self.process.address());
        Arc::new(HttpBackend::new(url.parse().unwrap(), HttpBackendConfig::default()))
    }

    /// A client of it. Belongs to the runtime of the test that asks.
    pub(crate) fn client(&self) -> AwsClient {
        AwsClient::new(self.backend())
    }

    /// It as the backend of all clusters. Belongs to the runtime of the test that asks.
    pub(crate) fn backends(&self) -> Arc<dyn AwsBackends> {
        Arc::new(OneBackend(self.backend()))
    }

    /// A cluster of the caller.
    pub(crate) fn cluster(&self) -> ClusterRef {
        ClusterRef { scope: self.caller(), name: "default".into() }
    }

    /// Who calls.
    pub(crate) fn caller(&self) -> Caller {
        Scope::new(self.account, "us-east-1")
    }
}

/// A name that nothing else has.
pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{}", TaskId::random())
}

fn python(variable: &str, test: &str) -> Option<PathBuf> {
    let python = env::var_os(variable).filter(|path| !path.is_empty());
    if python.is_none() {
        let required = env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| !value.is_empty() && value != "0");
        assert!(!required, "{variable} is not set, and nothing may be skipped here");
        let line = format!("skipped: {test}: {variable} is not set (cargo xtask test sets it)\n");
        // The test harness would capture `eprintln!`; and one write keeps the lines of several tests apart.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    python.map(PathBuf::from)
}
