use kecs_core::TaskSpec;
use kecs_core::task_spec::NetworkMode;
use kecs_core::testing::{container, spec};
use serde_json::{Value, json};

use super::try_with;
use crate::config::{KubernetesConfig, Sidecar};

/// A task with a network of its own.
fn own_network(name: &str) -> TaskSpec {
    TaskSpec { network_mode: NetworkMode::AwsVpc, ..spec([container(name)]) }
}

fn pod_with_sidecar(task: &TaskSpec) -> Value {
    let sidecar = Sidecar::new("kecs-sidecar:1", "http://kecs.kecs-system:5373");
    let config = KubernetesConfig { sidecar: Some(sidecar), ..KubernetesConfig::default() };
    serde_json::to_value(&try_with(task, &config).expect("the task can run").pod).expect("a pod has a JSON form")["spec"].take()
}

// "Sidecar Containers" in Kubernetes' documentation: an init container that restarts always starts before all others, and does not keep a pod from ending.
#[test]
fn aws_is_on_a_tasks_own_loopback_before_its_containers_start() {
    let pod = pod_with_sidecar(&own_network("app"));
    let sidecar = &pod["initContainers"][0];
    assert_eq!((&sidecar["restartPolicy"], &sidecar["image"]), (&json!("Always"), &json!("kecs-sidecar:1")));
    assert_eq!(sidecar["env"][0], json!({"name": "KECS_ENDPOINT", "value": "http://kecs.kecs-system:5373"}));
    assert!(!sidecar["startupProbe"]["exec"].is_null());
    assert_eq!(pod["containers"].as_array().map(Vec::len), Some(1));
}

// The restricted policy of "Pod Security Standards".
#[test]
fn the_sidecar_has_no_rights() {
    let pod = pod_with_sidecar(&own_network("app"));
    let context = &pod["initContainers"][0]["securityContext"];
    assert_eq!((&context["runAsNonRoot"], &context["readOnlyRootFilesystem"]), (&json!(true), &json!(true)));
    assert_eq!((&context["allowPrivilegeEscalation"], &context["capabilities"]["drop"]), (&json!(false), &json!(["ALL"])));
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
}

#[test]
fn a_container_of_the_task_may_have_the_sidecars_name() {
    let pod = pod_with_sidecar(&own_network("kecs-sidecar"));
    assert_eq!(
        (&pod["containers"][0]["name"], &pod["initContainers"][0]["name"]),
        (&json!("kecs-sidecar"), &json!("kecs-sidecar-1"))
    );
}

#[test]
fn on_the_nodes_own_network_there_is_none() {
    let task = TaskSpec { network_mode: NetworkMode::Host, ..spec([container("app")]) };
    assert!(pod_with_sidecar(&task)["initContainers"].is_null());
}
