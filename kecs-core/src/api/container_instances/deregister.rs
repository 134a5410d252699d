//! DeregisterContainerInstance.

use std::sync::Arc;

use kecs_model::ecs::{DeregisterContainerInstanceRequest, DeregisterContainerInstanceResponse};
use kecs_model::{ApiError, RequestContext, Timestamp};

use super::{find, happens, not_found};
use crate::capacity::tasks_on;
use crate::engine::{ContainerInstanceRecord, Effect, Shared, Wake};
use crate::instance_life::{InstanceEvent, described};

/// How long a deregistered instance stays describable: as long as a stopped task. AWS documents no time.
const INACTIVE_KEPT_MILLIS: i64 = 60 * 60 * 1000;

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
            let mut record = ContainerInstanceRecord::clone(known.ok_or_else(|| not_found(&named))?);
            if input.force != Some(true) && tasks_on(world, &record).next().is_some() {
                return Err(ApiError::invalid_parameter("Found running tasks on the instance."));
            }
            let forget_at = Timestamp::from_millis(tx.now.as_millis() + INACTIVE_KEPT_MILLIS);
            record.forget_at = Some(forget_at);
            let key = crate::engine::instance_key(&record);
            tx.then(Effect::Later(forget_at, Wake::ForgetInstance { scope: world.scope.clone(), key }));
            let record = happens(world, tx, &record, InstanceEvent::Deregister).ok_or_else(|| not_found(&named))?;
            Ok(described(world, &record, false))
        })
        .await?;
    Ok(DeregisterContainerInstanceResponse { container_instance: Some(instance) })
}
