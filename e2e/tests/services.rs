//! Other AWS services by boto3, the AWS CLI and plain HTTP, through `kecs sidecar` to the real LocalStack. The tests are the functions `test_…`
//! of `e2e/clients/services/*.py`; all share one LocalStack.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with the clients, `KECS_TEST_LOCALSTACK_PYTHON` one with LocalStack; `cargo xtask test` makes both.
//! Without them the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use e2e::{Kecs, LocalStack, Sidecar, client_tests, run_client};
use libtest_mimic::{Arguments, Failed, Trial};

/// What all tests share, started by the first.
#[derive(Default)]
struct World {
    started: OnceLock<(LocalStack, Kecs, Sidecar)>,
}

impl World {
    fn endpoint(&self, python: &Path) -> (&str, &Path) {
        let (_, kecs, sidecar) = self.started.get_or_init(|| {
            let localstack = LocalStack::start(python);
            let kecs = Kecs::start(&[]);
            let sidecar = Sidecar::start(kecs.endpoint(), localstack.endpoint());
            (localstack, kecs, sidecar)
        });
        (sidecar.endpoint(), kecs.folder())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = |name| std::env::var_os(name).map(PathBuf::from);
    let pythons = python("KECS_CLIENTS_PYTHON").zip(python("KECS_TEST_LOCALSTACK_PYTHON"));
    let required = std::env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| !value.is_empty() && value != "0");
    let world = Arc::new(World::default());
    let trials = client_tests("services").into_iter().map(|(file, function)| {
        let name = format!("{file}::{function}");
        let (pythons, world) = (pythons.clone(), Arc::clone(&world));
        let ignored = pythons.is_none() && !required;
        if ignored && !arguments.list {
            eprintln!("skipped: {name}: needs Pythons with AWS's clients and with LocalStack; `cargo xtask test` brings them");
        }
        let run = move || -> Result<(), Failed> {
            let missing = "KECS_CLIENTS_PYTHON or KECS_TEST_LOCALSTACK_PYTHON is not set, and nothing may be skipped here";
            let (clients, localstack) = pythons.ok_or(missing)?;
            let (endpoint, home) = world.endpoint(&localstack);
            run_client(&clients, &format!("services.{file}"), &function, endpoint, home).map_err(Failed::from)
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // It would outlive the process otherwise, and LocalStack with it: what is shared is dropped here.
    drop(world);
    conclusion.exit_code()
}
