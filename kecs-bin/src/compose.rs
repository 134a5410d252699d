//! The libraries' parts, made from the settings and put together.

mod kubernetes;
mod kubernetes_localstack;
mod localstack;
mod own_rules;

use std::path::Path;
use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{MemoryStore, Report, StateStore, StoreError, TaskAgentConfig};
use kecs_embedded::{OpenStoreError, ProcessConfig, ProcessShutdown, ProcessTaskManager, RedbStore, SupervisorCommand};
use kecs_k8s::{EndedPods, InjectionWebhook, KubernetesTaskManager};
use kecs_server::{AccessKey, Auth, Kecs, KecsBuilder, StartError};

use crate::failure::{Exit, Failure};
use crate::settings::{AuthMode, OnExit, Runtime, Settings, State};
use crate::{TASK_SUPERVISOR, bug, open_files, terminal};

pub(crate) use kubernetes::{choose as choose_runtime, make_cluster};
pub(crate) use localstack::Aws;

/// The state file in the data folder.
const STATE_FILE: &str = "state.redb";

/// What runs the tasks, kept for the end.
#[derive(Clone, Debug)]
pub(crate) enum Tasks {
    /// They are processes, and may outlive us.
    Processes(Arc<ProcessTaskManager>),
    /// They are pods, and outlive us.
    Pods(Arc<KubernetesTaskManager>),
    /// They end with us.
    Pretended,
}

impl Tasks {
    /// Leaves the tasks or stops them, and waits for that. Of those that are on record nowhere afterwards, nothing is left.
    ///
    /// # Errors
    /// When some cannot be stopped.
    pub(crate) async fn shutdown(&self, on_exit: OnExit, state: State) -> Result<(), Failure> {
        let ended_pods = match state {
            State::File => EndedPods::Stay,
            State::Memory => EndedPods::Go,
        };
        let outcome = match (self, on_exit) {
            (Self::Processes(manager), OnExit::Leave) => manager.shutdown(ProcessShutdown::Leave).await,
            (Self::Processes(manager), OnExit::Stop) => {
                terminal::patiently("stopping tasks", manager.shutdown(ProcessShutdown::Stop)).await
            }
            (Self::Pods(manager), OnExit::Stop) => terminal::patiently("stopping tasks", manager.stop_all(ended_pods)).await,
            (Self::Pods(_), OnExit::Leave) | (Self::Pretended, _) => Ok(()),
        };
        outcome.map_err(|error| {
            let what = format!("some tasks could not be stopped ({})", Report(&error));
            Failure::new(Exit::Software, what, "run `kecs start --on-exit stop` on the same data folder, and end it again")
        })
    }
}

/// What was put together, before anything was started.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The control plane.
    pub(crate) kecs: Kecs,
    /// What runs its tasks.
    pub(crate) tasks: Tasks,
    /// What answers for the other AWS services.
    pub(crate) aws: Option<Aws>,
    /// What gives the sidecar to pods that are no tasks.
    pub(crate) webhook: Option<InjectionWebhook>,
}

/// Puts a control plane together.
pub(crate) async fn compose(settings: &Settings, data_dir: Option<&Path>) -> Result<Parts, Failure> {
    let folder = || data_dir.ok_or_else(|| bug("a data folder is needed but was not taken"));
    let builder = Kecs::builder();
    let builder = match settings.state {
        State::Memory => with_store(builder, MemoryStore::default(), "memory"),
        State::File => with_store(builder, open_store(folder()?).await?, "redb"),
    };
    let fleet = localstack::fleet(settings, data_dir).await?;
    let (builder, tasks) = match settings.runtime {
        Runtime::Memory => (builder.tasks(MemoryTaskManager::new()), Tasks::Pretended),
        // What the choice was left to was chosen before.
        Runtime::Process | Runtime::Auto => {
            let manager = Arc::new(open_processes(folder()?).await?);
            (builder.tasks(Arc::clone(&manager)), Tasks::Processes(manager))
        }
        Runtime::Kubernetes => {
            let manager = kubernetes::connect(&settings.kubernetes, fleet.as_ref().map(localstack::Fleet::policies)).await?;
            (builder.tasks(Arc::clone(&manager)), Tasks::Pods(manager))
        }
    };
    let webhook = match settings.runtime {
        Runtime::Kubernetes => kubernetes::webhook(settings).await?,
        Runtime::Memory | Runtime::Process | Runtime::Auto => None,
    };
    let builder = if matches!(tasks, Tasks::Pods(_)) { builder.tasks_elsewhere() } else { builder };
    let (builder, aws) = match fleet {
        Some(fleet) => {
            let (builder, aws) = localstack::wired(builder, fleet, settings);
            (builder, Some(aws))
        }
        None => (builder.admin(localstack::LocalStackRoutes(None)), None),
    };
    let agent = TaskAgentConfig {
        endpoint: matches!(tasks, Tasks::Pods(_)).then(|| kubernetes::endpoint_of_tasks(&settings.kubernetes)).flatten(),
        default_credentials: settings.task_credentials.clone(),
        ..TaskAgentConfig::default()
    };
    let kecs = builder
        .listen(settings.listen)
        .account(settings.account.as_str())
        .region(settings.region.as_str())
        .auth(auth(settings))
        .insecure(settings.insecure)
        .limits(open_files::limits())
        .task_agent(agent)
        .allowed_hosts(settings.allowed_hosts.iter().cloned())
        .allowed_origins(settings.allowed_origins.iter().cloned())
        .build()
        .map_err(|error| start_failure(&error))?;
    Ok(Parts { kecs, tasks, aws, webhook })
}

fn with_store(builder: KecsBuilder, store: impl StateStore, name: &str) -> KecsBuilder {
    builder.store(store).store_name(name)
}

fn auth(settings: &Settings) -> Auth {
    match settings.auth {
        AuthMode::Off => Auth::Off,
        AuthMode::Required => Auth::Required(
            settings
                .access_keys
                .iter()
                .map(|key| AccessKey {
                    id: key.id.clone(),
                    secret: key.secret.clone(),
                    account: key.account.clone().unwrap_or_else(|| settings.account.clone()),
                })
                .collect(),
        ),
    }
}

async fn open_store(folder: &Path) -> Result<RedbStore, Failure> {
    let file = folder.join(STATE_FILE);
    let opened = terminal::patiently("reading the state file", tokio::task::spawn_blocking(move || RedbStore::open(file))).await;
    opened.map_err(bug)?.map_err(|error| {
        let exit = match &error {
            OpenStoreError::InUse { .. } => Exit::Temporary,
            OpenStoreError::Io { .. } => Exit::CannotCreate,
            _ => Exit::Data,
        };
        Failure::line(exit, error)
    })
}

async fn open_processes(folder: &Path) -> Result<ProcessTaskManager, Failure> {
    let config = ProcessConfig::new(folder, SupervisorCommand::CurrentExe(vec![TASK_SUPERVISOR.to_owned()]));
    terminal::patiently("looking for tasks that still run", ProcessTaskManager::open(config)).await.map_err(|error| {
        Failure::new(Exit::CannotCreate, Report(&error), "make it writable for this user, or choose another with --data-dir")
    })
}

/// Why the server does not start, as the command's error.
pub(crate) fn start_failure(error: &StartError) -> Failure {
    use std::io::ErrorKind;

    match error {
        StartError::Bind { address, source } => match source.kind() {
            ErrorKind::AddrInUse => Failure::new(
                Exit::Temporary,
                format_args!("{address} is in use by another program"),
                "end that one, or choose another address with --listen (port 0 takes a free one)",
            ),
            ErrorKind::PermissionDenied => Failure::new(
                Exit::CannotCreate,
                format_args!("this user may not listen on {address}"),
                "choose a port from 1024 on with --listen",
            ),
            ErrorKind::AddrNotAvailable => Failure::new(
                Exit::Usage,
                format_args!("{address} is not an address of this machine"),
                "choose one that is with --listen, such as 127.0.0.1:5373",
            ),
            _ => Failure::new(
                Exit::Unavailable,
                format_args!("cannot listen on {address} ({source})"),
                "choose another with --listen",
            ),
        },
        StartError::Store(StoreError::Corrupt { message }) => Failure::line(Exit::Data, message),
        StartError::Store(_) => Failure::line(Exit::Unavailable, Report(error)),
        other => Failure::line(Exit::Usage, other),
    }
}
