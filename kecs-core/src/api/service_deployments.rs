//! Service deployments and service revisions: the history of what a service ran.

mod describe;
mod list;
mod stop;

pub(super) use describe::{describe_service_deployments, describe_service_revisions};
pub(super) use list::list_service_deployments;
pub(super) use stop::stop_service_deployment;

use crate::Scope;
use crate::arn::Arn;

/// The store's key of what an ARN of this scope and type names: cluster, service and the last part, as they stand in it.
fn key<'a>(scope: &Scope, resource_type: &str, arn: &'a str) -> Option<&'a str> {
    let (of_type, path) = Arn::parse(arn)?.ecs_resource(scope)?;
    (of_type == resource_type && path.split('/').count() == 3).then_some(path)
}
