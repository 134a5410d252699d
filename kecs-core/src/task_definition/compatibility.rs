//! Which launch types a definition is for: those that it asks for must be among those that it fits.

use kecs_model::ApiError;
use kecs_model::ecs::{Compatibility, NetworkMode};

use super::{Subject, fargate, refuse};

/// Checks what the definition asks for in `requiresCompatibilities`.
pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    if subject.requires(&Compatibility::Fargate) {
        fargate::check(subject)?;
    }
    // The wording of both is ours; the rules are those of "Amazon ECS clusters for external instances" and of "Amazon ECS Managed Instances".
    if subject.requires(&Compatibility::External) && *subject.network_mode() == NetworkMode::Awsvpc {
        return refuse("External compatible task definitions do not support networkMode=awsvpc");
    }
    if subject.requires(&Compatibility::ManagedInstances) && !fits_managed_instances(subject) {
        return refuse("Managed Instances compatible task definitions only support networkMode=awsvpc and networkMode=host");
    }
    Ok(())
}

/// What the definition fits, in the order in which AWS lists it.
pub(super) fn derive(subject: &Subject<'_>) -> Vec<Compatibility> {
    let awsvpc = *subject.network_mode() == NetworkMode::Awsvpc;
    let fits = [
        (Compatibility::External, !awsvpc && subject.input.ephemeral_storage.is_none()),
        (Compatibility::Ec2, subject.input.ephemeral_storage.is_none()),
        (Compatibility::ManagedInstances, fits_managed_instances(subject)),
        (Compatibility::Fargate, fargate::check(subject).is_ok()),
    ];
    fits.into_iter().filter(|(_, fits)| *fits).map(|(compatibility, _)| compatibility).collect()
}

fn fits_managed_instances(subject: &Subject<'_>) -> bool {
    matches!(subject.network_mode(), NetworkMode::Awsvpc | NetworkMode::Host)
}
