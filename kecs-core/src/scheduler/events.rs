//! Service events, in AWS's words ("Viewing Amazon ECS service event messages" and what its users quote).

use kecs_model::Timestamp;
use kecs_model::ecs::ServiceEvent;
use uuid::Uuid;

use super::actions::{self, Action};
use super::launch::Refusal;
use crate::TaskId;
use crate::engine::{ServiceRecord, Tx, World};

const TROUBLESHOOTING: &str = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
/// "Duplicate event messages are omitted until either the cause is resolved or six hours passes."
const REPEATED_AFTER_MILLIS: i64 = 6 * 60 * 60 * 1000;

/// Adds an event that begins as all of the service do.
pub(super) fn add(world: &mut World, tx: &mut Tx, service: &ServiceRecord, what: &str) {
    add_for(world, tx, service, &format!("(service {})", service.name), what);
}

/// Adds an event about a task set.
pub(super) fn add_of_task_set(world: &mut World, tx: &mut Tx, service: &ServiceRecord, task_set: &str, what: &str) {
    add_for(world, tx, service, &format!("(service {}, taskSet {task_set})", service.name), what);
}

fn add_for(world: &mut World, tx: &mut Tx, service: &ServiceRecord, who: &str, what: &str) {
    add_text(world, tx, service, format!("{who} {what}"));
}

/// Adds an event whose whole text is given.
fn add_text(world: &mut World, tx: &mut Tx, service: &ServiceRecord, message: String) {
    let event = ServiceEvent { id: Some(Uuid::new_v4().to_string()), created_at: Some(tx.now), message: Some(message) };
    world.service_events.add(tx, &service.cluster, &service.name, event);
}

/// `has started 2 tasks: (task a) (task b).`
pub(super) fn started(tasks: &[TaskId], replaced: usize) -> String {
    let text = format!("has started {} tasks: {}.", tasks.len(), list(tasks));
    if replaced == 0 { text } else { format!("{text} Amazon ECS replaced {replaced} tasks due to an unhealthy status.") }
}

/// The service stopped tasks, which were `running` or `pending`.
pub(super) fn stopped(world: &mut World, tx: &mut Tx, service: &ServiceRecord, kind: &str, tasks: &[TaskId]) {
    add(world, tx, service, &has_stopped(kind, tasks));
    if kind == "running" {
        actions::tell(world, tx, service, &Action::TasksStopped(tasks.to_vec()));
    }
}

/// The same, where they were of a task set.
pub(super) fn stopped_of_task_set(world: &mut World, tx: &mut Tx, service: &ServiceRecord, task_set: &str, tasks: &[TaskId]) {
    add_of_task_set(world, tx, service, task_set, &has_stopped("running", tasks));
    actions::tell(world, tx, service, &Action::TasksStopped(tasks.to_vec()));
}

/// `has stopped 1 running tasks: (task a).`
fn has_stopped(kind: &str, tasks: &[TaskId]) -> String {
    format!("has stopped {} {kind} tasks: {}.", tasks.len(), list(tasks))
}

fn list(tasks: &[TaskId]) -> String {
    tasks.iter().map(|task| format!("(task {task})")).collect::<Vec<_>>().join(" ")
}

/// A task failed the health checks of its containers.
pub(super) fn unhealthy(task: TaskId) -> String {
    format!("(task {task}) failed container health checks.")
}

/// The service has all that it should have.
pub(super) fn steady(world: &mut World, tx: &mut Tx, service: &ServiceRecord) {
    add(world, tx, service, "has reached a steady state.");
    actions::tell(world, tx, service, &Action::SteadyState);
}

/// A deployment is complete.
pub(super) fn completed(deployment: &str) -> String {
    format!("(deployment {deployment}) deployment completed.")
}

/// The circuit breaker failed a deployment.
pub(super) fn failed(deployment: &str) -> String {
    format!("(deployment {deployment}) deployment failed: tasks failed to start.")
}

/// The service goes back to an earlier deployment.
pub(super) fn rolling_back(deployment: &str) -> String {
    format!("rolling back to deployment {deployment}.")
}

/// Tasks keep failing, launches are slowed down.
pub(super) fn impaired(world: &mut World, tx: &mut Tx, service: &ServiceRecord) {
    add(world, tx, service, &format!("is unable to consistently start tasks successfully. {TROUBLESHOOTING}"));
    actions::tell(world, tx, service, &Action::TaskStartImpaired);
}

/// Tells what keeps the service from going on, unless that was told already. Whether it was told now.
fn obstacle(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, message: String) -> bool {
    let recent = |at: Timestamp| tx.now.as_millis() - at.as_millis() < REPEATED_AFTER_MILLIS;
    if service.obstacle.as_ref().is_some_and(|(told, at)| *told == message && recent(*at)) {
        return false;
    }
    add_text(world, tx, service, message.clone());
    service.obstacle = Some((message, tx.now));
    true
}

/// The bounds leave no step.
pub(super) fn stuck(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord) {
    let message = format!(
        "(service {}) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
        service.name
    );
    obstacle(world, tx, service, message);
}

/// A task was not launched.
pub(super) fn refused(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, refusal: Refusal) {
    let Refusal { message, action } = refusal;
    // Placement words its own events; a shorter reason is put into the general one.
    let message = if message.starts_with("(service ") {
        message
    } else {
        format!("(service {}) was unable to place a task. Reason: {message} {TROUBLESHOOTING}", service.name)
    };
    if obstacle(world, tx, service, message) {
        actions::tell(world, tx, service, &action);
    }
}
