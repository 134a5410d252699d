//! Task sets: what a service with the EXTERNAL deployment controller has in place of deployments.

use kecs_model::Timestamp;
use kecs_model::ecs::{StabilityStatus, TaskSet};

use super::launch::{self, Template, Workload};
use super::rollout::TaskHealth;
use super::{ServiceCounts, counts, events, health, ledger};
use crate::TaskId;
use crate::engine::{ServiceRecord, Standing, TaskSetRecord, Tx, World, service_key, task_set_key};

/// "This is calculated by multiplying the service's desiredCount by the task set's scale percentage. The result is always rounded up"
/// (TaskSet.computedDesiredCount).
fn computed_desired_count(service: &ServiceRecord, task_set: &TaskSet) -> usize {
    if task_set.status.as_deref() == Some("DRAINING") {
        return 0;
    }
    let percent = task_set.scale.as_ref().and_then(|scale| scale.value).unwrap_or(0.0);
    // Thousandths of a percent are enough, and whole numbers do not round 10 % of 10 up to 2.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage between 0 and 100")]
    let thousandths = (percent * 1000.0).round() as usize;
    (service.desired() * thousandths).div_ceil(100_000)
}

/// The task sets of a service.
fn of(world: &World, service: &ServiceRecord) -> Vec<TaskSetRecord> {
    let prefix = format!("{}/", service_key(&service.cluster, &service.name));
    world.task_sets.range(&prefix, None).map(|(_, record)| TaskSetRecord::clone(record)).collect()
}

/// Takes the next step for each task set.
pub(super) fn step(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) -> Option<Timestamp> {
    ledger::close(world, tx, service);
    let mut wake = None;
    let mut steady = true;
    for task_set in of(world, service) {
        let (stable, until) = step_one(world, tx, service, &task_set);
        steady &= stable;
        wake = [wake, until].into_iter().flatten().min();
    }
    if steady && !service.steady {
        events::add(world, tx, service, events::STEADY);
    }
    service.steady = steady;
    let throttled = service.throttle.until.filter(|until| *until > tx.now);
    [wake, throttled].into_iter().flatten().min()
}

fn step_one(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, task_set: &TaskSetRecord) -> (bool, Option<Timestamp>) {
    let desired = computed_desired_count(service, &task_set.task_set);
    let grace = service.service.health_check_grace_period_seconds.unwrap_or(0);
    let mut wake: Option<Timestamp> = None;
    let mut tasks: Vec<(TaskHealth, bool, TaskId)> = Vec::new();
    for record in counts::wanted(world, &service.cluster, &service.name).filter(|task| task.launched_by(&task_set.id)) {
        let (health, until) = health::of(record, grace, tx.now);
        wake = [wake, until].into_iter().flatten().min();
        tasks.push((health, record.protection.is_some(), record.id));
    }
    for (health, _, id) in &tasks {
        if *health == TaskHealth::Healthy && world.tasks.get(*id).is_some_and(|task| task.standing == Standing::New) {
            world.tasks.note(tx, *id, Standing::Proven);
            service.throttle.reset();
        }
    }
    let unhealthy: Vec<_> = tasks.iter().filter(|(health, ..)| *health == TaskHealth::Unhealthy).map(|(.., id)| *id).collect();
    for id in &unhealthy {
        events::add_of_task_set(world, tx, service, &task_set.id, &events::unhealthy(*id));
    }
    launch::stop(world, tx, &service.cluster, &unhealthy, "Task failed container health checks");
    tasks.retain(|(health, ..)| *health != TaskHealth::Unhealthy);
    tasks.sort_unstable();
    scale_in(world, tx, service, task_set, &tasks, desired);
    if tasks.len() < desired && service.throttle.open(tx.now) {
        scale_out(world, tx, service, task_set, desired - tasks.len());
    }
    let gone = task_set.is("DRAINING") && tasks.is_empty() && unhealthy.is_empty();
    if gone {
        world.task_sets.remove(tx, &task_set_key(&service.cluster, &service.name, &task_set.id));
    }
    let healthy = tasks.iter().filter(|(health, ..)| *health == TaskHealth::Healthy).count();
    (healthy == desired && tasks.len() == desired && unhealthy.is_empty(), wake)
}

fn scale_in(
    world: &mut World,
    tx: &mut Tx,
    service: &ServiceRecord,
    task_set: &TaskSetRecord,
    tasks: &[(TaskHealth, bool, TaskId)],
    desired: usize,
) {
    let excess = tasks.len().saturating_sub(desired);
    // A task set that is deleted takes its tasks with it, protected ones too.
    let free = |protected: bool| !protected || task_set.is("DRAINING");
    let stop: Vec<_> = tasks.iter().filter(|(_, protected, _)| free(*protected)).map(|(.., id)| *id).take(excess).collect();
    if !stop.is_empty() {
        let reason = format!("Scaling activity initiated by (taskSet {})", task_set.id);
        launch::stop(world, tx, &service.cluster, &stop, &reason);
        events::add_of_task_set(world, tx, service, &task_set.id, &events::stopped("running", &stop));
    }
}

fn scale_out(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, task_set: &TaskSetRecord, missing: usize) {
    let wire = &task_set.task_set;
    let workload = Workload {
        task_definition: wire.task_definition.as_deref(),
        launch_type: wire.launch_type.as_ref(),
        strategy: wire.capacity_provider_strategy.as_deref(),
        platform_version: wire.platform_version.as_deref(),
        network: wire.network_configuration.as_ref(),
    };
    let refusal = match Template::new(world, service, task_set.id.clone(), workload) {
        Ok(template) => {
            let (places, refusal) = launch::place(world, service, &template, missing);
            if !places.is_empty() {
                let started = launch::launch(world, tx, service, &template, places);
                events::add_of_task_set(world, tx, service, &task_set.id, &events::started(&started, 0));
            }
            refusal
        }
        Err(refusal) => Some(refusal),
    };
    if let Some(refusal) = refusal {
        let message = events::unplaceable(&service.name, &refusal);
        events::obstacle(world, tx, service, message);
    }
}

/// The task sets of a service that is gone.
pub(super) fn remove_all(world: &mut World, tx: &mut Tx, service: &ServiceRecord) {
    for task_set in of(world, service) {
        world.task_sets.remove(tx, &task_set_key(&service.cluster, &service.name, &task_set.id));
    }
}

/// A task set as clients see it, without tags.
pub(crate) fn described(service: &ServiceRecord, counts: &ServiceCounts, record: &TaskSetRecord, now: Timestamp) -> TaskSet {
    let mut task_set = record.task_set.clone();
    let desired = i32::try_from(computed_desired_count(service, &task_set)).unwrap_or(i32::MAX);
    let of_set = counts.of_deployment(&record.id);
    task_set.computed_desired_count = Some(desired);
    task_set.running_count = Some(of_set.running);
    task_set.pending_count = Some(of_set.pending);
    let stable = of_set.running == desired && of_set.pending == 0;
    task_set.stability_status = Some(if stable { StabilityStatus::SteadyState } else { StabilityStatus::Stabilizing });
    task_set.stability_status_at = Some(now);
    task_set
}
