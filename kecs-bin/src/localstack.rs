//! `kecs localstack …`: the LocalStacks of a running kecs, through its admin API.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kecs_localstack::{LocalStackState, LocalStackStatus, SHARED};
use serde_json::json;
use tokio::sync::watch;

use crate::failure::{Exit, Failure};
use crate::running::Server;
use crate::terminal::{self, Progress};

/// The server bounds a change of services itself, by less; this is for one that hangs.
const CHANGE_PATIENCE: Duration = Duration::from_mins(11);
/// The old one is ended first, which may take its whole stop time.
const RESTART_PATIENCE: Duration = Duration::from_mins(1);

/// What is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// `status`
    Status { json: bool },
    /// `enable` and `disable`
    Services { enable: Vec<String>, disable: Vec<String> },
    /// `restart`
    Restart,
    /// `logs`
    Logs { follow: bool, tail: Option<usize> },
}

/// Does what is asked of the LocalStack of `cluster`: its own, or the shared one.
///
/// # Errors
/// When no kecs runs on the data folder, or it refuses.
pub(crate) fn run(data_dir: &Path, cluster: Option<&str>, ask: Ask) -> Result<ExitCode, Failure> {
    let server = Server::find(data_dir)?;
    let cluster = cluster.unwrap_or(SHARED);
    match ask {
        Ask::Status { json } => status(&server, json),
        Ask::Services { enable, disable } => {
            let body = json!({ "cluster": cluster, "enable": enable, "disable": disable });
            let answer = watched(&server, cluster, || server.post("/_kecs/localstack/services", &body, CHANGE_PATIENCE))?;
            settled(cluster, &read(&answer)?)
        }
        Ask::Restart => {
            server.post("/_kecs/localstack/restart", &json!({ "cluster": cluster }), RESTART_PATIENCE)?;
            follow_start(&server, cluster)
        }
        Ask::Logs { follow, tail } => {
            let tail = tail.map(|lines| format!("&tail={lines}")).unwrap_or_default();
            server.lines(&format!("/_kecs/localstack/logs?cluster={cluster}&follow={follow}{tail}"), |line| {
                terminal::say(line);
                true
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Waits until the LocalStack of the cluster has settled, and shows how far it is.
///
/// # Errors
/// When it cannot be had.
pub(crate) fn follow_start(server: &Server, cluster: &str) -> Result<ExitCode, Failure> {
    let mut progress = Progress::new();
    let mut last = None;
    server.lines(&format!("/_kecs/localstack/watch?cluster={cluster}"), |line| {
        let status: Option<LocalStackStatus> = serde_json::from_str(line).ok();
        let Some(status) = status else { return true };
        show(&mut progress, &status);
        let starting = status.state == LocalStackState::Starting;
        last = Some(status);
        starting
    })?;
    drop(progress);
    match last {
        Some(status) => settled(cluster, &status),
        None => Err(Failure::new(Exit::Unavailable, "kecs ended", "look with `kecs status`")),
    }
}

fn status(server: &Server, json: bool) -> Result<ExitCode, Failure> {
    let answer = server.get("/_kecs/localstack")?;
    if json {
        terminal::say(answer.trim_end());
    }
    let all: BTreeMap<String, LocalStackStatus> = serde_json::from_str(&answer).map_err(crate::bug)?;
    if !json {
        if all.is_empty() {
            terminal::say("no LocalStack: kecs was started with --localstack off");
        }
        for (cluster, status) in &all {
            terminal::say(&described(cluster, status));
        }
    }
    // One that sleeps until it is called is as it should be.
    let well = |status: &LocalStackStatus| matches!(status.state, LocalStackState::Ready | LocalStackState::Disabled);
    Ok(if all.values().all(well) { ExitCode::SUCCESS } else { ExitCode::from(Exit::Unavailable as u8) })
}

/// Runs a request that takes a while, and shows meanwhile what becomes of the LocalStack.
fn watched<T>(server: &Server, cluster: &str, request: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let progress = Arc::new(Mutex::new(Some(Progress::new())));
    let (shown, watching, path) = (Arc::clone(&progress), server.clone(), format!("/_kecs/localstack/watch?cluster={cluster}"));
    // Only for the eye: whether it went well is the request's to say, and the thread ends with the process or the next change.
    thread::spawn(move || {
        let _ = watching.lines(&path, |line| {
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(progress), Ok(status)) = (shown.as_mut(), serde_json::from_str::<LocalStackStatus>(line)) {
                show(progress, &status);
            }
            shown.is_some()
        });
    });
    let answer = request();
    *progress.lock().unwrap_or_else(PoisonError::into_inner) = None;
    answer
}

/// The last line of a command that changed a LocalStack.
fn settled(cluster: &str, status: &LocalStackStatus) -> Result<ExitCode, Failure> {
    if status.state == LocalStackState::Ready {
        terminal::say(&described(cluster, status));
        return Ok(ExitCode::SUCCESS);
    }
    let reason = status.reason.as_deref().unwrap_or("no reason is known");
    let what = format!("LocalStack is {}: {reason}", status.state);
    Err(Failure::new(Exit::Unavailable, what, "see `kecs localstack logs`"))
}

fn read(answer: &str) -> Result<LocalStackStatus, Failure> {
    serde_json::from_str(answer).map_err(crate::bug)
}

/// What is going on, in one line of stderr.
fn show(progress: &mut Progress, status: &LocalStackStatus) {
    progress.show(&doing(status), status.progress.map(|far| (far.done, far.total)));
}

/// Shows on the terminal of `kecs start` what a LocalStack is doing, whenever it is on its way. To be called where there is one.
pub(crate) async fn follow_on_terminal(mut told: watch::Receiver<LocalStackStatus>) {
    let mut progress = None;
    loop {
        {
            let status = told.borrow_and_update();
            if status.state == LocalStackState::Starting {
                show(progress.get_or_insert_with(Progress::new), &status);
            } else {
                progress = None;
            }
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}

/// What is going on, in a few words.
fn doing(status: &LocalStackStatus) -> String {
    let LocalStackStatus { state, reason, progress, version, .. } = status;
    match (progress, reason) {
        (Some(progress), _) => format!("LocalStack {version}: {progress}"),
        (None, Some(reason)) => format!("LocalStack {version}: {state}, {reason}"),
        (None, None) => format!("LocalStack {version}: {state}"),
    }
}

fn described(cluster: &str, status: &LocalStackStatus) -> String {
    let LocalStackStatus { state, reason, emulator, version, endpoint, services, .. } = status;
    let at = endpoint.as_deref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
    let why = match (reason, state) {
        (Some(reason), _) => format!(" ({reason})"),
        (None, LocalStackState::Disabled) => " (it starts when it is first called)".to_owned(),
        (None, _) => String::new(),
    };
    let served: Vec<&str> = services.iter().filter(|(_, state)| *state != "disabled").map(|(name, _)| name.as_str()).collect();
    let served = if served.is_empty() { String::new() } else { format!("\n  services: {}", served.join(", ")) };
    format!("{cluster}: {} {version} is {state}{at}{why}{served}", emulator.name())
}
