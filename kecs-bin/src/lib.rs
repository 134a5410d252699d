//! The `kecs` command as a library, so that tests and fuzzers reach its parts: arguments, environment and configuration file to library configurations, composition, nothing else.
//!
//! ```text
//! cli ─▶ settings (flag > variable > file > default) ─▶ compose ─▶ start: serve until told to end
//!                                                └▶ data_dir ◀─ status, stop, logs, events
//! ```

mod cli;
mod compose;
mod create_cluster;
mod data_dir;
mod events;
mod failure;
mod http_client;
mod local_cluster;
mod localstack;
mod logging;
mod logs;
mod open_files;
mod running;
mod settings;
mod sidecar;
mod start;
mod status;
mod stop;
mod terminal;
mod threads;
mod version;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use cli::Request;
use failure::{Exit, Failure};
use settings::{Layer, Settings};

/// The hidden command that supervises one task; `kecs-embedded` starts it.
const TASK_SUPERVISOR: &str = "task-supervisor";

/// Runs the command that this process's arguments ask for, to its end. To be called first in `main`, before any thread is started.
pub fn main() -> ExitCode {
    // Before anything else: a supervisor outlives this program's runs and must stay small.
    if std::env::args_os().nth(1).as_deref() == Some(OsStr::new(TASK_SUPERVISOR)) {
        return kecs_embedded::run_task_supervisor(std::env::args_os().skip(2));
    }
    carry_out(cli::parse(std::env::args_os()), run)
}

/// Runs what the program `kecs-sidecar` is: `kecs sidecar` alone. Nothing else is named here, so that the linker leaves it out.
pub fn sidecar_main() -> ExitCode {
    carry_out(cli::parse_sidecar(std::env::args_os()), sidecar::run)
}

/// Does what the command line asks for, and tells what came of it.
fn carry_out<T>(asked: Result<T, Result<String, Failure>>, run: impl FnOnce(T) -> Result<ExitCode, Failure>) -> ExitCode {
    let outcome = match asked {
        Ok(request) => run(request),
        Err(Ok(text)) => {
            terminal::say(text.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Err(Err(failure)) => Err(failure),
    };
    outcome.unwrap_or_else(|failure| {
        terminal::complain(&failure);
        ExitCode::from(failure.exit() as u8)
    })
}

fn run(request: Request) -> Result<ExitCode, Failure> {
    match request {
        Request::Start { flags, config } => start::run(&layers(flags, config)?),
        Request::Status { flags, config, json } => status::run(&settings::data_dir(&layers(flags, config)?)?, json),
        Request::Stop { flags, config, tasks } => stop::run(&settings::data_dir(&layers(flags, config)?)?, tasks),
        Request::Sidecar(options) => sidecar::run(options),
        Request::Logs { flags, config, wanted } => logs::run(&settings::data_dir(&layers(flags, config)?)?, &wanted),
        Request::Events { flags, config, wish } => events::run(&settings::data_dir(&layers(flags, config)?)?, &wish),
        Request::LocalStack { flags, config, cluster, ask } => {
            localstack::run(&settings::data_dir(&layers(flags, config)?)?, cluster.as_deref(), ask)
        }
        Request::DeleteKubernetes { flags, config } => local_cluster::delete(&settings::data_dir(&layers(flags, config)?)?),
        Request::CreateCluster { flags, config, name, services, json } => {
            create_cluster::run(&settings::data_dir(&layers(flags, config)?)?, &name, &services, json)
        }
        Request::Version { json } => {
            version::run(json);
            Ok(ExitCode::SUCCESS)
        }
        Request::Completions(shell) => {
            clap_complete::generate(shell, &mut cli::command(), "kecs", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// All that is said, the winning source first.
fn layers(flags: Layer, config: Option<PathBuf>) -> Result<Vec<Layer>, Failure> {
    let environment = Layer::of_environment(|name| std::env::var_os(name))?;
    let named = config.or_else(|| std::env::var_os("KECS_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from));
    let found = PathBuf::from(settings::FILE_NAME);
    let file = match named {
        Some(named) => {
            let named =
                settings::in_home(&named).map_err(|bad| Failure::new(Exit::Usage, settings::Origin::Flag("config"), bad.0))?;
            Layer::of_file(&named)?
        }
        None if found.try_exists().unwrap_or(true) => Layer::of_file(&found)?,
        None => Layer::default(),
    };
    Ok(vec![flags, environment, file])
}

/// Takes any bytes for a configuration file, and resolves the settings: the target for fuzzing.
#[doc(hidden)]
pub fn fuzz_configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let file = Layer::of_yaml(&text, std::path::Path::new("/etc/kecs-config.yaml"));
    if let Err(failure) = file.and_then(|file| Settings::resolve(&[file])) {
        assert!(!failure.to_string().contains('\n'), "an error is one line");
    }
}

/// An error that should not happen.
fn bug(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Software, what, "please report it, with the log of `kecs start --log debug`")
}
