//! Service events, in AWS's words ("Viewing Amazon ECS service event messages" and what its users quote).

use kecs_model::Timestamp;
use kecs_model::ecs::ServiceEvent;
use uuid::Uuid;

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

/// `has stopped 1 running tasks: (task a).`
pub(super) fn stopped(kind: &str, tasks: &[TaskId]) -> String {
    format!("has stopped {} {kind} tasks: {}.", tasks.len(), list(tasks))
}

fn list(tasks: &[TaskId]) -> String {
    tasks.iter().map(|task| format!("(task {task})")).collect::<Vec<_>>().join(" ")
}

/// A task failed the health checks of its containers.
pub(super) fn unhealthy(task: TaskId) -> String {
    format!("(task {task}) failed container health checks.")
}

pub(super) const STEADY: &str = "has reached a steady state.";

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
pub(super) fn impaired() -> String {
    format!("is unable to consistently start tasks successfully. {TROUBLESHOOTING}")
}

/// Tells what keeps the service from going on, unless that was told already.
pub(super) fn obstacle(world: &mut World, tx: &mut Tx, service: &mut ServiceRecord, message: String) {
    let recent = |at: Timestamp| tx.now.as_millis() - at.as_millis() < REPEATED_AFTER_MILLIS;
    if service.obstacle.as_ref().is_some_and(|(told, at)| *told == message && recent(*at)) {
        return;
    }
    add_text(world, tx, service, message.clone());
    service.obstacle = Some((message, tx.now));
}

/// The bounds leave no step.
pub(super) fn stuck(service: &str) -> String {
    format!(
        "(service {service}) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
    )
}

/// A task found no place.
pub(super) fn unplaceable(service: &str, reason: &str) -> String {
    // Placement words its own events; a shorter reason is put into the general one.
    if reason.starts_with("(service ") {
        reason.to_owned()
    } else {
        format!("(service {service}) was unable to place a task. Reason: {reason} {TROUBLESHOOTING}")
    }
}
