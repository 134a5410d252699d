//! `kecs sidecar`: the AWS endpoint of one task, on the task's own loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kecs_core::AwsServiceBackend;
use kecs_localstack::{BaseUrl, HttpBackend, HttpBackendConfig};
use kecs_server::{HostPolicy, HttpServer, Sidecar, SidecarConfig};

use crate::failure::{Exit, Failure};
use crate::http_client::Request;
use crate::settings::{Layer, Settings};
use crate::start::Signals;
use crate::{bug, compose, logging, open_files, terminal, threads};

/// Where KECS answers. Required.
const KECS_ENDPOINT: &str = "KECS_ENDPOINT";
/// Where the other services are. Without it, KECS is asked for them too.
const LOCALSTACK_ENDPOINT: &str = "LOCALSTACK_ENDPOINT";

/// A sidecar that is alive answers in less than a millisecond; an orchestrator's probe waits for a second by default.
const READY_PATIENCE: Duration = Duration::from_secs(1);

/// What the command line says. What it does not say, the environment may.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) kecs_endpoint: Option<String>,
    pub(crate) localstack_endpoint: Option<String>,
    /// Only look whether a sidecar answers.
    pub(crate) ready: bool,
    /// Of the settings: log and allowed hosts.
    pub(crate) flags: Layer,
}

/// Passes requests on until told to end; or looks whether another process does.
///
/// # Errors
/// When an option is wrong, or the address cannot be listened on; when no sidecar answers.
pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let Options { listen, kecs_endpoint, localstack_endpoint, ready, flags } = options;
    let listen = listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, Sidecar::DEFAULT_PORT).into());
    if ready {
        // Before anything that costs time or can be wrong: a probe runs often, and beside a sidecar that has read the settings.
        return look(listen);
    }
    // No configuration file: the folder is the application's.
    let settings = Settings::resolve(&[flags, Layer::of_environment(|name| std::env::var_os(name))?])?;
    logging::start(&settings.log);
    if !listen.ip().is_loopback() {
        let what = format!("{listen} is not loopback, and a sidecar answers without asking who calls");
        return Err(Failure::new(Exit::Usage, what, "choose an address like 127.0.0.1:4566 with --listen"));
    }
    let Some(kecs) = endpoint(kecs_endpoint, KECS_ENDPOINT)? else {
        let what = "a sidecar does not know where KECS answers";
        return Err(Failure::new(Exit::Usage, what, format_args!("set {KECS_ENDPOINT} to its URL, such as http://kecs:5373")));
    };
    let aws = endpoint(localstack_endpoint, LOCALSTACK_ENDPOINT)?.unwrap_or_else(|| Arc::clone(&kecs));
    let mut config = SidecarConfig::new(kecs, aws);
    config.limits = open_files::limits();
    config.hosts = HostPolicy::new(settings.allowed_hosts, settings.allowed_origins);
    let runtime = threads::of_sidecar().build().map_err(bug)?;
    runtime.block_on(serve(listen, config))
}

async fn serve(listen: SocketAddr, config: SidecarConfig) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let bound = HttpServer::bind(listen).await.map_err(|error| compose::start_failure(&error))?;
    let server = bound.serve_sidecar(config);
    terminal::say(&format!("KECS {} sidecar answers at http://{}", env!("CARGO_PKG_VERSION"), server.local_addr()));
    signals.next().await;
    tokio::select! {
        () = terminal::patiently("finishing requests", server.shutdown()) => {}
        () = signals.next() => terminal::remark("forced to end"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks the sidecar at this address whether it is there: what an orchestrator can run where there is no shell and no `curl`.
fn look(listen: SocketAddr) -> Result<ExitCode, Failure> {
    let ask = Request { patience: Some(READY_PATIENCE), ..Request::get(Sidecar::READY_PATH) };
    let why = match ask.send(&format!("http://{listen}")) {
        Ok((200, _)) => return Ok(ExitCode::SUCCESS),
        Ok((status, _)) => format!("HTTP {status}"),
        Err(error) => error.to_string(),
    };
    let what = format!("no sidecar answers at {listen} ({why})");
    Err(Failure::new(Exit::Unavailable, what, "start one there, or say where it is with --listen"))
}

/// The endpoint that a flag or a variable names. An empty variable says nothing.
fn endpoint(flag: Option<String>, variable: &str) -> Result<Option<Arc<dyn AwsServiceBackend>>, Failure> {
    let said = flag.or_else(|| std::env::var(variable).ok()).filter(|said| !said.is_empty());
    let Some(said) = said else { return Ok(None) };
    let url: BaseUrl = said.parse().map_err(|error| Failure::line(Exit::Usage, format_args!("{variable}: {error}")))?;
    Ok(Some(Arc::new(HttpBackend::new(url, HttpBackendConfig::default()))))
}
