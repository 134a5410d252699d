use kecs_core::TaskSpec;
use kecs_core::testing::{container, spec};
use serde_json::json;

use super::super::Abilities;
use super::{part_of, pod_of};
use crate::config::KubernetesConfig;

#[test]
fn cpu_is_reserved_and_memory_is_a_limit() {
    let part = part_of(container("app").with(|spec| {
        spec.cpu = 256;
        spec.memory = Some(512);
        spec.memory_reservation = Some(128);
    }));
    assert_eq!(part["resources"], json!({"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}));
}

#[test]
fn what_is_not_said_is_not_limited() {
    assert_eq!(part_of(container("app"))["resources"], json!(null));
}

#[test]
fn gpus_are_the_configured_resource() {
    let part = part_of(container("app").with(|spec| spec.gpus = 2));
    assert_eq!(part["resources"]["limits"], json!({"nvidia.com/gpu": "2"}));
}

#[test]
fn the_whole_task_is_limited_as_a_pod() {
    let task = TaskSpec { cpu: Some(1024), memory: Some(2048), ..spec([container("app"), container("log")]) };
    let both = json!({"cpu": "1000m", "memory": "2048Mi"});
    assert_eq!(pod_of(&task)["resources"], json!({"requests": both, "limits": both}));
}

#[test]
fn before_kubernetes_1_34_the_only_container_is_limited() {
    let task = TaskSpec { cpu: Some(512), memory: Some(1024), ..spec([container("app").with(|spec| spec.memory = Some(256))]) };
    let old =
        super::super::manifest(&task, &KubernetesConfig::default(), Abilities::of(33), None, None, &mut |_| None).expect("it runs");
    let pod = serde_json::to_value(&old.pod).expect("a pod has a JSON form");
    assert_eq!(pod["spec"]["resources"], json!(null));
    let resources = json!({"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}});
    assert_eq!(pod["spec"]["containers"][0]["resources"], resources);
}

#[test]
fn scratch_space_is_asked_for() {
    let task = TaskSpec { ephemeral_storage: Some(21), ..spec([container("app")]) };
    assert_eq!(pod_of(&task)["containers"][0]["resources"], json!({"requests": {"ephemeral-storage": "21Gi"}}));
}
