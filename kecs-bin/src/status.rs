//! `kecs status`.

use std::path::Path;
use std::process::ExitCode;

use kecs_model::Timestamp;
use serde_json::Value;

use crate::data_dir::{Holder, Running};
use crate::failure::{Exit, Failure};
use crate::http_client::Request;
use crate::terminal;

/// Tells whether a kecs runs on the data folder, and whether it is ready.
///
/// # Errors
/// When none runs, or it is not ready: for scripts, that is the exit code 69.
pub(crate) fn run(data_dir: &Path, json: bool) -> Result<ExitCode, Failure> {
    let Some(holder) = find(data_dir)?.map(|running| running.holder.unwrap_or_default()) else {
        if json {
            terminal::say(&serde_json::json!({ "status": "stopped", "dataDir": data_dir }).to_string());
            return Ok(ExitCode::from(Exit::Unavailable as u8));
        }
        return Err(not_running(data_dir));
    };
    let Holder { pid, version, endpoint, runtime, state, on_exit } = &holder;
    let (status, health) = match endpoint {
        None => ("starting", Value::Null),
        Some(endpoint) => match Request::get("/_kecs/ready").send(endpoint) {
            Ok((200, health)) => ("ready", serde_json::from_str(&health).unwrap_or_default()),
            Ok((503, _)) => ("stopping", Value::Null),
            Ok(_) | Err(_) => ("not answering", Value::Null),
        },
    };
    let tasks = &health["tasks"];
    if json {
        let report = serde_json::json!({
            "status": status, "endpoint": endpoint, "pid": pid, "version": version,
            "runtime": runtime, "tasks": tasks, "state": state, "onExit": on_exit, "dataDir": data_dir,
        });
        terminal::say(&report.to_string());
    } else {
        let endpoint = endpoint.as_deref().unwrap_or("no endpoint yet");
        let data_dir = data_dir.display();
        terminal::say(&format!(
            "{status}: {endpoint} (kecs {version}, process {pid})\ntasks: {runtime}, state: {state}, in {data_dir}"
        ));
        if let Some(reason) = tasks["reason"].as_str() {
            let since = Timestamp::from_millis(tasks["since"].as_i64().unwrap_or_default());
            terminal::say(&format!("tasks cannot be run as they should, tried again since {since}: {reason}"));
        }
    }
    Ok(if status == "ready" { ExitCode::SUCCESS } else { ExitCode::from(Exit::Unavailable as u8) })
}

/// The kecs that holds the folder, if there is one.
pub(crate) fn find(data_dir: &Path) -> Result<Option<Running>, Failure> {
    Running::find(data_dir).map_err(|error| {
        let what = format!("cannot look into the data folder {} ({error})", data_dir.display());
        Failure::new(Exit::Unavailable, what, "run this as the user who started kecs")
    })
}

/// The error when there is none.
pub(crate) fn not_running(data_dir: &Path) -> Failure {
    let what = format!("no kecs runs on the data folder {}", data_dir.display());
    Failure::new(Exit::Unavailable, what, "start one with `kecs start`, or name another with --data-dir")
}
