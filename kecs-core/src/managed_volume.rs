//! The volume of a task definition that is configured at launch: an Amazon EBS volume, made for each task.
//!
//! The rules are those of TaskManagedEBSVolumeConfiguration and of ServiceManagedEBSVolumeConfiguration, which differ in `terminationPolicy` only.
//! ECS tries the volume with EC2's CreateVolume, and passes on what that refuses after words of its own (`pf-ecs-svc-ebs-…` of
//! badmintoncryer/cdk-preflight has these). Where no source is named, the words are ours: AWS's could not be found in any public place.

use std::ops::RangeInclusive;

use kecs_model::ApiError;
use kecs_model::ecs::{
    ServiceManagedEBSVolumeConfiguration, ServiceVolumeConfiguration, TaskDefinition, TaskManagedEBSVolumeConfiguration,
    TaskVolumeConfiguration, Volume,
};

/// go-to-k/cdkd#811 quotes it.
const NO_SUCH_VOLUME: &str = "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.";
/// go-to-k/cdkd#812 quotes it.
const NOT_CONFIGURED: &str = "Task definition has configuredAtLaunch volume but no volume configuration provided at runtime.";
/// What comes before EC2's reason; the colon is ours.
const INVALID: &str = "ECS managed EBS volume configuration was invalid";
/// MiB/s, "with a maximum of 1,000 MiB/s".
const MOST_THROUGHPUT: i32 = 1000;

/// What a type of volume allows.
struct Limits {
    /// GiB.
    size: RangeInclusive<i32>,
    /// `None` where there is nothing to provision.
    iops: Option<RangeInclusive<i32>>,
}

/// Whether a task of this definition needs a volume configuration.
pub(crate) fn is_needed(definition: &TaskDefinition) -> bool {
    at_launch(definition).is_some()
}

/// What a request says of the one volume that its task definition leaves to it, checked.
pub(crate) fn of_tasks(
    definition: &TaskDefinition,
    asked: Option<Vec<TaskVolumeConfiguration>>,
) -> Result<Option<TaskVolumeConfiguration>, ApiError> {
    let mut asked = asked.unwrap_or_default();
    let volume = match (at_launch(definition), asked.first()) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(ApiError::invalid_parameter(NO_SUCH_VOLUME)),
        (Some(_), None) => return Err(ApiError::invalid_parameter(NOT_CONFIGURED)),
        (Some(volume), Some(_)) => volume,
    };
    if let Some(stranger) = asked.iter().find(|asked| asked.name != volume.name) {
        // `pf-ecs-svc-ebs-name-not-in-taskdef` of badmintoncryer/cdk-preflight.
        let name = stranger.name.as_deref().unwrap_or_default();
        return refuse(format!(
            "The volume name '{name}' in your request does not have a matching volume in your Task Definition."
        ));
    }
    if asked.len() > 1 {
        return refuse("Only one volume configuration can be provided.");
    }
    let asked = asked.remove(0);
    let name = asked.name.as_deref().unwrap_or_default();
    match &asked.managed_ebs_volume {
        Some(managed) => check(name, managed)?,
        None => return refuse(format!("Volume '{name}' must specify managedEBSVolume.")),
    }
    Ok(Some(asked))
}

/// The same for a service.
pub(crate) fn of_service(
    definition: &TaskDefinition,
    asked: Option<&[ServiceVolumeConfiguration]>,
) -> Result<Option<TaskVolumeConfiguration>, ApiError> {
    of_tasks(definition, asked.map(|asked| asked.iter().map(for_task).collect()))
}

/// A service's configuration for one of its tasks, whose volume is deleted with it: "Volumes attached to tasks managed by a service are not
/// preserved upon task termination" (AWS's console, quoted in hashicorp/terraform-provider-aws#46975).
fn for_task(ServiceVolumeConfiguration { name, managed_ebs_volume }: &ServiceVolumeConfiguration) -> TaskVolumeConfiguration {
    let managed_ebs_volume = managed_ebs_volume.clone().map(|managed| {
        let ServiceManagedEBSVolumeConfiguration {
            encrypted,
            filesystem_type,
            iops,
            kms_key_id,
            role_arn,
            size_in_gib,
            snapshot_id,
            tag_specifications,
            throughput,
            volume_initialization_rate,
            volume_type,
        } = managed;
        TaskManagedEBSVolumeConfiguration {
            encrypted,
            filesystem_type,
            iops,
            kms_key_id,
            role_arn,
            size_in_gib,
            snapshot_id,
            tag_specifications,
            termination_policy: None,
            throughput,
            volume_initialization_rate,
            volume_type,
        }
    });
    TaskVolumeConfiguration { name: name.clone(), managed_ebs_volume }
}

/// "Each task definition revision may only have one volume configured at launch" (Volume, configuredAtLaunch).
fn at_launch(definition: &TaskDefinition) -> Option<&Volume> {
    definition.volumes.iter().flatten().find(|volume| volume.configured_at_launch == Some(true))
}

fn check(name: &str, managed: &TaskManagedEBSVolumeConfiguration) -> Result<(), ApiError> {
    if managed.role_arn.as_deref().unwrap_or_default().is_empty() {
        return refuse(format!("Volume '{name}' must specify roleArn."));
    }
    // The default of CreateVolume.
    let kind = managed.volume_type.as_deref().unwrap_or("gp2");
    let Some(Limits { size, iops }) = limits(kind) else {
        return refuse(format!(
            "Invalid volumeType '{kind}' for volume '{name}'. Must be one of [gp2,gp3,io1,io2,st1,sc1,standard]"
        ));
    };
    if managed.size_in_gib.is_none() && managed.snapshot_id.is_none() {
        // hashicorp/terraform-provider-aws#17243 has the words.
        return invalid("The request must contain the parameter size/snapshot");
    }
    if managed.volume_initialization_rate.is_some() && managed.snapshot_id.is_none() {
        return invalid("The parameter volumeInitializationRate is only supported with a snapshot.");
    }
    within("size", managed.size_in_gib, &size)?;
    match (managed.iops, iops) {
        // velero-io/velero-plugin-for-aws#119 has the words.
        (None, Some(_)) if kind.starts_with("io") => invalid(&format!("The parameter iops must be specified for {kind} volumes."))?,
        (given, Some(range)) => within("iops", given, &range)?,
        // kubernetes-retired/kube-aws#1208 has the words.
        (Some(_), None) => invalid(&format!("The parameter iops is not supported for {kind} volumes."))?,
        (None, None) => {}
    }
    if managed.throughput.is_some() && kind != "gp3" {
        return invalid(&format!("The parameter throughput is not supported for {kind} volumes."));
    }
    within("throughput", managed.throughput, &(1..=MOST_THROUGHPUT))
}

fn limits(kind: &str) -> Option<Limits> {
    let (size, iops) = match kind {
        "gp2" => (1..=16_384, None),
        "gp3" => (1..=16_384, Some(3_000..=16_000)),
        "io1" => (4..=16_384, Some(100..=64_000)),
        "io2" => (4..=16_384, Some(100..=256_000)),
        "st1" | "sc1" => (125..=16_384, None),
        "standard" => (1..=1_024, None),
        _ => return None,
    };
    Some(Limits { size, iops })
}

fn within(parameter: &str, given: Option<i32>, range: &RangeInclusive<i32>) -> Result<(), ApiError> {
    match given {
        Some(number) if !range.contains(&number) => {
            let (least, most) = (range.start(), range.end());
            invalid(&format!("The parameter {parameter} must be between {least} and {most}."))
        }
        _ => Ok(()),
    }
}

/// Refuses as EC2 would.
fn invalid(reason: &str) -> Result<(), ApiError> {
    refuse(format!("{INVALID}: {reason}"))
}

fn refuse<T>(message: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::invalid_parameter(message.into()))
}

#[cfg(test)]
mod tests;
