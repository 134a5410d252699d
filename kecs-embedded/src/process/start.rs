//! Starts a task once, however often and from wherever it is asked for.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use kecs_core::{BackendError, Clock, ErrorKind, StopCause, SystemClock, TaskId, TaskPhase, TaskSpec};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::config::ProcessConfig;
use super::folder::{TaskFolder, TasksFolder};
use super::hub::Hub;
use super::link::{self, Reached};
use super::plan::{self, Plan, Refusal};
use super::record::{ContainerRecord, TaskRecord};
use super::{blocking, unavailable};

/// The starts that are under way. Each goes on when nobody waits for it any more, so that dropping a call leaves nothing half done.
#[derive(Debug, Default)]
pub(super) struct Starts(Arc<Mutex<HashMap<TaskId, Outcome>>>);

/// How a start went, once it is known.
type Outcome = watch::Receiver<Option<Result<(), Arc<BackendError>>>>;

impl Starts {
    /// Starts the task, or waits for the start that is under way.
    pub(super) async fn run(
        &self,
        spec: &TaskSpec,
        config: &Arc<ProcessConfig>,
        folders: &TasksFolder,
        hub: &Arc<Hub>,
    ) -> Result<(), BackendError> {
        let mut outcome = {
            let mut starts = self.0.lock().expect("nobody panics while holding it");
            starts.entry(spec.task.id).or_insert_with(|| self.begin(spec, config, folders, hub)).clone()
        };
        let done = outcome.wait_for(Option::is_some).await.map(|done| done.clone());
        match done {
            Ok(Some(Ok(()))) => Ok(()),
            Ok(Some(Err(error))) => Err(again(&error)),
            Ok(None) | Err(_) => Err(BackendError::new(ErrorKind::Internal, "the start of the task was given up")),
        }
    }

    fn begin(&self, spec: &TaskSpec, config: &Arc<ProcessConfig>, folders: &TasksFolder, hub: &Arc<Hub>) -> Outcome {
        let (tell, outcome) = watch::channel(None);
        let starts = self.0.clone();
        let (spec, config, folders, hub) = (spec.clone(), config.clone(), folders.clone(), hub.clone());
        tokio::spawn(async move {
            let result = start(&spec, &config, &folders, &hub).await.map_err(Arc::new);
            // By now the hub knows the task, or it may be tried again.
            starts.lock().expect("nobody panics while holding it").remove(&spec.task.id);
            tell.send_replace(Some(result));
        });
        outcome
    }
}

/// The same error for another who waited.
fn again(error: &Arc<BackendError>) -> BackendError {
    let copy = BackendError::new(error.kind(), error.to_string());
    match std::error::Error::source(error.as_ref()) {
        Some(source) => copy.with_source(source.to_string()),
        None => copy,
    }
}

async fn start(spec: &TaskSpec, config: &ProcessConfig, folders: &TasksFolder, hub: &Arc<Hub>) -> Result<(), BackendError> {
    let id = spec.task.id;
    // It may have been started between the look at the hub and now, or by another control plane on the same folder.
    if hub.get(&spec.task).is_some()
        || find(hub, folders, id).await.map_err(|error| unavailable("the task cannot be found again", error))?
    {
        return Ok(());
    }
    let folder = folders.task(id);
    let planned = hub.with_ports(|ports| plan::plan(spec, config, folder.path(), ports));
    let result = match planned {
        Ok(plan) => begin(plan, spec, config, folders, hub).await,
        Err(Refusal::FailsToStart(reason)) => fail(spec, reason, folders, hub).await,
        Err(Refusal::Backend(error)) => Err(error),
    };
    if result.is_err() {
        hub.with_ports(|ports| ports.release(id));
    }
    result
}

async fn begin(
    plan: Plan,
    spec: &TaskSpec,
    config: &ProcessConfig,
    folders: &TasksFolder,
    hub: &Arc<Hub>,
) -> Result<(), BackendError> {
    let id = spec.task.id;
    let made = {
        let (folders, runtime) = (folders.clone(), Handle::current());
        blocking(move || {
            let mut setup = Ok(());
            // Downloads are waited for here, where it is not known yet: what is half done when this process ends is removed by the next.
            let made = folders.create(id, |folder| {
                let prepared = plan.prepare(folder).map_err(|error| format!("CannotStartContainerError: {error}"));
                setup = prepared.and_then(|()| runtime.block_on(plan.download(folder)));
                Ok(())
            })?;
            Ok(made.map(|(folder, lock)| (folder, lock, setup, plan.order)))
        })
        .await?
    };
    let Some((folder, lock, setup, order)) = made else {
        return Err(BackendError::new(ErrorKind::Unavailable, "another control plane is starting the task"));
    };
    if let Err(reason) = setup {
        return fail_in(folder, spec, reason, hub).await;
    }
    match link::start(&config.supervisor, &folder, lock, &order).await {
        Ok((connection, record)) => {
            link::follow(hub, folder, record, Some(connection));
            Ok(())
        }
        Err(error) => {
            let log = folder.clone();
            // Nothing was promised, so nothing may stay: the next try starts from the beginning.
            blocking(move || log.remove()).await?;
            Err(unavailable("the supervisor of the task cannot be started", error))
        }
    }
}

/// Notes that the task never ran, and why.
async fn fail(spec: &TaskSpec, reason: String, folders: &TasksFolder, hub: &Arc<Hub>) -> Result<(), BackendError> {
    let id = spec.task.id;
    let made = {
        let folders = folders.clone();
        blocking(move || folders.create(id, |_| Ok(()))).await?
    };
    match made {
        Some((folder, _lock)) => fail_in(folder, spec, reason, hub).await,
        None => Err(BackendError::new(ErrorKind::Unavailable, "another control plane is starting the task")),
    }
}

async fn fail_in(folder: TaskFolder, spec: &TaskSpec, reason: String, hub: &Arc<Hub>) -> Result<(), BackendError> {
    let record = never_ran(spec, &reason);
    let json = serde_json::to_vec(&record).map_err(|error| unavailable("the state cannot be written", error.into()))?;
    blocking(move || folder.write_state(&json)).await?;
    hub.update(record);
    Ok(())
}

fn never_ran(spec: &TaskSpec, reason: &str) -> TaskRecord {
    let containers = spec.containers.iter().map(|container| ContainerRecord {
        name: container.name.clone(),
        state: kecs_core::ContainerState::Pending,
        health: kecs_core::Health::Unknown,
        process: None,
        restarts: 0,
        bindings: Vec::new(),
    });
    let record = TaskRecord {
        task: spec.task.clone(),
        phase: TaskPhase::Starting,
        cause: None,
        supervisor: None,
        containers: containers.collect(),
        addresses: Vec::new(),
        started_at: None,
        stopped_at: None,
    };
    record.ended(StopCause::FailedToStart { reason: reason.to_owned() }, reason, SystemClock.now())
}

/// Takes in a task that has a folder, whoever started it. `false` if there is nothing of it, and then nothing is left of it.
pub(super) async fn find(hub: &Arc<Hub>, folders: &TasksFolder, task: TaskId) -> io::Result<bool> {
    let folder = folders.task(task);
    if !folder.path().try_exists()? {
        return Ok(false);
    }
    if folder.read_state()?.is_none() {
        // Never acknowledged. Without a lock it never will be; with one it is being started right now.
        if let Some(_lock) = folder.try_lock()? {
            folder.remove()?;
            return Ok(false);
        }
        return Ok(false);
    }
    match link::reach(&folder).await? {
        Reached::Supervisor(connection, record) => link::follow(hub, folder, record, Some(connection)),
        Reached::Silent(record) => link::follow(hub, folder, record, None),
        Reached::End(Some(record)) => hub.update(record),
        Reached::End(None) => return Ok(false),
    }
    Ok(true)
}
