//! Tasks as processes of this host, with nothing installed.
//!
//! A container is a process group with a folder of its own; what it runs is its entry point and command. There is no image, no
//! network and no mount namespace, so the paths, the ports and the rights are those of the host. `docs/process-runtime.md` tells field by
//! field what is honoured, ignored and refused; in short:
//!
//! - It starts in `containers/<name>` of the task's folder, which is its HOME, or in its `workingDirectory`: if it mounts a volume there,
//!   in that; if it is a folder of the host, in that; else in one of that name that is made below its own folder.
//! - Its environment is `PATH`, `HOME` and `HOSTNAME`, what is said here, and its own; nothing of the server's.
//! - A volume is a folder. A container sees it at `.<containerPath>`, as a link in its own folder, and by `KECS_VOLUME_<NAME>`, the
//!   volume's name in upper case, which holds its real path.
//! - A port is the host's. `KECS_PORT_<containerPort>` tells the port to listen on; where the host port is left to us (network mode
//!   `bridge`, host port 0) and is the only one, `PORT` tells it too.
//!
//! # How it works
//!
//! Each task has a *supervisor*: a small process that is the parent of its containers and outlives the server. The server writes the
//! task's folder, starts the supervisor, hands it the task over a socket, and is told of every change. A server that starts again finds
//! the folders, and in each a supervisor that lives, a state that is final, or neither: then the processes that are left are killed and
//! the task is reported lost. A lock that the supervisor holds for life keeps two servers from running a task twice.
//!
//! - `plan.rs`: from a [`TaskSpec`] to command lines. `hub.rs`: what the server knows. `link.rs`: how it speaks with supervisors.
//! - `supervisor.rs`: the supervisor itself. `record.rs`, `order.rs`: what the two tell each other.
//! - `folder.rs`, `output.rs`: what is on disk. `leftovers.rs`: after a supervisor that died.

mod config;
mod folder;
mod forgotten;
mod frames;
mod host;
mod hub;
mod leftovers;
mod link;
mod logs;
mod order;
mod output;
mod plan;
mod ports;
mod record;
mod session;
mod start;
mod supervisor;
mod usage;

pub use config::{ProcessConfig, ProcessShutdown, SupervisorCommand};
pub use supervisor::run_task_supervisor;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use kecs_core::{
    BackendError, Clock as _, ClusterRef, ContainerStats, ErrorKind, ExecCommand, ExecSession, LogQuery, LogStream, SystemClock,
    TaskCapabilities, TaskEvent, TaskManager, TaskObservation, TaskPhase, TaskRef, TaskSpec, TerminalSize,
};

use folder::{TasksFolder, create_folder};
use forgotten::Forgotten;
use hub::Hub;
use order::{SessionOrder, TerminalOrder};
use start::Starts;

/// How long a supervisor may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Runs tasks as processes of this host. See the module.
///
/// Dropping it leaves the tasks alone; they are found again by the next manager on the same data folder.
#[derive(Debug)]
pub struct ProcessTaskManager {
    config: Arc<ProcessConfig>,
    folders: TasksFolder,
    hub: Arc<Hub>,
    starts: Starts,
    forgotten: Arc<Mutex<Forgotten>>,
}

impl ProcessTaskManager {
    /// Opens the data folder and finds again what runs there, and what ended meanwhile. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// `Invalid` if the folder cannot be made or read; the source tells why.
    pub async fn open(config: ProcessConfig) -> Result<Self, BackendError> {
        let unusable = |error: io::Error| {
            BackendError::new(ErrorKind::Invalid, format!("cannot keep tasks in {}", config.data_dir.display())).with_source(error)
        };
        create_folder(&config.data_dir, 0o755).map_err(unusable)?;
        let data_dir = config.data_dir.canonicalize().map_err(unusable)?;
        let folders = TasksFolder::open(&data_dir).map_err(unusable)?;
        let tasks = folders.tasks().map_err(unusable)?;
        let forgotten = Arc::new(Mutex::new(Forgotten::open(&data_dir).map_err(unusable)?));
        let hub = Arc::new(Hub::new());
        let found = tasks.into_iter().map(|task| start::find(&hub, &folders, task));
        futures::future::try_join_all(found).await.map_err(unusable)?;
        let config = Arc::new(ProcessConfig { data_dir, ..config });
        Ok(Self { starts: Starts::default(), config, folders, hub, forgotten })
    }

    /// Ends the work of this manager, and of its tasks if `mode` says so; then it returns once all have ended.
    ///
    /// # Errors
    ///
    /// As [`stop_task`](TaskManager::stop_task).
    pub async fn shutdown(&self, mode: ProcessShutdown) -> Result<(), BackendError> {
        if mode == ProcessShutdown::Leave {
            return Ok(());
        }
        let living = self.hub.living();
        futures::future::try_join_all(living.iter().map(|task| self.stop_task(task))).await?;
        for task in living {
            if let Some(mut states) = self.hub.follow(task.id) {
                // It fails when the task is forgotten, which is an end too.
                let _ = states.wait_for(|record| record.is_final()).await;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl TaskManager for ProcessTaskManager {
    fn capabilities(&self) -> TaskCapabilities {
        let mut capabilities = TaskCapabilities::new("process");
        capabilities.survives_restart = true;
        capabilities.exec = true;
        capabilities
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        if self.hub.get(&spec.task).is_some() {
            return Ok(());
        }
        let (forgotten, id) = (self.forgotten.clone(), spec.task.id);
        if blocking(move || lock(&forgotten).contains(id)).await? {
            return Ok(());
        }
        self.starts.run(spec, &self.config, &self.folders, &self.hub).await
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        if self.hub.get(task).is_none_or(|record| record.phase >= TaskPhase::Stopping) {
            return Ok(());
        }
        let Some(mut states) = self.hub.follow(task.id) else { return Ok(()) };
        self.hub.stop(task.id);
        let stopping = states.wait_for(|record| record.phase >= TaskPhase::Stopping);
        match tokio::time::timeout(ANSWER, stopping).await {
            // An error: it was forgotten meanwhile.
            Ok(_) => Ok(()),
            Err(_) => Err(BackendError::new(ErrorKind::Timeout, "the supervisor of the task does not answer")),
        }
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        match self.hub.get(task) {
            None => return Ok(()),
            Some(record) if record.is_final() => {}
            Some(_) => return Err(BackendError::new(ErrorKind::Conflict, "the task has not ended")),
        }
        let (folder, forgotten, id) = (self.folders.task(task.id), self.forgotten.clone(), task.id);
        blocking(move || {
            // A supervisor that told the last state may need a moment to end. An error: the folder is gone already.
            let _lock = folder.wait_lock();
            lock(&forgotten).add(id)?;
            folder.remove()
        })
        .await?;
        self.hub.remove(task.id);
        Ok(())
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        Ok(self.hub.get(task).map(|record| record.observation()))
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        Ok(self.hub.list(cluster))
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        self.hub.watch(cluster)
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        let Some(record) = self.hub.get(task) else {
            return Err(BackendError::new(ErrorKind::NotFound, "the task is not known"));
        };
        if !record.containers.iter().any(|known| known.name == container) {
            return Err(BackendError::new(ErrorKind::NotFound, format!("the task has no container {container}")));
        }
        logs::stream(self.folders.task(task.id), container.to_owned(), query).await
    }

    async fn stats(&self, task: &TaskRef) -> Result<Vec<ContainerStats>, BackendError> {
        let record = self.hub.get(task).ok_or_else(|| BackendError::new(ErrorKind::NotFound, "the task is not known"))?;
        let measured = tokio::task::spawn_blocking(move || usage::measure(&record, SystemClock.now())).await;
        measured.map_err(|error| BackendError::new(ErrorKind::Internal, "the measurement was given up").with_source(error))
    }

    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        let record = self.hub.get(task).ok_or_else(|| BackendError::new(ErrorKind::NotFound, "the task is not known"))?;
        if !record.containers.iter().any(|known| known.name == container) {
            return Err(BackendError::new(ErrorKind::NotFound, format!("the task has no container {container}")));
        }
        let ExecCommand { arguments, terminal } = command;
        let terminal = terminal.map(|TerminalSize { columns, rows }| TerminalOrder { columns, rows });
        let order = SessionOrder { container: container.to_owned(), arguments, terminal };
        session::open(&self.folders.task(task.id), order).await
    }
}

fn lock(forgotten: &Mutex<Forgotten>) -> std::sync::MutexGuard<'_, Forgotten> {
    forgotten.lock().expect("nobody panics while holding it")
}

/// Does work on files where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, BackendError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten();
    done.map_err(|error| unavailable("the folder of the task cannot be used", error))
}

fn unavailable(message: &str, error: io::Error) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, message).with_source(error)
}
