//! UpdateContainerInstancesState and UpdateContainerAgent.

use std::sync::Arc;

use kecs_model::ecs::{
    ContainerInstanceStatus, UpdateContainerAgentRequest, UpdateContainerAgentResponse, UpdateContainerInstancesStateRequest,
    UpdateContainerInstancesStateResponse,
};
use kecs_model::{ApiError, RequestContext};

use super::{failure, find, not_found};
use crate::engine::Shared;
use crate::instance_life::{InstanceEvent, described, happens};

/// "A list of up to 10 container instance IDs" (UpdateContainerInstancesState).
const MOST_UPDATED: usize = 10;

pub(in crate::api) async fn update_container_instances_state(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateContainerInstancesStateRequest,
) -> Result<UpdateContainerInstancesStateResponse, ApiError> {
    let event = match input.status {
        Some(ContainerInstanceStatus::Active) => InstanceEvent::Activate,
        Some(ContainerInstanceStatus::Draining) => InstanceEvent::Drain,
        _ => return Err(ApiError::invalid_parameter("Container instance status should be one of [ACTIVE,DRAINING]")),
    };
    let named = input.container_instances.unwrap_or_default();
    if named.len() > MOST_UPDATED {
        return Err(ApiError::invalid_parameter("Container Instances cannot have more than 10 elements."));
    }
    if named.is_empty() {
        return Err(ApiError::client("Container Instances cannot be empty."));
    }
    shared
        .write(ctx, |world, tx| {
            let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
            let mut instances = Vec::new();
            let mut failures = Vec::new();
            for name in named {
                let Some(record) = find(world, &cluster, &name).cloned() else {
                    failures.push(failure(world, &cluster, &name, "MISSING"));
                    continue;
                };
                match happens(world, tx, &record, event) {
                    Some(record) => instances.push(described(world, &record, false)),
                    None => failures.push(failure(world, &cluster, &name, "INACTIVE")),
                }
            }
            Ok(UpdateContainerInstancesStateResponse { container_instances: Some(instances), failures: Some(failures) })
        })
        .await
}

/// There never is an agent to update to. The texts are AWS's: NoUpdateAvailableException's, and the model's of MissingVersionException.
pub(in crate::api) async fn update_container_agent(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UpdateContainerAgentRequest,
) -> Result<UpdateContainerAgentResponse, ApiError> {
    let named = input.container_instance.unwrap_or_default();
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        let record = find(world, cluster, &named).ok_or_else(|| not_found(&named))?;
        let version = record.instance.version_info.as_ref().and_then(|version| version.agent_version.as_ref());
        if version.is_none() {
            let message =
                "Amazon ECS can't determine the current version of the Amazon ECS container agent on the container instance.";
            return Err(ApiError::missing_version(message));
        }
        Err(ApiError::no_update_available("There is no update available for your container agent."))
    })
}
