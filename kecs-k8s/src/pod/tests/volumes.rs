use std::collections::BTreeMap;

use kecs_core::TaskSpec;
use kecs_core::task_spec::{Device, Mount, Tmpfs, Volume, VolumeSource};
use kecs_core::testing::{ContainerBuilder, container, spec};
use serde_json::{Value, json};

use super::{made, part_of, pod_of, refusal, try_with};
use crate::config::{EfsBacking, KubernetesConfig, VolumeClass};

fn mounting(name: &str, read_only: bool) -> ContainerBuilder {
    container(name).with(|spec| spec.mounts.push(Mount { volume: "Data".to_owned(), path: "/data".to_owned(), read_only }))
}

fn task_with(source: VolumeSource) -> TaskSpec {
    TaskSpec { volumes: vec![Volume { name: "Data".to_owned(), source }], ..spec([mounting("app", true)]) }
}

fn volume_of(source: VolumeSource) -> Value {
    pod_of(&task_with(source))["volumes"][0].take()
}

fn docker(shared: bool) -> VolumeSource {
    let (driver_options, labels) = (BTreeMap::new(), BTreeMap::new());
    VolumeSource::Docker { shared, autoprovision: true, driver: None, driver_options, labels }
}

#[test]
fn a_volume_without_a_source_is_the_tasks() {
    let task = task_with(VolumeSource::Task);
    let pod = pod_of(&task);
    assert_eq!(pod["volumes"][0]["emptyDir"], json!({}));
    let mount = &pod["containers"][0]["volumeMounts"][0];
    assert_eq!((&mount["mountPath"], &mount["readOnly"]), (&json!("/data"), &json!(true)));
    assert_eq!(mount["name"], pod["volumes"][0]["name"]);
}

#[test]
fn a_host_volume_is_a_folder_of_the_node() {
    let volume = volume_of(VolumeSource::Host { path: "/srv/data".to_owned() });
    assert_eq!(volume["hostPath"], json!({"path": "/srv/data"}));
}

#[test]
fn a_docker_volume_that_is_shared_is_a_claim_that_stays() {
    let manifest = made(&task_with(docker(true)));
    let claim = manifest.claims[0].metadata.name.clone().expect("it has a name");
    assert!(claim.starts_with("volume-data-"), "{claim}");
    let pod = serde_json::to_value(&manifest.pod).expect("a pod has a JSON form");
    assert_eq!(pod["spec"]["volumes"][0]["persistentVolumeClaim"], json!({"claimName": claim}));
    assert_eq!(volume_of(docker(false))["emptyDir"], json!({}));
}

// "If this value is true, the Docker volume is created if it doesn't already exist" (DockerVolumeConfiguration).
#[test]
fn a_docker_volume_without_autoprovision_has_to_be_there() {
    let mut source = docker(true);
    if let VolumeSource::Docker { autoprovision, .. } = &mut source {
        *autoprovision = false;
    }
    let manifest = made(&task_with(source));
    assert_eq!(manifest.claims, []);
    // By the name that it has where it is made.
    assert_eq!(manifest.pod.spec, made(&task_with(docker(true))).pod.spec);
}

// "The total amount, in GiB, of ephemeral storage to set for the task" (EphemeralStorage).
#[test]
fn a_task_s_volumes_are_no_larger_than_its_scratch_space() {
    for source in [VolumeSource::Task, docker(false)] {
        let task = TaskSpec { ephemeral_storage: Some(30), ..task_with(source) };
        assert_eq!(pod_of(&task)["volumes"][0]["emptyDir"], json!({"sizeLimit": "30Gi"}));
    }
}

#[test]
fn efs_is_what_stands_for_it() {
    let efs = || VolumeSource::Efs {
        file_system: "fs-1".to_owned(),
        root_directory: Some("/www".to_owned()),
        access_point: Some("fsap-2".to_owned()),
    };
    assert!(refusal(&task_with(efs())).contains("nothing is configured that stands for Amazon EFS"));

    let nfs = EfsBacking::Nfs { server: "nfs.example".to_owned(), path: "/exports/".to_owned() };
    let config = KubernetesConfig { efs: nfs, ..KubernetesConfig::default() };
    let pod =
        serde_json::to_value(try_with(&task_with(efs()), &config).expect("the task can run").pod).expect("a pod has a JSON form");
    assert_eq!(pod["spec"]["volumes"][0]["nfs"], json!({"path": "/exports/fs-1/fsap-2/www", "server": "nfs.example"}));

    let class = VolumeClass { storage_class: Some("shared".to_owned()), size: 5 };
    let config = KubernetesConfig { efs: EfsBacking::Class(class), ..KubernetesConfig::default() };
    let claims = try_with(&task_with(efs()), &config).expect("the task can run").claims;
    let claim = serde_json::to_value(&claims[0]).expect("a claim has a JSON form");
    assert_eq!(
        claim["spec"],
        json!({"accessModes": ["ReadWriteMany"], "storageClassName": "shared", "resources": {"requests": {"storage": "5Gi"}}})
    );
}

#[test]
fn an_ebs_volume_goes_with_its_task_unless_it_is_kept() {
    let ebs = |kept, snapshot| VolumeSource::Ebs {
        id: "vol-1".to_owned(),
        size: Some(20),
        volume_type: None,
        filesystem: None,
        snapshot,
        kept,
    };
    let template = &volume_of(ebs(false, None))["ephemeral"]["volumeClaimTemplate"]["spec"];
    assert_eq!(template["resources"]["requests"]["storage"], "20Gi");
    let kept = made(&task_with(ebs(true, None)));
    assert!(kept.claims[0].metadata.name.as_ref().is_some_and(|name| name.starts_with("ebs-vol-1-")));
    assert!(refusal(&task_with(ebs(false, Some("snap-1".to_owned())))).contains("the snapshot snap-1"));
}

#[test]
fn other_volumes_and_drivers_are_refused_by_name() {
    assert!(refusal(&task_with(VolumeSource::Other { kind: "fsxWindowsFileServerVolumeConfiguration" })).contains("fsxWindows"));
    let mut rexray = docker(true);
    if let VolumeSource::Docker { driver, .. } = &mut rexray {
        *driver = Some("rexray/ebs".to_owned());
    }
    assert!(refusal(&task_with(rexray)).contains("the volume driver rexray/ebs (volume Data)"));
}

#[test]
fn mounts_of_others_are_had_too() {
    let reader = container("reader").with(|spec| spec.volumes_from.push(("app".to_owned(), true)));
    let task = TaskSpec { containers: vec![mounting("app", false).build(), reader.build()], ..task_with(VolumeSource::Task) };
    let pod = pod_of(&task);
    assert_eq!(pod["containers"][0]["volumeMounts"][0]["readOnly"], json!(null));
    assert_eq!(pod["containers"][1]["volumeMounts"][0]["readOnly"], json!(true));
}

#[test]
fn memory_is_mounted_as_asked() {
    let task = spec([container("app").with(|spec| {
        spec.linux.shared_memory = Some(64);
        spec.linux.tmpfs.push(Tmpfs { path: "/run".to_owned(), size: 16, options: Vec::new() });
    })]);
    let pod = pod_of(&task);
    assert_eq!(
        pod["volumes"],
        json!([
            {"name": "kecs-tmpfs-0-0", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
            {"name": "kecs-shm-0", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        ])
    );
    let paths = json!([{"mountPath": "/run", "name": "kecs-tmpfs-0-0"}, {"mountPath": "/dev/shm", "name": "kecs-shm-0"}]);
    assert_eq!(pod["containers"][0]["volumeMounts"], paths);
}

#[test]
fn memory_that_is_only_read_is_mounted_so() {
    let tmpfs = |options: &[&str]| {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let tmpfs = Tmpfs { path: "/run".to_owned(), size: 16, options };
        part_of(container("app").with(|spec| spec.linux.tmpfs.push(tmpfs)))["volumeMounts"][0]["readOnly"].take()
    };
    assert_eq!(tmpfs(&["noexec", "ro"]), json!(true));
    assert_eq!(tmpfs(&["rw", "nosuid"]), json!(null));
}

#[test]
fn devices_need_privileges() {
    let with_device = |privileged| {
        container("app").with(move |spec| {
            spec.privileged = privileged;
            let (host_path, container_path) = ("/dev/fuse".to_owned(), "/dev/fuse".to_owned());
            spec.linux.devices.push(Device { host_path, container_path, permissions: Vec::new() });
        })
    };
    assert!(refusal(&spec([with_device(false)])).contains("the device /dev/fuse"));
    assert_eq!(part_of(with_device(true))["volumeMounts"][0]["mountPath"], "/dev/fuse");
}
