//! `kecs start`: from the settings to an endpoint, and from a signal to a clean end.

use std::path::Path;
use std::process::ExitCode;

use kecs_k8s::InjectionWebhook;
use kecs_model::ecs::{CreateClusterRequest, EcsApi};
use kecs_server::{Running, StopTasks};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::compose::{self, Aws, Parts, Tasks};
use crate::data_dir::{DataDir, Holder};
use crate::failure::{Exit, Failure};
use crate::settings::{AuthMode, ClusterSettings, Layer, LocalStackMode, OnExit, Runtime, Settings, State};
use crate::{bug, logging, terminal, threads};

/// The exit code of an end that was forced by a second signal: 128 and SIGINT, as shells have it.
const FORCED: u8 = 130;

/// Serves until told to end.
///
/// # Errors
/// When a setting is wrong, or a part cannot be started.
pub(crate) fn run(layers: &[Layer]) -> Result<ExitCode, Failure> {
    let mut settings = Settings::resolve(layers)?;
    logging::start(&settings.log);
    let runtime = threads::of_server(threads::cores()).build().map_err(bug)?;
    let outcome = runtime.block_on(async {
        settings.runtime = match settings.create_cluster {
            Some(_) => Runtime::Kubernetes,
            None => compose::choose_runtime(&settings).await,
        };
        serve(settings).await
    });
    // What is forced does not wait for what still runs in the background.
    runtime.shutdown_background();
    outcome
}

async fn serve(mut settings: Settings) -> Result<ExitCode, Failure> {
    // First, so that no signal is missed that comes while the parts start.
    let mut signals = Signals::listen()?;
    let data_dir = settings.uses_data_dir().then(|| DataDir::take(&settings.data_dir, &holder(&settings, None))).transpose()?;
    if let (Some(tool), Some(data_dir)) = (settings.create_cluster, &data_dir) {
        compose::make_cluster(tool, &mut settings, data_dir.path())?;
    }
    let settings = &settings;
    let Parts { kecs, tasks, mut aws, webhook } = compose::compose(settings, data_dir.as_ref().map(DataDir::path)).await?;
    let running = terminal::patiently("taking up the state", kecs.start()).await;
    let running = running.map_err(|error| compose::start_failure(&error))?;
    if let Some(aws) = &mut aws {
        aws.begin(settings, &running).await?;
    }
    create_clusters(settings, &running).await?;
    if let Some(data_dir) = &data_dir {
        data_dir.publish(&holder(settings, Some(running.endpoint()))).map_err(|error| {
            let what = format!("cannot write in the data folder {} ({error})", data_dir.path().display());
            Failure::new(Exit::CannotCreate, what, "make room, or choose another with --data-dir")
        })?;
    }
    greet(settings, &running, data_dir.as_ref().map(DataDir::path), aws.is_some());

    let on_exit = tokio::select! {
        () = signals.next() => settings.on_exit,
        tasks = running.stop_requested() => match tasks {
            StopTasks::Stop => OnExit::Stop,
            StopTasks::Leave => OnExit::Leave,
        },
    };
    terminal::remark(farewell(settings.runtime, on_exit));
    tokio::select! {
        ended = end(running, &tasks, aws, webhook, on_exit, settings.state) => ended.map(|()| ExitCode::SUCCESS),
        () = signals.next() => {
            terminal::remark("forced to end");
            Ok(ExitCode::from(FORCED))
        }
    }
    // The data folder is let go of here, last: whoever waits for it finds everything ended.
}

/// Makes the clusters that the configuration file names. One that is there stays as it is.
async fn create_clusters(settings: &Settings, running: &Running) -> Result<(), Failure> {
    let ctx = settings.own_requests();
    for ClusterSettings { name, .. } in &settings.clusters {
        let request = CreateClusterRequest { cluster_name: Some(name.clone()), ..CreateClusterRequest::default() };
        running.engine().create_cluster(&ctx, request).await.map_err(|error| {
            let what = format!("cannot create the cluster {name} of the configuration file: {}", error.message());
            Failure::line(Exit::Config, what)
        })?;
    }
    Ok(())
}

/// The webhook first, whose sidecars would call nobody; then requests and the engine, so that nothing starts what is being stopped; then the tasks, and
/// last what they may still call.
async fn end(
    running: Running,
    tasks: &Tasks,
    aws: Option<Aws>,
    webhook: Option<InjectionWebhook>,
    on_exit: OnExit,
    state: State,
) -> Result<(), Failure> {
    if let Some(webhook) = webhook {
        webhook.shutdown().await;
    }
    terminal::patiently("finishing requests", running.shutdown()).await;
    let ended = tasks.shutdown(on_exit, state).await;
    if let Some(aws) = aws {
        terminal::patiently(aws.farewell(on_exit), aws.end(on_exit)).await;
    }
    ended
}

fn farewell(runtime: Runtime, on_exit: OnExit) -> &'static str {
    match (runtime, on_exit) {
        (Runtime::Memory, _) => "ending; again to force",
        (_, OnExit::Stop) => "ending, and stopping tasks; again to force",
        (_, OnExit::Leave) => "ending; tasks go on, and the next `kecs start` finds them; again to force",
    }
}

fn holder(settings: &Settings, endpoint: Option<String>) -> Holder {
    Holder {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoint,
        runtime: settings.runtime.to_string(),
        state: settings.state.to_string(),
        on_exit: settings.on_exit.to_string(),
    }
}

/// Says where we are, and what to paste.
fn greet(settings: &Settings, running: &Running, data_dir: Option<&Path>, has_localstack: bool) {
    let endpoint = running.endpoint();
    let place = data_dir.map(|path| path.display().to_string()).unwrap_or_default();
    let tasks = match settings.runtime {
        Runtime::Process | Runtime::Auto => "run as processes of this host",
        Runtime::Kubernetes => "run as pods",
        Runtime::Memory => "only pretend to run",
    };
    let state = match settings.state {
        State::File => format!("is kept in {place}"),
        State::Memory => "is in memory, and gone at the end".to_owned(),
    };
    let aws = match &settings.localstack {
        _ if !has_localstack => "are not answered".to_owned(),
        LocalStackMode::At(url) => format!("are answered at {url}"),
        LocalStackMode::Auto if settings.clusters.is_empty() => {
            "are answered by a LocalStack, started when it is first called".to_owned()
        }
        _ => "are answered by a LocalStack".to_owned(),
    };
    let credentials = match settings.auth {
        AuthMode::Off => "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        AuthMode::Required => "AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… # one of access-keys",
    };
    let region = &settings.region;
    terminal::say(&format!(
        "{}\n\nTasks {tasks}. State {state}. Other AWS services {aws}. To use it, paste:\n\n  \
         export AWS_ENDPOINT_URL={endpoint} AWS_REGION={region} AWS_DEFAULT_REGION={region} {credentials}\n\n\
         Ctrl-C ends it{}.",
        terminal::bold(&format!("KECS {} answers at {endpoint}", env!("CARGO_PKG_VERSION"))),
        match (settings.runtime, settings.on_exit) {
            (Runtime::Memory, _) => "",
            (_, OnExit::Leave) => " and leaves tasks running (`kecs stop --tasks stop` ends them too)",
            (_, OnExit::Stop) => " and stops its tasks",
        }
    ));
}

/// What asks the process to end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Begins to listen: from here on signals end nothing by themselves.
    ///
    /// # Errors
    /// When the process cannot.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(bug);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The next one. Cancel safe.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
