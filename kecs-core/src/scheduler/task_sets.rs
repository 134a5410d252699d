//! Task sets: what a service with the EXTERNAL deployment controller has in place of deployments.

use kecs_model::Timestamp;
use kecs_model::ecs::{StabilityStatus, TaskSet};

use super::launch::{self, Refusal, Template, Workload};
use super::rollout::{self, Bounds, Scene, Step, TaskHealth, TaskView};
use super::{PLACED_AGAIN_AFTER_MILLIS, ServiceCounts, counts, events, ledger, view};
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
        events::steady(world, tx, service);
    }
    service.steady = steady;
    let throttled = service.throttle.until.filter(|until| *until > tx.now);
    [wake, throttled].into_iter().flatten().min()
}

/// Takes the next step of one task set. "The minimum healthy percent … is used to define the lower limit on the number of the tasks in the service
/// that remain in the RUNNING state while the container instances are in the DRAINING state", and the maximum percent the upper one (CreateService):
/// the same rules as of a rolling deployment, within the task set. Returns whether it has what it should have, and when to look again.
fn step_one(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, task_set: &TaskSetRecord) -> (bool, Option<Timestamp>) {
    let desired = computed_desired_count(service, &task_set.task_set);
    let of_set = counts::wanted(world, &service.cluster, &service.name).filter(|task| task.launched_by(&task_set.id));
    let (mut tasks, wake) = view::of(service, of_set, tx.now, |task| !view::displaced(world, task));
    // The book is closed on those that have stopped.
    let stopping = counts::ending(world, &service.cluster, &service.name).filter(|task| task.launched_by(&task_set.id)).count();
    for task in &mut tasks {
        // A task set that is deleted takes its tasks with it, protected ones too.
        task.protected &= !task_set.is("DRAINING");
        if task.health == TaskHealth::Healthy && world.tasks.get(task.id).is_some_and(|task| task.standing == Standing::New) {
            world.tasks.note(tx, task.id, Standing::Proven);
            service.throttle.reset();
        }
    }
    let launching = service.throttle.open(tx.now);
    let mut scene = Scene { bounds: Bounds::of(service, desired), tasks: &tasks, stopping, launching, placeable: usize::MAX };
    let mut step = rollout::next_step(&scene);
    let mut again = None;
    if step.start > 0 {
        let (started, refusal) = scale_out(world, tx, service, task_set, &step);
        if let Some(refusal) = refusal {
            scene.placeable = started;
            step = rollout::next_step(&scene);
            events::refused(world, tx, service, refusal);
            again = Some(Timestamp::from_millis(tx.now.as_millis() + PLACED_AGAIN_AFTER_MILLIS));
        }
    }
    scale_in(world, tx, service, task_set, &tasks, &step);
    if task_set.is("DRAINING") && tasks.is_empty() {
        world.task_sets.remove(tx, &task_set_key(&service.cluster, &service.name, &task_set.id));
    }
    let ready = tasks.iter().filter(|task| task.primary && task.health == TaskHealth::Healthy).count();
    (ready == desired && tasks.len() == desired, [wake, again].into_iter().flatten().min())
}

fn scale_in(world: &mut World, tx: &mut Tx, service: &ServiceRecord, task_set: &TaskSetRecord, tasks: &[TaskView], step: &Step) {
    let (unhealthy, others): (Vec<_>, Vec<_>) =
        tasks.iter().filter(|task| step.stop.contains(&task.id)).partition(|task| task.health == TaskHealth::Unhealthy);
    let ids = |tasks: Vec<&TaskView>| tasks.into_iter().map(|task| task.id).collect::<Vec<_>>();
    let (unhealthy, others) = (ids(unhealthy), ids(others));
    for id in &unhealthy {
        events::add_of_task_set(world, tx, service, &task_set.id, &events::unhealthy(*id));
    }
    launch::stop(world, tx, &service.cluster, &unhealthy, "Task failed container health checks");
    if !others.is_empty() {
        let reason = format!("Scaling activity initiated by (taskSet {})", task_set.id);
        launch::stop(world, tx, &service.cluster, &others, &reason);
        events::stopped_of_task_set(world, tx, service, &task_set.id, &others);
    }
}

/// Starts what a step asks for, as far as there are places. Returns how many that were, and why no more.
fn scale_out(
    world: &mut World,
    tx: &mut Tx,
    service: &ServiceRecord,
    task_set: &TaskSetRecord,
    step: &Step,
) -> (usize, Option<Refusal>) {
    let wire = &task_set.task_set;
    let workload = Workload {
        task_definition: wire.task_definition.as_deref(),
        launch_type: wire.launch_type.as_ref(),
        strategy: wire.capacity_provider_strategy.as_deref(),
        platform_version: wire.platform_version.as_deref(),
        network: wire.network_configuration.as_ref(),
        // CreateTaskSet takes none.
        volumes: None,
    };
    let template = match Template::new(world, service, task_set.id.clone(), workload) {
        Ok(template) => template,
        Err(refusal) => return (0, Some(refusal)),
    };
    let (places, refusal) = launch::place(world, service, &template, step.start);
    if places.is_empty() {
        return (0, refusal);
    }
    let started = launch::launch(world, tx, service, &template, places);
    events::add_of_task_set(world, tx, service, &task_set.id, &events::started(&started, step.replaced));
    (started.len(), refusal)
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
