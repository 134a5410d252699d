//! GPUs and other devices that containers ask for.

use kecs_model::ApiError;
use kecs_model::ecs::ResourceType;

use super::{Subject, list, name, refuse, text};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    for container in subject.containers {
        for requirement in list(container.resource_requirements.as_ref()) {
            let value = text(requirement.value.as_ref());
            let valid = match &requirement.r#type {
                // "the number of physical GPUs"; "You can also specify ALL"; "specify either value or sharingStrategy, but not both".
                Some(ResourceType::Gpu) => match &requirement.sharing_strategy {
                    Some(_) => value.is_empty(),
                    None => value == "ALL" || value.parse::<u32>().is_ok_and(|gpus| gpus > 0),
                },
                Some(ResourceType::NeuronDevice) => value == "ALL",
                Some(ResourceType::InferenceAccelerator) => !value.is_empty(),
                Some(ResourceType::Unrecognized(_)) | None => false,
            };
            if !valid {
                // Our wording; the rules are those of ResourceRequirement.
                return refuse(format!("Invalid 'resourceRequirements' setting for container '{}'.", name(container)));
            }
        }
    }
    Ok(())
}
