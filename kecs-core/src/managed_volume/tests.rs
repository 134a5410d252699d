//! What a volume configuration may say. The rules are those of TaskManagedEBSVolumeConfiguration.

#![allow(clippy::needless_pass_by_value, reason = "literals of JSON read better by value")]

use kecs_model::ErrorCode;
use serde_json::{Value, json};

use super::*;

/// A definition with a volume `data` that is configured at launch, and one that is not.
fn definition() -> TaskDefinition {
    read(json!({ "volumes": [{ "name": "scratch" }, { "name": "data", "configuredAtLaunch": true }] }))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn asked(configurations: Value) -> Result<Option<TaskVolumeConfiguration>, ApiError> {
    of_tasks(&definition(), Some(read(configurations)))
}

/// The text of a refusal.
fn refused(configurations: Value) -> String {
    let error = asked(configurations).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
    error.message().to_owned()
}

/// A configuration of `data` with these members.
fn with(members: Value) -> Value {
    let mut managed = json!({ "roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole" });
    managed.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!([{ "name": "data", "managedEBSVolume": managed }])
}

/// go-to-k/cdkd#811 and #812 have the texts.
#[test]
fn a_volume_that_is_configured_at_launch_and_its_configuration_need_each_other() {
    let text = "Task definition has configuredAtLaunch volume but no volume configuration provided at runtime.";
    assert_eq!(of_tasks(&definition(), None).unwrap_err().message(), text);
    assert_eq!(refused(json!([])), text);

    let text = "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.";
    let plain: TaskDefinition = read(json!({ "volumes": [{ "name": "data" }] }));
    let error = of_tasks(&plain, Some(read(with(json!({ "sizeInGiB": 1 }))))).unwrap_err();
    assert_eq!(error.message(), text);
    // `pf-ecs-svc-ebs-name-not-in-taskdef` of badmintoncryer/cdk-preflight has this one.
    let other = json!([{ "name": "scratch", "managedEBSVolume": { "roleArn": "r", "sizeInGiB": 1 } }]);
    let text = "The volume name 'scratch' in your request does not have a matching volume in your Task Definition.";
    assert_eq!(refused(other), text);
    assert_eq!(of_tasks(&plain, None).unwrap(), None);
}

#[test]
fn there_is_one_configuration_and_it_is_of_ebs() {
    let both = [with(json!({ "sizeInGiB": 1 })), with(json!({ "sizeInGiB": 2 }))].map(|one| one[0].clone());
    assert_eq!(refused(json!(both)), "Only one volume configuration can be provided.");
    assert_eq!(refused(json!([{ "name": "data" }])), "Volume 'data' must specify managedEBSVolume.");
    assert_eq!(refused(json!([{ "name": "data", "managedEBSVolume": { "sizeInGiB": 1 } }])), "Volume 'data' must specify roleArn.");
}

/// "You must specify either a volume size or a snapshot ID." The text is put together of ECS's (`pf-ecs-svc-ebs-volume-without-size-or-snapshot` of
/// badmintoncryer/cdk-preflight) and EC2's (hashicorp/terraform-provider-aws#17243).
#[test]
fn a_volume_has_a_size_or_a_snapshot() {
    assert_eq!(
        refused(with(json!({}))),
        "ECS managed EBS volume configuration was invalid: The request must contain the parameter size/snapshot"
    );
    for fine in [json!({ "sizeInGiB": 1 }), json!({ "snapshotId": "snap-1" }), json!({ "snapshotId": "snap-1", "sizeInGiB": 8 })] {
        assert!(asked(with(fine)).unwrap().is_some());
    }
    assert!(refused(with(json!({ "sizeInGiB": 1, "volumeInitializationRate": 200 }))).contains("volumeInitializationRate"));
}

/// EC2's texts are those that kubernetes-retired/kube-aws#1208 and velero-io/velero-plugin-for-aws#119 quote.
#[test]
fn sizes_iops_and_throughput_are_those_of_the_volumes_type() {
    for fine in [
        json!({ "volumeType": "gp3", "sizeInGiB": 16_384, "iops": 3_000, "throughput": 1_000 }),
        json!({ "volumeType": "io1", "sizeInGiB": 4, "iops": 64_000 }),
        json!({ "volumeType": "io2", "sizeInGiB": 4, "iops": 256_000 }),
        json!({ "volumeType": "st1", "sizeInGiB": 125 }),
        json!({ "volumeType": "standard", "sizeInGiB": 1_024 }),
    ] {
        assert!(asked(with(fine.clone())).is_ok(), "{fine}");
    }
    for (wrong, reason) in [
        (json!({ "volumeType": "gp2", "sizeInGiB": 1, "iops": 100 }), "The parameter iops is not supported for gp2 volumes."),
        (json!({ "volumeType": "st1", "sizeInGiB": 125, "iops": 100 }), "The parameter iops is not supported for st1 volumes."),
        (json!({ "volumeType": "io2", "sizeInGiB": 4 }), "The parameter iops must be specified for io2 volumes."),
        (json!({ "sizeInGiB": 1, "throughput": 100 }), "The parameter throughput is not supported for gp2 volumes."),
        (json!({ "sizeInGiB": 0 }), "The parameter size must be between 1 and 16384."),
        (json!({ "volumeType": "gp3", "sizeInGiB": 16_385 }), "The parameter size must be between 1 and 16384."),
        (json!({ "volumeType": "sc1", "sizeInGiB": 124 }), "The parameter size must be between 125 and 16384."),
        (json!({ "volumeType": "standard", "sizeInGiB": 1_025 }), "The parameter size must be between 1 and 1024."),
        (json!({ "volumeType": "gp3", "sizeInGiB": 1, "iops": 2_999 }), "The parameter iops must be between 3000 and 16000."),
        (json!({ "volumeType": "io1", "sizeInGiB": 4, "iops": 64_001 }), "The parameter iops must be between 100 and 64000."),
        (
            json!({ "volumeType": "gp3", "sizeInGiB": 1, "throughput": 1_001 }),
            "The parameter throughput must be between 1 and 1000.",
        ),
    ] {
        assert_eq!(refused(with(wrong)), format!("ECS managed EBS volume configuration was invalid: {reason}"));
    }
    assert!(refused(with(json!({ "volumeType": "gp4", "sizeInGiB": 1 }))).starts_with("Invalid volumeType 'gp4'"));
}
