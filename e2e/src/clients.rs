//! AWS's own clients in Python: the functions `test_…` of the files below `e2e/clients`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// All tests in a folder below `e2e/clients` (or in that itself, if it is empty), as file (without `.py`) and function.
///
/// # Panics
/// When the files cannot be read.
pub fn client_tests(below: &str) -> Vec<(String, String)> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder().join(below)).expect("the folder of the client tests can be read") {
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

/// Runs one function of one module against an endpoint.
///
/// # Errors
/// What it said, when it failed.
pub fn run_client(python: &Path, module: &str, function: &str, endpoint: &str, home: &Path) -> Result<(), String> {
    run(&mut client(python, module, function, endpoint, home))
}

/// The same with the programs of another folder before all others, and with variables of its own.
///
/// # Errors
/// What it said, when it failed.
pub fn run_client_with(
    python: &Path,
    module: &str,
    function: &str,
    endpoint: &str,
    home: &Path,
    programs: &Path,
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let mut path = programs.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    run(client(python, module, function, endpoint, home).env("PATH", path).envs(variables.iter().copied()))
}

fn client(python: &Path, module: &str, function: &str, endpoint: &str, home: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-B", "run.py", module, function])
        .current_dir(folder())
        // Nothing of the caller's own AWS set-up.
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")])
        .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_PAGER", ""), ("AWS_ENDPOINT_URL", endpoint)])
        .env("HOME", home);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}
