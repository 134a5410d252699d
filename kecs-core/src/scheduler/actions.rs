//! What EventBridge is told of services: "ECS Service Action" and "ECS Deployment State Change" ("Amazon ECS service action events" and "Amazon
//! ECS service deployment state change events" of the developer guide). Service events say the same to people.

use kecs_model::ecs::DeploymentRolloutState;
use serde_json::{Map, Value, json};

use crate::TaskId;
use crate::engine::{DeploymentRecord, EventKind, ServiceRecord, Tx, World};

/// A service action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// The service has all tasks that it should have.
    SteadyState,
    /// The scheduler itself changed how many tasks the service should have: "not sent when the desired count is manually updated by a user".
    DesiredCountUpdated(usize),
    /// The service stopped running tasks.
    TasksStopped(Vec<TaskId>),
    /// Tasks keep failing, launches are slowed down.
    TaskStartImpaired,
    /// A task found no place.
    TaskPlacementFailure {
        /// Such as `RESOURCE:MEMORY`.
        reason: String,
        /// The id of the instance that came closest.
        container_instance: Option<String>,
        /// The providers that were to take it.
        capacity_providers: Vec<String>,
    },
    /// No task can be made of what the service says.
    TaskConfigurationFailure(String),
}

/// Tells of a service action.
pub(super) fn tell(world: &World, tx: &mut Tx, service: &ServiceRecord, action: &Action) {
    let scope = &world.scope;
    let (level, name, more) = match action {
        Action::SteadyState => ("INFO", "SERVICE_STEADY_STATE", json!({})),
        Action::DesiredCountUpdated(count) => ("INFO", "SERVICE_DESIRED_COUNT_UPDATED", json!({ "desiredCount": count })),
        Action::TasksStopped(tasks) => {
            let arns: Vec<_> = tasks.iter().map(|id| scope.task_arn(&service.cluster, *id)).collect();
            ("INFO", "TASKS_STOPPED", json!({ "taskArns": arns }))
        }
        Action::TaskStartImpaired => ("WARN", "SERVICE_TASK_START_IMPAIRED", json!({})),
        Action::TaskPlacementFailure { reason, container_instance, capacity_providers } => {
            let mut more = Map::new();
            if !capacity_providers.is_empty() {
                let arns: Vec<_> = capacity_providers.iter().map(|name| scope.capacity_provider_arn(name)).collect();
                more.insert("capacityProviderArns".to_owned(), arns.into());
            }
            if let Some(id) = container_instance {
                more.insert("containerInstanceArns".to_owned(), vec![scope.container_instance_arn(&service.cluster, id)].into());
            }
            more.insert("reason".to_owned(), reason.as_str().into());
            ("ERROR", "SERVICE_TASK_PLACEMENT_FAILURE", more.into())
        }
        Action::TaskConfigurationFailure(reason) => ("ERROR", "SERVICE_TASK_CONFIGURATION_FAILURE", json!({ "reason": reason })),
    };
    let mut more = more;
    more["createdAt"] = tx.now.to_string().into();
    send(world, tx, service, EventKind::ServiceAction, (level, name), more);
}

/// Tells how a deployment goes: it begins, is complete, or its circuit breaker failed it.
pub(super) fn deployment(world: &World, tx: &mut Tx, service: &ServiceRecord, deployment: &DeploymentRecord) {
    let (level, name) = match deployment.rollout_state {
        DeploymentRolloutState::Completed => ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
        DeploymentRolloutState::Failed => ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
        _ => ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
    };
    let more = json!({
        "deploymentId": deployment.id(),
        "updatedAt": deployment.updated_at.to_string(),
        "reason": deployment.reason,
    });
    send(world, tx, service, EventKind::DeploymentStateChange, (level, name), more);
}

fn send(world: &World, tx: &mut Tx, service: &ServiceRecord, kind: EventKind, (level, name): (&str, &str), more: Value) {
    let mut detail = Map::new();
    detail.insert("eventType".to_owned(), level.into());
    detail.insert("eventName".to_owned(), name.into());
    detail.insert("clusterArn".to_owned(), world.scope.cluster_arn(&service.cluster).into());
    if let Value::Object(more) = more {
        detail.extend(more);
    }
    tx.event(kind, &world.scope, world.scope.service_arn(&service.cluster, &service.name), detail);
}
