//! The real LocalStack, for the path through KECS to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process::{Server, free_address};

/// Starts a LocalStack with a folder of its own, or tells what is missing for it.
///
/// # Errors
/// When it does not start.
pub fn start(folder: &Path) -> Result<Result<Server, String>> {
    let Some(python) = program("KECS_TEST_LOCALSTACK_PYTHON", "localstack-venv/bin/python") else {
        return Ok(Err("LocalStack (cargo xtask test --only localstack installs it)".to_owned()));
    };
    let address = free_address()?;
    let mut command = Command::new(python);
    command
        .args(["-m", "localstack.runtime.main"])
        .current_dir(folder)
        .env("GATEWAY_LISTEN", address.to_string())
        .envs([("DISABLE_EVENTS", "1"), ("SKIP_SSL_CERT_DOWNLOAD", "1"), ("SERVICES", "ssm")])
        .env("FILESYSTEM_ROOT", folder)
        .env("TMPDIR", folder);
    Server::start("LocalStack", command, "Ready.", |_| Some(address)).map(Ok)
}

/// The AWS CLI that the tests use, against an endpoint, if it is here.
pub fn aws(endpoint: SocketAddr, words: &[&str]) -> Option<Command> {
    let mut command = Command::new(program("KECS_TEST_AWS", "clients-venv/bin/aws")?);
    command.args(words).env("AWS_ENDPOINT_URL", format!("http://{endpoint}")).envs([
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]);
    Some(command)
}

/// A program that a variable names, or that the test command installed below `target/`.
fn program(variable: &str, installed: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let below_target = || Some(Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target").join(installed));
    named.or_else(below_target).filter(|file| file.is_file())
}
