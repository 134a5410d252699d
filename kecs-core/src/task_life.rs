//! The life of a task: PROVISIONING → PENDING → ACTIVATING → RUNNING → DEACTIVATING → STOPPING → DEPROVISIONING → STOPPED.
//!
//! Here alone is an ECS state assigned. What moves a task on is a request ([`stop`]), the driver ([`handed`], [`failed_to_start`]) or what the
//! backend observed ([`observed`], [`lost`], [`missing`]). Follows "Amazon ECS task lifecycle" of the developer guide.

mod containers;
mod exec_agent;
mod launch;
mod managed_volume;
mod network_interface;
mod observed;

pub(crate) use exec_agent::EXEC_AGENT;
pub(crate) use launch::{Launch, launch};
pub(crate) use observed::observed;

use kecs_model::Timestamp;
use kecs_model::ecs::TaskStopCode;

use crate::TaskRef;
use crate::engine::{Effect, Owner, Protection, ServiceRef, TaskRecord, Tx, Wake, World, instance_key};

/// How long a stopped task stays describable: "Stopped tasks appear in the returned results for at least one hour" (DescribeTasks).
const STOPPED_KEPT_MILLIS: i64 = 60 * 60 * 1000;

/// Records that the backend is about to get the task. `false` when it must not: the task is to stop, or has gone on already.
///
/// Where the backend `places` tasks, it stays PROVISIONING until a place is observed: "Amazon ECS has to perform additional steps before the task is
/// launched", and finding a host is one.
pub(crate) fn handed(world: &mut World, tx: &mut Tx, task: &TaskRef, places: bool) -> bool {
    let Some(record) = world.tasks.get(task.id) else { return false };
    if !record.wanted() {
        return false;
    }
    match record.last_status() {
        "PROVISIONING" => {
            if !record.handed {
                world.tasks.note_handed(tx, task.id);
            }
            if !places {
                walk(world, tx, task, "PENDING");
            }
            true
        }
        "PENDING" => true,
        _ => false,
    }
}

/// Why a task is to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// `stopCode`.
    pub(crate) code: TaskStopCode,
    /// `stoppedReason`.
    pub(crate) reason: String,
}

/// Makes a task stop. Nothing changes for one that is stopping already: the first reason stands.
pub(crate) fn stop(world: &mut World, tx: &mut Tx, task: &TaskRef, stop: Stop) {
    let Some(record) = world.tasks.get(task.id) else { return };
    if !record.wanted() {
        return;
    }
    let unknown_to_backend = record.last_status() == "PROVISIONING" && !record.handed;
    change(world, tx, task, |record, now| begin_stop(record, now, stop));
    walk(world, tx, task, if unknown_to_backend { "STOPPED" } else { "DEACTIVATING" });
    if !unknown_to_backend {
        tx.then(Effect::StopTask(task.clone()));
    }
}

/// Records that a task could not be started, with ECS's words for why.
pub(crate) fn failed_to_start(world: &mut World, tx: &mut Tx, task: &TaskRef, reason: &str) {
    end(world, tx, task, &Stop { code: TaskStopCode::TaskFailedToStart, reason: reason.to_owned() });
}

/// Records that a task that was to stop never reached its backend: there is nothing to wait for.
pub(crate) fn never_started(world: &mut World, tx: &mut Tx, task: &TaskRef) {
    if world.tasks.get(task.id).is_some_and(|record| !record.wanted()) {
        // Why it was to stop is on record.
        failed_to_start(world, tx, task, "the task's backend never had it");
    }
}

/// Records that a task is gone and nobody saw how.
pub(crate) fn lost(world: &mut World, tx: &mut Tx, task: &TaskRef, reason: &str) {
    end(world, tx, task, &Stop { code: TaskStopCode::TerminationNotice, reason: format!("Task lost: {reason}") });
}

/// The backend's whole picture lacks this task. It either never got it (then it gets it again) or lost it.
pub(crate) fn missing(world: &mut World, tx: &mut Tx, task: &TaskRef) {
    let Some(record) = world.tasks.get(task.id) else { return };
    match record.last_status() {
        "PROVISIONING" | "PENDING" if record.wanted() => tx.then(Effect::StartTask(task.clone())),
        "STOPPED" => {}
        _ => lost(world, tx, task, "the task's backend no longer has it"),
    }
}

/// Ends a task whose containers nobody will report on any more.
fn end(world: &mut World, tx: &mut Tx, task: &TaskRef, why: &Stop) {
    let Some(record) = world.tasks.get(task.id) else { return };
    if record.stopped() {
        return;
    }
    change(world, tx, task, |record, now| {
        begin_stop(record, now, why.clone());
        containers::all_stopped(record);
    });
    walk(world, tx, task, "STOPPED");
}

/// Protects a task from scale-in until a time, or ends its protection.
pub(crate) fn protect(world: &mut World, tx: &mut Tx, task: &TaskRef, protection: Option<Protection>) {
    change(world, tx, task, |record, _| record.protection = protection);
    if let Some(Protection { expires_at }) = protection {
        tx.then(Effect::Later(expires_at, Wake::TaskProtection(task.clone())));
    }
}

/// Ends a task's protection when its time is over.
pub(crate) fn end_protection(world: &mut World, tx: &mut Tx, task: &TaskRef) {
    let expired = |record: &TaskRecord| record.protection.is_some_and(|protection| protection.expires_at <= tx.now);
    if world.tasks.get(task.id).is_some_and(|record| expired(record)) {
        change(world, tx, task, |record, _| record.protection = None);
    }
}

/// Takes up, after a start, all tasks that are on record.
pub(crate) fn resume(world: &mut World, tx: &mut Tx) {
    for cluster in world.clusters.iter().filter(|cluster| !cluster.inactive) {
        tx.then(Effect::Watch(world.cluster_ref(&cluster.name)));
    }
    for (at, key) in world.instances.iter().filter_map(|instance| Some((instance.forget_at?, instance_key(instance)))) {
        tx.then(Effect::Later(at, Wake::ForgetInstance { scope: world.scope.clone(), key }));
    }
    for token in world.run_tokens.iter() {
        tx.then(Effect::Later(token.expires_at, Wake::RunToken { scope: world.scope.clone(), key: token.key.clone() }));
    }
    for record in world.tasks.iter() {
        let task = record.task_ref();
        if record.stopped() {
            tx.then(Effect::Later(forget_at(record, tx.now), Wake::ForgetTask(task)));
            continue;
        }
        if let Some(protection) = record.protection {
            tx.then(Effect::Later(protection.expires_at, Wake::TaskProtection(task.clone())));
        }
        if !record.wanted() {
            tx.then(Effect::StopTask(task));
        } else if matches!(record.last_status(), "PROVISIONING" | "PENDING") {
            tx.then(Effect::StartTask(task));
        }
    }
}

/// Applies a change to a task, and lets follow what follows every change: its version counts it, its service looks, its memory ends.
fn change(world: &mut World, tx: &mut Tx, task: &TaskRef, change: impl FnOnce(&mut TaskRecord, Timestamp)) {
    let Some(record) = world.tasks.get(task.id) else { return };
    let mut record = TaskRecord::clone(record);
    let was_stopped = record.stopped();
    change(&mut record, tx.now);
    record.task.version = Some(record.task.version.unwrap_or(0) + 1);
    let record = world.tasks.put(tx, record);
    if record.stopped() && !was_stopped {
        crate::instance_life::task_came_or_went(world, tx, &record);
        if record.task.container_instance_arn.is_some() {
            // What it took of its instance is free again.
            crate::scheduler::wake_waiting(world, tx, &record.cluster.name);
        }
        tx.then(Effect::Later(forget_at(&record, tx.now), Wake::ForgetTask(task.clone())));
        crate::engine::release_unused_role(world, tx, record.role.as_deref());
    }
    if let Owner::Service { service, .. } = &record.owner {
        tx.then(Effect::Reconcile(ServiceRef { cluster: record.cluster.clone(), name: service.clone() }));
    }
}

fn forget_at(record: &TaskRecord, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(record.task.stopped_at.unwrap_or(now).as_millis() + STOPPED_KEPT_MILLIS)
}

/// The way up, and the way down: a task may leave the first at any point for the second, and skips nothing on either.
const STARTING: [&str; 4] = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"];
const STOPPING: [&str; 4] = ["DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"];

/// Takes a task to a later state, through all that lie between, each a change of its own. An earlier one changes nothing.
fn walk(world: &mut World, tx: &mut Tx, task: &TaskRef, target: &str) {
    let Some(record) = world.tasks.get(task.id) else { return };
    for status in steps(record.last_status(), target) {
        change(world, tx, task, |record, now| {
            record.task.last_status = Some((*status).to_owned());
            match *status {
                "ACTIVATING" => managed_volume::attach(record),
                "STOPPED" => finish(record, now),
                _ => {}
            }
        });
    }
}

/// The states after `from` up to `target`.
fn steps(from: &str, target: &str) -> &'static [&'static str] {
    let place = |path: &[&str; 4], status: &str| path.iter().position(|step| *step == status);
    let (path, end): (&'static [&'static str; 4], _) = match (place(&STARTING, target), place(&STOPPING, target)) {
        (Some(end), _) => (&STARTING, end),
        (None, Some(end)) => (&STOPPING, end),
        (None, None) => return &[],
    };
    match (place(path, from), place(&STOPPING, from)) {
        (Some(start), _) => path.get(start + 1..=end).unwrap_or(&[]),
        // On the way down there is no way up.
        (None, Some(_)) => &[],
        (None, None) => &path[..=end],
    }
}

/// The task is to stop: the first reason stands.
fn begin_stop(record: &mut TaskRecord, now: Timestamp, why: Stop) {
    let task = &mut record.task;
    task.desired_status = Some("STOPPED".to_owned());
    task.stopping_at.get_or_insert(now);
    if task.stop_code.is_none() {
        task.stop_code = Some(why.code);
        task.stopped_reason = Some(why.reason);
    }
}

/// The task's life is over.
fn finish(record: &mut TaskRecord, now: Timestamp) {
    containers::all_stopped(record);
    network_interface::delete(record);
    managed_volume::release(record);
    let task = &mut record.task;
    if let Some(started_at) = task.started_at {
        task.execution_stopped_at.get_or_insert(now.max(started_at));
    }
    task.stopped_at = Some(now).max(task.stopping_at).max(task.execution_stopped_at);
    record.protection = None;
}
