//! DeregisterContainerInstance.

use std::sync::Arc;

use kecs_model::ecs::{DeregisterContainerInstanceRequest, DeregisterContainerInstanceResponse};
use kecs_model::{ApiError, RequestContext};

use super::{find, not_found};
use crate::capacity::tasks_on;
use crate::engine::Shared;
use crate::instance_life::{InstanceEvent, deregister, described};

pub(in crate::api) async fn deregister_container_instance(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeregisterContainerInstanceRequest,
) -> Result<DeregisterContainerInstanceResponse, ApiError> {
    let named = input.container_instance.filter(|named| !named.is_empty());
    let named = named.ok_or_else(|| ApiError::client("Container instance cannot be blank."))?;
    let instance = shared
        .write(ctx, |world, tx| {
            let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
            let known = find(world, &cluster, &named).filter(|record| record.state.after(InstanceEvent::Deregister).is_some());
            let record = Arc::clone(known.ok_or_else(|| not_found(&named))?);
            if input.force != Some(true) && tasks_on(world, &record).next().is_some() {
                return Err(ApiError::invalid_parameter("Found running tasks on the instance."));
            }
            let record = deregister(world, tx, &record).ok_or_else(|| not_found(&named))?;
            Ok(described(world, &record, false))
        })
        .await?;
    Ok(DeregisterContainerInstanceResponse { container_instance: Some(instance) })
}
