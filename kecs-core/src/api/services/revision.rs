//! What a request wants to be deployed, checked.

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::{ContainerImage, OSFamily, ServiceRevision, TaskDefinitionStatus};

use crate::api::tasks::request;
use crate::capacity::{self, Capacity};
use crate::engine::{TaskDefinitionRecord, World};
use crate::managed_volume;

/// The ACTIVE task definition that a request names.
pub(in crate::api) fn definition(world: &World, named: &str) -> Result<Arc<TaskDefinitionRecord>, ApiError> {
    let definition =
        world.task_definitions.find(&world.scope, named).ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
    if !definition.is(&TaskDefinitionStatus::Active) {
        return Err(ApiError::client("TaskDefinition is inactive"));
    }
    Ok(Arc::clone(definition))
}

/// Puts a task definition and its capacity into a revision, and checks that they go together, with each other and with the network.
pub(in crate::api) fn complete(
    revision: &mut ServiceRevision,
    definition: &TaskDefinitionRecord,
    capacity: Capacity,
    platform_version: Option<&str>,
) -> Result<(), ApiError> {
    let wire = &definition.definition;
    capacity.check_definition(wire)?;
    capacity::platform_version(&capacity, platform_version)?;
    revision.network_configuration = request::network(definition, revision.network_configuration.take())?;
    managed_volume::of_service(wire, revision.volume_configurations.as_deref())?;
    revision.platform_version = capacity.on_fargate().then(|| platform_version.unwrap_or("LATEST").to_owned());
    revision.platform_family = capacity.on_fargate().then(|| {
        let family = wire.runtime_platform.as_ref().and_then(|platform| platform.operating_system_family.as_ref());
        match family.map(OSFamily::as_str) {
            None | Some("LINUX") => "Linux".to_owned(),
            Some(family) => family.to_owned(),
        }
    });
    (revision.launch_type, revision.capacity_provider_strategy) = match capacity {
        Capacity::LaunchType(launch_type) => (Some(launch_type), None),
        Capacity::Strategy(strategy) => (None, Some(strategy)),
    };
    revision.task_definition.clone_from(&wire.task_definition_arn);
    revision.guard_duty_enabled = Some(false);
    let images = wire.container_definitions.iter().flatten().map(|container| ContainerImage {
        container_name: container.name.clone(),
        image: container.image.clone(),
        image_digest: None,
    });
    revision.container_images = Some(images.collect());
    Ok(())
}

/// Whether two revisions deploy the same.
pub(super) fn same(a: &ServiceRevision, b: &ServiceRevision) -> bool {
    let bare = |revision: &ServiceRevision| ServiceRevision { service_revision_arn: None, created_at: None, ..revision.clone() };
    bare(a) == bare(b)
}
