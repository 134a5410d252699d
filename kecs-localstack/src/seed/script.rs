//! Runs an init script.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Failure, Target};

/// How much of what a script says is kept, to tell its last line if it fails.
const KEPT: usize = 4 * 1024;

/// How long the rest of its output is waited for when it has ended; whoever it left behind may hold that open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs the script to its end. Dropping the future kills it.
pub(super) async fn run(path: &Path, target: &Target<'_>) -> Result<(), Failure> {
    let failed = Failure::of(format!("init script {}", path.display()));
    let metadata = tokio::fs::metadata(path).await.map_err(|error| failed(&error))?;
    // A name without a folder would be searched on the PATH.
    let path = path.canonicalize().map_err(|error| failed(&error))?;
    let is_executable = metadata.permissions().mode() & 0o111 != 0;
    let mut command = if is_executable { Command::new(&path) } else { Command::new("sh") };
    command.args((!is_executable).then_some(&path));
    // No setting of the user's may lead it to another endpoint or account.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_") || name == "LOCALSTACK_AUTH_TOKEN") {
            command.env_remove(name);
        }
    }
    let region = target.scope.region.as_ref();
    let (reader, writer) = std::io::pipe().map_err(|error| failed(&error))?;
    command
        .env("AWS_ENDPOINT_URL", target.endpoint)
        .env("AWS_REGION", region)
        .env("AWS_DEFAULT_REGION", region)
        // An emulator takes the account from the key's id.
        .env("AWS_ACCESS_KEY_ID", target.scope.account.as_ref())
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(|error| failed(&error))?)
        .stderr(writer)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    // The command holds the writing ends: without this the pipe would never end.
    drop(command);
    let mut output = pipe::Receiver::from_owned_fd(reader.into()).map_err(|error| failed(&error))?;
    let (mut said, mut buffer) = (Vec::new(), vec![0; KEPT]);
    let mut reading = std::pin::pin!(async {
        while let Ok(read @ 1..) = output.read(&mut buffer).await {
            said.extend_from_slice(&buffer[..read]);
            said.drain(..said.len().saturating_sub(KEPT));
        }
    });
    let status = tokio::select! {
        status = child.wait() => {
            let _ = timeout(LAST_WORDS, reading).await;
            status
        }
        () = &mut reading => child.wait().await,
    };
    let status = status.map_err(|error| failed(&error))?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    Err(failed(&format_args!("it ended with {status}{}", last.map(|last| format!(", and said last: {last}")).unwrap_or_default())))
}
