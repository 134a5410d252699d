//! The AWS CLI and boto3, one server for each test. The tests are the functions `test_…` of `e2e/clients/*.py`.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with `e2e/clients/requirements.txt`; `cargo xtask test` makes one. Without it the tests are
//! skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use e2e::Kecs;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = std::env::var_os("KECS_CLIENTS_PYTHON").map(PathBuf::from);
    let required = std::env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| !value.is_empty() && value != "0");
    let trials = tests().into_iter().map(|(file, function)| {
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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// All tests, as file (without `.py`) and function.
fn tests() -> Vec<(String, String)> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder of the client tests can be read") {
        let path = entry.expect("the folder of the client tests can be read").path();
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !file.starts_with("test_") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a client test can be read");
        let functions = text.lines().filter_map(|line| line.strip_prefix("def ")?.split_once('(')).map(|(name, _)| name);
        let functions = functions.filter(|name| name.starts_with("test_"));
        tests.extend(functions.map(|function| (file.clone(), function.to_owned())));
    }
    tests.sort();
    tests
}

fn run(python: Option<&Path>, file: &str, function: &str) -> Result<(), Failed> {
    let python = python.ok_or("KECS_CLIENTS_PYTHON is not set, and nothing may be skipped here")?;
    let kecs = Kecs::start(&[]);
    let output = Command::new(python)
        .args(["-B", "run.py", file, function])
        .current_dir(folder())
        // Nothing of the caller's own AWS set-up.
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")])
        .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_PAGER", ""), ("AWS_ENDPOINT_URL", kecs.endpoint())])
        .env("HOME", kecs.folder())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(String::from_utf8_lossy(&said).into_owned().into())
}
