//! Ships what containers write to where their `logConfiguration` says, by the [`LogDriver`]s.
//!
//! A *pump* per task waits until its backend says that a container runs, and then gives the driver the container's lines from their beginning. A task
//! that has ended is held in DEPROVISIONING until its pump is done, but not for longer than [`BOUND`]; the pump goes on then, until the task is
//! forgotten. After a restart the first observation of a task begins its pump again, and the driver leaves out what it sent before.

mod lines;
mod prepare;

pub(super) use prepare::prepare;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Shared, driver, lock};
use crate::firelens;
use crate::resolve::logs_anywhere;
use crate::{
    ContainerObservation, ContainerOutput, ContainerState, LogDriver, LogQuery, TaskId, TaskObservation, TaskPhase, TaskRef,
    TaskSpec, task_life,
};

/// How long a task that has ended waits for its output to be shipped before it is STOPPED all the same.
const BOUND: Duration = Duration::from_secs(30);

/// How long a task that is to be forgotten waits for that.
const LAST_BOUND: Duration = Duration::from_hours(1);

/// The output of one container, and the driver that gets it.
#[derive(Debug)]
pub(super) struct Shipment {
    output: ContainerOutput,
    driver: Arc<dyn LogDriver>,
    /// Whether the container is to wait for the driver.
    blocking: bool,
}

/// What is known of a task in the eyes of its pump; `None` before the first observation.
type Observed = Option<Arc<TaskObservation>>;

/// The pumps of an engine.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    pumps: Mutex<HashMap<TaskId, Pump>>,
    running: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Pump {
    observed: watch::Sender<Observed>,
    /// Nobody waits for the output any more: it is shipped, or took too long.
    released: bool,
    /// Everything is shipped or given up.
    done: CancellationToken,
}

impl Outputs {
    /// Nothing more will be observed of a task.
    pub(super) fn close(&self, task: TaskId) {
        lock(&self.pumps).remove(&task);
    }

    /// Waits until the pumps have ended, after the engine was told to stop.
    pub(super) async fn ended(&self) {
        let mut running = std::mem::take(&mut *lock(&self.running));
        while running.join_next().await.is_some() {}
    }
}

/// Says in a task's spec whose output is to be waited for.
pub(super) fn mark_blocking(spec: &mut TaskSpec, outputs: &[Shipment]) {
    for Shipment { output, blocking, .. } in outputs {
        for container in spec.containers.iter_mut().filter(|container| *container.name == *output.container) {
            container.blocking_output = *blocking;
        }
    }
}

/// Begins to ship the output of a task that its backend is about to get. Does nothing when that has begun.
pub(super) fn begin(shared: &Arc<Shared>, task: &TaskRef, outputs: Vec<Shipment>) {
    if !outputs.is_empty() {
        begin_with(shared, task, Some(outputs), None);
    }
}

/// Tells the pump of a task what was observed, and says whether the task is not to be STOPPED yet.
pub(super) fn observed(shared: &Arc<Shared>, observation: &TaskObservation) -> bool {
    if shared.services.logs.is_empty() {
        return false;
    }
    let task = &observation.task;
    let ended = observation.phase == TaskPhase::Stopped;
    {
        let mut pumps = lock(&shared.outputs.pumps);
        if let Some(pump) = pumps.get(&task.id) {
            pump.observed.send_replace(Some(Arc::new(observation.clone())));
            let held = ended && !pump.released;
            if ended && pump.done.is_cancelled() {
                pumps.remove(&task.id);
            }
            return held;
        }
    }
    // One that an earlier control plane began with.
    let Some(input) = driver::input(shared, task) else { return false };
    if input.record.stopped() || !logs_anywhere(&input, |driver| handled(shared, driver).is_some()) {
        return false;
    }
    begin_with(shared, task, None, Some(Arc::new(observation.clone())));
    ended
}

/// Waits until a task's output is shipped, but not for ever.
pub(super) async fn shipped(shared: &Shared, task: &TaskRef) {
    let Some(done) = lock(&shared.outputs.pumps).get(&task.id).map(|pump| pump.done.clone()) else { return };
    if tokio::time::timeout(LAST_BOUND, done.cancelled()).await.is_err() {
        tracing::warn!(%task, "giving up output that could not be shipped");
    }
    shared.outputs.close(task.id);
}

/// The driver that answers for a `logDriver` of this name.
fn handled<'a>(shared: &'a Shared, driver: &str) -> Option<&'a Arc<dyn LogDriver>> {
    shared.services.logs.iter().find(|known| known.handles(driver))
}

fn begin_with(shared: &Arc<Shared>, task: &TaskRef, outputs: Option<Vec<Shipment>>, first: Observed) {
    let (observed, seen) = watch::channel(first);
    let done = CancellationToken::new();
    let mut pumps = lock(&shared.outputs.pumps);
    if pumps.contains_key(&task.id) {
        return;
    }
    pumps.insert(task.id, Pump { observed, released: false, done: done.clone() });
    drop(pumps);
    let mut running = lock(&shared.outputs.running);
    // Those that have ended are taken out as new ones come, so that the set does not grow.
    while running.try_join_next().is_some() {}
    let (shared, task) = (Arc::clone(shared), task.clone());
    running.spawn(async move {
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = run(&shared, &task, outputs, seen) => finish(&shared, &task, &done),
        }
    });
}

/// There is nothing left to do for a task, or not before its end is observed.
fn finish(shared: &Shared, task: &TaskRef, done: &CancellationToken) {
    done.cancel();
    let mut pumps = lock(&shared.outputs.pumps);
    let ended = |pump: &Pump| pump.observed.borrow().as_ref().is_some_and(|seen| seen.phase == TaskPhase::Stopped);
    if pumps.get(&task.id).is_some_and(ended) {
        pumps.remove(&task.id);
    }
}

/// Ships all output of a task, and lets it be STOPPED then or when that takes too long.
async fn run(shared: &Arc<Shared>, task: &TaskRef, outputs: Option<Vec<Shipment>>, mut seen: watch::Receiver<Observed>) {
    let shipping = ship_all(shared, task, outputs, seen.clone());
    tokio::pin!(shipping);
    tokio::select! {
        () = &mut shipping => return release(shared, task),
        () = overdue(&mut seen) => {}
    }
    tracing::warn!(%task, bound = ?BOUND, "the task's output is not shipped yet; it is STOPPED all the same");
    release(shared, task);
    shipping.await;
}

/// Waits until the task has ended for too long.
async fn overdue(seen: &mut watch::Receiver<Observed>) {
    let ended = seen.wait_for(|seen| seen.as_ref().is_some_and(|seen| seen.phase == TaskPhase::Stopped)).await.is_ok();
    if ended {
        return tokio::time::sleep(BOUND).await;
    }
    // It was lost, and is STOPPED.
    std::future::pending::<()>().await;
}

/// Nobody need wait for the task's output any more.
fn release(shared: &Shared, task: &TaskRef) {
    let last = {
        let mut pumps = lock(&shared.outputs.pumps);
        let Some(pump) = pumps.get_mut(&task.id) else { return };
        pump.released = true;
        pump.observed.borrow().clone()
    };
    if let Some(last) = last {
        drop(shared.record(&task.cluster.scope, |world, tx| task_life::observed(world, tx, &last, false)));
    }
}

async fn ship_all(shared: &Arc<Shared>, task: &TaskRef, outputs: Option<Vec<Shipment>>, seen: watch::Receiver<Observed>) {
    let outputs = match outputs {
        Some(outputs) => outputs,
        None => prepare::again(shared, task).await,
    };
    let (routed, others): (Vec<_>, Vec<_>) =
        outputs.into_iter().partition(|shipment| shipment.output.configuration.driver == firelens::DRIVER);
    let ship_each =
        |shipments: Vec<Shipment>| join_all(shipments.into_iter().map(|shipment| guarded(ship(shared, shipment, seen.clone()))));
    let routed = async {
        if !routed.is_empty() {
            ship_each(routed).await;
            shared.tasks.release_log_router(task).await;
        }
    };
    // The router's own output may be among the others: it ends when that does.
    tokio::join!(routed, ship_each(others));
}

/// Carries on after a panic: a bug of a driver with one container must not keep its task from being STOPPED.
async fn guarded(shipping: impl Future<Output = ()> + Send) {
    if AssertUnwindSafe(shipping).catch_unwind().await.is_err() {
        tracing::error!("a log driver panicked; this is a bug");
    }
}

async fn ship(shared: &Arc<Shared>, shipment: Shipment, mut seen: watch::Receiver<Observed>) {
    let Shipment { mut output, driver, blocking } = shipment;
    let container = Arc::clone(&output.container);
    let began = seen.wait_for(|seen| seen.as_ref().is_some_and(|seen| has_begun(seen, &container))).await;
    // An error: it was lost before it began.
    let Some(began) = began.ok().and_then(|seen| seen.clone()) else { return };
    if let Some(id) = of(&began, &container).and_then(|container| container.runtime_id.clone()) {
        output.labels.insert("runtimeId", id);
    }
    let follow = LogQuery::follow();
    let query = if blocking { follow.blocking() } else { follow };
    let lines = lines::follow(Arc::clone(&shared.tasks), output.task.clone(), container, query, seen).await;
    driver.ship(&output, lines).await;
}

fn of<'a>(observation: &'a TaskObservation, container: &str) -> Option<&'a ContainerObservation> {
    observation.containers.iter().find(|seen| seen.name == container)
}

fn has_begun(observation: &TaskObservation, container: &str) -> bool {
    observation.phase == TaskPhase::Stopped || of(observation, container).is_some_and(|seen| seen.state != ContainerState::Pending)
}

fn has_ended(observation: &TaskObservation, container: &str) -> bool {
    let exited = |seen: &ContainerObservation| matches!(seen.state, ContainerState::Exited { .. });
    observation.phase == TaskPhase::Stopped || of(observation, container).is_some_and(exited)
}
