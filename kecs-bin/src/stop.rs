//! `kecs stop`.

use std::path::Path;
use std::process::ExitCode;

use crate::data_dir::{Holder, Running};
use crate::failure::{Exit, Failure};
use crate::http_client::Request;
use crate::settings::OnExit;
use crate::{status, terminal};

/// Asks the kecs that runs on the data folder to end, and waits until it has.
///
/// # Errors
/// When none runs, or it does not accept the request.
pub(crate) fn run(data_dir: &Path, tasks: Option<OnExit>) -> Result<ExitCode, Failure> {
    let Some(running) = status::find(data_dir)? else { return Err(status::not_running(data_dir)) };
    let Some(Holder { pid, endpoint: Some(endpoint), on_exit, .. }) = &running.holder else {
        return Err(Failure::new(
            Exit::Unavailable,
            "kecs is starting and cannot be asked yet",
            "try again, or press Ctrl-C there",
        ));
    };
    let tasks = tasks.map_or_else(|| on_exit.clone(), |tasks| tasks.to_string());
    let body = serde_json::json!({ "tasks": tasks }).to_string();
    let by_hand = format!("end it with `kill {pid}`");
    match Request::post("/_kecs/shutdown", &body).send(endpoint) {
        Ok((202, _)) => {}
        Ok((code, _)) => {
            return Err(Failure::new(Exit::Unavailable, format_args!("{endpoint} refused to stop (HTTP {code})"), by_hand));
        }
        Err(error) => return Err(Failure::new(Exit::Unavailable, format_args!("{endpoint} does not answer ({error})"), by_hand)),
    }
    terminal::remark(if tasks == "stop" { "ending, and stopping its tasks …" } else { "ending; its tasks go on …" });
    wait(&running)?;
    terminal::say("stopped");
    Ok(ExitCode::SUCCESS)
}

fn wait(running: &Running) -> Result<(), Failure> {
    running.wait_for_its_end().map_err(|error| {
        Failure::new(Exit::Unavailable, format_args!("cannot wait for its end ({error})"), "look with `kecs status`")
    })
}
