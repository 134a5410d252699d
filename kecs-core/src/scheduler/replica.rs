//! Looks at a service that deploys by itself (the ECS deployment controller) and takes the next step.

use std::collections::HashSet;

use kecs_model::Timestamp;
use kecs_model::ecs::{DeploymentRolloutState, ServiceDeploymentStatus};

use super::circuit_breaker::Breaker;
use super::daemon::{self, Homes};
use super::deployments::{self, Cause};
use super::launch::{self, Refusal, Template, Workload};
use super::rollout::{self, Bounds, Scene, Step, TaskHealth, TaskView};
use super::{PLACED_AGAIN_AFTER_MILLIS, counts, events, ledger, view};
use crate::TaskId;
use crate::capacity::Place;
use crate::engine::{DeploymentRecord, ServiceRecord, Standing, TaskRecord, Tx, World, deployment_key};

/// Takes the next step. Returns when to look again, where time alone changes something.
pub(super) fn step(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) -> Option<Timestamp> {
    if let Some(homes) = homes(world, service) {
        daemon::adjust(world, tx, service, &homes);
    }
    let stopping = ledger::close(world, tx, service);
    let (mut tasks, mut wake) = view(world, service, tx.now);
    let breaker = Breaker::of(service.service.deployment_configuration.as_ref(), service.desired());
    ledger::prove(world, tx, service, &tasks, breaker);
    if end_failed(world, tx, service, breaker) {
        (tasks, wake) = view(world, service, tx.now);
    }
    let again = advance(world, tx, service, &tasks, stopping);
    settle(world, tx, service);
    let throttled = service.throttle.until.filter(|until| *until > tx.now);
    [wake, throttled, again].into_iter().flatten().min()
}

/// Where a DAEMON service is to have its tasks, where its PRIMARY deployment says.
fn homes(world: &World, service: &ServiceRecord) -> Option<Homes> {
    let template = service.daemon().then(|| template_of_primary(world, service).ok()).flatten()?;
    launch::homes(world, service, &template).ok()
}

/// The service's tasks that are to run, and when one of them may change by itself.
fn view(world: &World, service: &ServiceRecord, now: Timestamp) -> (Vec<TaskView>, Option<Timestamp>) {
    let primary = service.primary().map(DeploymentRecord::id).unwrap_or_default();
    let homes = homes(world, service);
    let displaced = |task: &TaskRecord| homes.as_ref().map_or_else(|| view::displaced(world, task), |homes| !homes.has(task));
    let tasks = counts::wanted(world, &service.cluster, &service.name);
    view::of(service, tasks, now, |task| task.launched_by(&primary) && !displaced(task))
}

/// Gives the PRIMARY deployment up when its circuit breaker or a request says so.
fn end_failed(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, breaker: Breaker) -> bool {
    let Some(primary) = service.primary() else { return false };
    if primary.rollout_state != DeploymentRolloutState::InProgress {
        return false;
    }
    let key = deployment_key(&service.cluster, &service.name, &primary.service_deployment);
    let requested = world.service_deployments.get(&key).and_then(|record| record.deployment.status.clone());
    match requested {
        Some(ServiceDeploymentStatus::RollbackRequested) => deployments::fail(world, tx, service, Cause::Requested, true),
        Some(ServiceDeploymentStatus::StopRequested) => deployments::fail(world, tx, service, Cause::Requested, false),
        _ if breaker.enabled && primary.failures >= breaker.threshold => {
            deployments::fail(world, tx, service, Cause::CircuitBreaker, breaker.rollback);
        }
        _ => return false,
    }
    true
}

/// Starts and stops what the rollout says. Returns when to try again, where a task found no place.
fn advance(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, tasks: &[TaskView], stopping: usize) -> Option<Timestamp> {
    let failed = service.primary().is_none_or(|primary| primary.rollout_state == DeploymentRolloutState::Failed);
    let launching = !failed && service.throttle.open(tx.now);
    let mut scene = Scene { bounds: Bounds::of(service, service.desired()), tasks, stopping, launching, placeable: usize::MAX };
    let mut step = rollout::next_step(&scene);
    let mut again = None;
    let mut launches = None;
    if step.start > 0 {
        let (placed, refusal) = places(world, service, step.start);
        if let Some(refusal) = refusal {
            scene.placeable = placed.as_ref().map_or(0, |(_, places)| places.len());
            step = rollout::next_step(&scene);
            events::refused(world, tx, service, refusal);
            again = Some(Timestamp::from_millis(tx.now.as_millis() + PLACED_AGAIN_AFTER_MILLIS));
        }
        launches = placed.filter(|(_, places)| !places.is_empty());
    }
    if step.stuck {
        events::stuck(world, tx, service);
    }
    if let Some((template, places)) = launches {
        let started = launch::launch(world, tx, service, &template, places);
        events::add(world, tx, service, &events::started(&started, step.replaced));
        service.steady = false;
    }
    stop(world, tx, service, tasks, &step);
    again
}

type Placed = Option<(Template, Vec<Place>)>;

/// Finds places for tasks of the PRIMARY deployment, and says why when there are fewer than asked for.
fn places(world: &World, service: &ServiceRecord, count: usize) -> (Placed, Option<Refusal>) {
    let template = match template_of_primary(world, service) {
        Ok(template) => template,
        Err(refusal) => return (None, Some(refusal)),
    };
    let (places, refusal) = launch::place(world, service, &template, count);
    (Some((template, places)), refusal)
}

fn template_of_primary(world: &World, service: &ServiceRecord) -> Result<Template, Refusal> {
    let primary = service.primary().ok_or_else(|| Refusal::configuration("There is no deployment."))?;
    let revision = deployments::revision(world, service, &primary.number);
    let revision = &revision.ok_or_else(|| Refusal::configuration("The service revision is gone."))?.revision;
    let workload = Workload {
        task_definition: revision.task_definition.as_deref(),
        launch_type: revision.launch_type.as_ref(),
        strategy: revision.capacity_provider_strategy.as_deref(),
        platform_version: revision.platform_version.as_deref(),
        network: revision.network_configuration.as_ref(),
        volumes: revision.volume_configurations.as_deref(),
    };
    Template::new(world, service, primary.id(), workload)
}

fn stop(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, tasks: &[TaskView], step: &Step) {
    let chosen: HashSet<TaskId> = step.stop.iter().copied().collect();
    let stopped = |health: &dyn Fn(TaskHealth) -> bool| -> Vec<TaskId> {
        tasks.iter().filter(|task| health(task.health) && chosen.contains(&task.id)).map(|task| task.id).collect()
    };
    let unhealthy = stopped(&|health| health == TaskHealth::Unhealthy);
    let pending = stopped(&|health| health == TaskHealth::Pending);
    let running = stopped(&|health| health > TaskHealth::Pending);
    let primary = service.primary().map(DeploymentRecord::id).unwrap_or_default();
    for id in &unhealthy {
        events::add(world, tx, service, &events::unhealthy(*id));
        // "… or if it fails any of its defined health checks and is stopped."
        if tasks.iter().any(|task| task.id == *id && task.primary) {
            ledger::count_failure(tx, service);
            if world.tasks.get(*id).is_some_and(|task| task.standing == Standing::New) {
                ledger::throttle(world, tx, service);
            }
        }
    }
    launch::stop(world, tx, &service.cluster, &unhealthy, "Task failed container health checks");
    let scaling = format!("Scaling activity initiated by (deployment {primary})");
    for (kind, tasks) in [("running", running), ("pending", pending)] {
        if !tasks.is_empty() {
            launch::stop(world, tx, &service.cluster, &tasks, &scaling);
            events::stopped(world, tx, service, kind, &tasks);
            service.steady = false;
        }
    }
    if !unhealthy.is_empty() {
        events::stopped(world, tx, service, "running", &unhealthy);
        service.steady = false;
    }
}

/// Drops deployments that have no tasks left, and says so when the service has all that it should have.
fn settle(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) {
    let (tasks, _) = view(world, service, tx.now);
    let mut position = 0;
    service.deployments.retain(|deployment| {
        position += 1;
        let id = deployment.id();
        let has_tasks = || counts::wanted(world, &service.cluster, &service.name).any(|task| task.launched_by(&id));
        position == 1 || has_tasks()
    });
    let ready = tasks.iter().filter(|task| task.primary && task.health == TaskHealth::Healthy).count();
    if ready != service.desired() || tasks.len() != ready {
        return;
    }
    if service.primary().is_some_and(|primary| primary.rollout_state == DeploymentRolloutState::InProgress) {
        deployments::complete(world, tx, service);
    }
    if !service.steady {
        service.steady = true;
        service.obstacle = None;
        events::steady(world, tx, service);
    }
}
