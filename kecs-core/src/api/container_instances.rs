//! Container instances: a registry. Tasks that are placed on an instance are run by the backend, which is told the instance's id.

mod deregister;
mod describe;
mod register;
mod state;

pub(super) use deregister::deregister_container_instance;
pub(super) use describe::{describe_container_instances, list_container_instances};
pub(super) use register::register_container_instance;
pub(super) use state::{update_container_agent, update_container_instances_state};

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::Failure;

use crate::arn::Arn;
use crate::engine::{ContainerInstanceRecord, World};

/// The id in what a request says of an instance: an id, or an ARN of this scope and cluster (in the old format, without a cluster).
pub(super) fn instance_id<'a>(world: &World, cluster: &str, named: &'a str) -> Option<&'a str> {
    let Some(arn) = Arn::parse(named) else { return Some(named) };
    match arn.ecs_resource(&world.scope)? {
        ("container-instance", path) => match path.split_once('/') {
            Some((of, id)) => (of == cluster).then_some(id),
            None => Some(path),
        },
        _ => None,
    }
}

/// The instance of this cluster that a request names, whatever its state.
pub(super) fn find<'a>(world: &'a World, cluster: &str, named: &str) -> Option<&'a Arc<ContainerInstanceRecord>> {
    world.instance(cluster, instance_id(world, cluster, named)?)
}

/// The failure of an instance that is named in a list.
pub(super) fn failure(world: &World, cluster: &str, named: &str, reason: &str) -> Failure {
    let id = instance_id(world, cluster, named).filter(|id| *id == named);
    Failure {
        arn: Some(id.map_or_else(|| named.to_owned(), |id| world.scope.container_instance_arn(cluster, id))),
        reason: Some(reason.to_owned()),
        detail: None,
    }
}

/// AWS's text, as users quote it for a registration.
fn not_registered(id: &str) -> ApiError {
    ApiError::client(format!("Referenced container instance {id} not registered."))
}

/// AWS's text, as recorded in the tests of clients.
pub(super) fn not_found(id: &str) -> ApiError {
    ApiError::client(format!("Referenced container instance {id} not found."))
}
