//! What tasks get from other AWS services, and the endpoint itself, with the LocalStack that `kecs start` runs. The tests are the functions `test_…` of
//! `e2e/clients/tasks/*.py`; all share one kecs.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with the clients, `KECS_TEST_LOCALSTACK_PYTHON` one with LocalStack; `cargo xtask test` makes both.
//! Without them the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use e2e::{Kecs, client_tests, run_client};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = |name| std::env::var_os(name).map(PathBuf::from);
    let pythons = python("KECS_CLIENTS_PYTHON").zip(python("KECS_TEST_LOCALSTACK_PYTHON"));
    let required = std::env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| !value.is_empty() && value != "0");
    let shared: Arc<OnceLock<Kecs>> = Arc::default();
    let trials = client_tests("tasks").into_iter().map(|(file, function)| {
        let name = format!("{file}::{function}");
        let (pythons, shared) = (pythons.clone(), Arc::clone(&shared));
        let ignored = pythons.is_none() && !required;
        if ignored && !arguments.list {
            eprintln!("skipped: {name}: needs Pythons with AWS's clients and with LocalStack; `cargo xtask test` brings them");
        }
        let run = move || -> Result<(), Failed> {
            let missing = "KECS_CLIENTS_PYTHON or KECS_TEST_LOCALSTACK_PYTHON is not set, and nothing may be skipped here";
            let (clients, localstack) = pythons.ok_or(missing)?;
            let localstack = localstack.to_str().ok_or("the path of a Python is not UTF-8")?;
            let kecs = shared.get_or_init(|| Kecs::start(&["--localstack-python", localstack]));
            run_client(&clients, &format!("tasks.{file}"), &function, kecs.endpoint(), kecs.folder()).map_err(Failed::from)
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // It would outlive the process otherwise, and LocalStack with it: what is shared is dropped here.
    drop(shared);
    conclusion.exit_code()
}
