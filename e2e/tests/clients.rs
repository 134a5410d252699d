//! The AWS CLI and boto3, one server for each test. The tests are the functions `test_…` of `e2e/clients/*.py`.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with `e2e/clients/requirements.txt`; `cargo xtask test` makes one. Without it the tests are
//! skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use e2e::{Kecs, client_tests, run_client};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = std::env::var_os("KECS_CLIENTS_PYTHON").map(PathBuf::from);
    let required = std::env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| !value.is_empty() && value != "0");
    let trials = client_tests("").into_iter().map(|(file, function)| {
        let name = format!("{file}::{function}");
        let python = python.clone();
        let ignored = python.is_none() && !required;
        if ignored && !arguments.list {
            eprintln!("skipped: {name}: needs Python with the AWS CLI and boto3; `cargo xtask test` brings it");
        }
        Trial::test(name, move || run(python.as_deref(), &file, &function)).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(python: Option<&Path>, file: &str, function: &str) -> Result<(), Failed> {
    let python = python.ok_or("KECS_CLIENTS_PYTHON is not set, and nothing may be skipped here")?;
    let kecs = Kecs::start(&[]);
    run_client(python, file, function, kecs.endpoint(), kecs.folder()).map_err(Failed::from)
}
