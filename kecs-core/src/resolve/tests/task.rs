//! What concerns the task as a whole.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::{TASK, resolved};
use crate::TaskSpec;
use crate::resolve::{cpu_units, memory_mib};
use crate::task_spec::{NamespaceMode, NetworkMode, Platform, Volume, VolumeSource};

#[tokio::test]
async fn every_member_of_a_task_reaches_its_specification() {
    let spec = resolved(
        json!({
            "containerDefinitions": [{ "name": "web", "image": "app:1" }],
            "networkMode": "awsvpc",
            "pidMode": "task",
            "ipcMode": "none",
            "runtimePlatform": { "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "ARM64" },
            "volumes": [{ "name": "scratch" }],
            "taskRoleArn": "app",
        }),
        json!({
            "taskArn": format!("arn:aws:ecs:us-east-1:000000000000:task/default/{TASK}"),
            "group": "family:app",
            "containerInstanceArn": "arn:aws:ecs:us-east-1:000000000000:container-instance/default/abc",
            "cpu": "256",
            "memory": "512",
            "ephemeralStorage": { "sizeInGiB": 30 },
        }),
    )
    .await;
    let TaskSpec {
        task,
        arn,
        family,
        revision,
        group,
        instance,
        role,
        cpu,
        memory,
        network_mode,
        pid_mode,
        ipc_mode,
        platform,
        ephemeral_storage,
        volumes,
        containers,
        tags,
    } = spec;
    assert_eq!((task.id.to_string().as_str(), &*task.cluster.name), (TASK, "default"));
    assert_eq!(&*arn, format!("arn:aws:ecs:us-east-1:000000000000:task/default/{TASK}"));
    assert_eq!((&*family, revision, &*group), ("app", 7, "family:app"));
    assert_eq!(instance.as_deref(), Some("abc"));
    assert_eq!(role.as_deref(), Some("arn:aws:iam::000000000000:role/app"));
    assert_eq!((cpu, memory, ephemeral_storage), (Some(256), Some(512), Some(30)));
    assert_eq!(network_mode, NetworkMode::AwsVpc);
    assert_eq!((pid_mode, ipc_mode), (NamespaceMode::Task, NamespaceMode::Private));
    let expected = Platform { operating_system: "WINDOWS_SERVER_2022_CORE".to_owned(), cpu_architecture: "ARM64".to_owned() };
    assert_eq!(platform, Some(expected));
    assert_eq!(volumes, [Volume { name: "scratch".to_owned(), source: VolumeSource::Task }]);
    assert_eq!(containers.len(), 1);
    assert_eq!(tags, BTreeMap::from([("team".to_owned(), "blue".to_owned())]));
}

#[tokio::test]
async fn what_is_not_said_has_the_default_of_ecs() {
    let spec = resolved(json!({ "containerDefinitions": [] }), json!({ "cpu": "0", "memory": "0" })).await;
    // "If no network mode is specified, the default is bridge" (TaskDefinition, networkMode).
    assert_eq!(spec.network_mode, NetworkMode::Bridge);
    assert_eq!((spec.pid_mode, spec.ipc_mode), (NamespaceMode::Default, NamespaceMode::Default));
    assert_eq!((spec.cpu, spec.memory, spec.ephemeral_storage), (None, None, None));
    assert_eq!((spec.platform, spec.instance), (None, None));
}

#[tokio::test]
async fn a_task_may_have_another_role_than_its_definition() {
    let definition = json!({ "taskRoleArn": "arn:aws:iam::111122223333:role/apps/web" });
    let of = async |overrides| resolved(definition.clone(), json!({ "overrides": overrides })).await.role;
    assert_eq!(of(json!({})).await.as_deref(), Some("arn:aws:iam::111122223333:role/apps/web"));
    assert_eq!(of(json!({ "taskRoleArn": "other" })).await.as_deref(), Some("arn:aws:iam::000000000000:role/other"));
    assert_eq!(resolved(json!({}), json!({})).await.role, None);
}

#[tokio::test]
async fn modes_are_those_of_ecs() {
    for (mode, expected) in [("bridge", NetworkMode::Bridge), ("host", NetworkMode::Host), ("none", NetworkMode::None)] {
        assert_eq!(resolved(json!({ "networkMode": mode }), json!({})).await.network_mode, expected);
    }
    let spec = resolved(json!({ "pidMode": "host", "ipcMode": "host" }), json!({})).await;
    assert_eq!((spec.pid_mode, spec.ipc_mode), (NamespaceMode::Host, NamespaceMode::Host));
    assert_eq!(resolved(json!({ "ipcMode": "task" }), json!({})).await.ipc_mode, NamespaceMode::Task);
}

#[tokio::test]
async fn volumes_are_of_every_kind_of_ecs() {
    let spec = resolved(
        json!({ "volumes": [
            { "name": "a" },
            { "name": "b", "host": {} },
            { "name": "c", "host": { "sourcePath": "/srv" } },
            { "name": "d", "configuredAtLaunch": true },
            { "name": "e", "dockerVolumeConfiguration": {
                "scope": "shared", "autoprovision": true, "driver": "local", "driverOpts": { "type": "nfs" }, "labels": { "k": "v" },
            } },
            { "name": "f", "dockerVolumeConfiguration": {} },
            { "name": "g", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "rootDirectory": "/data", "authorizationConfig": { "accessPointId": "fsap-1" },
            } },
            { "name": "h", "fsxWindowsFileServerVolumeConfiguration": {} },
            { "name": "i", "s3filesVolumeConfiguration": {} },
        ] }),
        json!({}),
    )
    .await;
    let map = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let expected = [
        VolumeSource::Task,
        VolumeSource::Task,
        VolumeSource::Host { path: "/srv".to_owned() },
        VolumeSource::Task,
        VolumeSource::Docker {
            shared: true,
            autoprovision: true,
            driver: Some("local".to_owned()),
            driver_options: map("type", "nfs"),
            labels: map("k", "v"),
        },
        // "The scope for the Docker volume … task": the default (DockerVolumeConfiguration).
        VolumeSource::Docker {
            shared: false,
            autoprovision: false,
            driver: None,
            driver_options: BTreeMap::new(),
            labels: BTreeMap::new(),
        },
        VolumeSource::Efs {
            file_system: "fs-1".to_owned(),
            root_directory: Some("/data".to_owned()),
            access_point: Some("fsap-1".to_owned()),
        },
        VolumeSource::Other { kind: "fsxWindowsFileServerVolumeConfiguration" },
        VolumeSource::Other { kind: "s3filesVolumeConfiguration" },
    ];
    assert_eq!(spec.volumes.into_iter().map(|volume| volume.source).collect::<Vec<_>>(), expected);
}

/// "It can be expressed as an integer using CPU units (for example, 1024) or as a string using vCPUs (for example, 1 vCPU or 1 vcpu)";
/// "an integer using MiB (for example, 1024) or as a string using GB (for example, 1GB or 1 GB)" (RegisterTaskDefinition).
#[test]
fn sizes_are_read_in_every_form_of_the_api_reference() {
    for (text, units) in
        [("1024", 1024), ("1 vCPU", 1024), ("1 vcpu", 1024), (".25 vCPU", 256), ("0.5vcpu", 512), ("16 vCPU", 16384)]
    {
        assert_eq!(cpu_units(text), Some(units), "{text}");
    }
    for (text, mib) in [("1024", 1024), ("1GB", 1024), ("1 GB", 1024), ("0.5 GB", 512), (".5gb", 512), ("120 GB", 122_880)] {
        assert_eq!(memory_mib(text), Some(mib), "{text}");
    }
}

#[test]
fn what_is_no_size_is_none() {
    for text in
        ["", " ", "one", "-1", "+1", "1e3", "1e3 vCPU", "inf vcpu", "nan GB", "1.5", "1 MB", "GB", "vCPU", ".", "4294967296"]
    {
        assert_eq!((cpu_units(text), memory_mib(text)), (None, None), "{text:?}");
    }
}

proptest! {
    #[test]
    fn whole_sizes_and_their_long_forms_agree(size in 1_u32..=192) {
        let units = size * 1024;
        prop_assert_eq!(cpu_units(&units.to_string()), Some(units));
        prop_assert_eq!(cpu_units(&format!("{size} vCPU")), Some(units));
        prop_assert_eq!(memory_mib(&format!("{size}GB")), Some(units));
    }

    #[test]
    fn quarters_are_exact(quarters in 1_u32..=768) {
        let text = format!("{}.{:02}", quarters / 4, quarters % 4 * 25);
        prop_assert_eq!(cpu_units(&format!("{text} vcpu")), Some(quarters * 256));
        prop_assert_eq!(memory_mib(&format!("{text} gb")), Some(quarters * 256));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,12}") {
        let _ = (cpu_units(&text), memory_mib(&text));
    }
}
