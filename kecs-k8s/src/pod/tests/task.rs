use std::time::Duration;

use kecs_core::TaskSpec;
use kecs_core::task_spec::{NamespaceMode, Platform};
use kecs_core::testing::{container, spec};
use serde_json::json;

use super::{made, pod_of, refusal};
use crate::config::KubernetesConfig;

#[test]
fn a_pod_is_found_by_its_task() {
    let mut task = spec([container("app").label("team", "red")]);
    task.tags.insert("Owner".to_owned(), "me".to_owned());
    let pod = made(&task).pod;
    let labels = pod.metadata.labels.expect("it has labels");
    assert_eq!(labels["kecs.io/task-id"], task.task.id.to_string());
    assert_eq!((labels["kecs.io/owner"].as_str(), labels["kecs.io/group"].as_str()), ("kecs", "family.test"));
    let annotations = pod.metadata.annotations.expect("it has annotations");
    assert_eq!(annotations["kecs.io/task-arn"], *task.arn);
    assert_eq!(annotations["kecs.io/tags"], r#"{"Owner":"me"}"#);
    assert_eq!(annotations["kecs.io/docker-labels"], r#"{"app":{"team":"red"}}"#);
    assert_eq!(pod.metadata.finalizers, Some(vec!["kecs.io/task".to_owned()]));
}

#[test]
fn a_task_is_a_bare_pod_without_rights() {
    let pod = pod_of(&spec([container("app")]));
    assert_eq!(pod["restartPolicy"], "Never");
    assert_eq!((&pod["automountServiceAccountToken"], &pod["enableServiceLinks"]), (&json!(false), &json!(false)));
}

#[test]
fn the_longest_stop_timeout_is_the_grace_period() {
    let of = |name: &str, millis| container(name).stop_timeout(Duration::from_millis(millis));
    assert_eq!(pod_of(&spec([of("a", 2500), of("b", 1000)]))["terminationGracePeriodSeconds"], 3);
}

#[test]
fn namespaces_are_shared_as_asked() {
    let with = |pid_mode, ipc_mode| pod_of(&TaskSpec { pid_mode, ipc_mode, ..spec([container("app")]) });
    assert_eq!(with(NamespaceMode::Task, NamespaceMode::Task)["shareProcessNamespace"], true);
    let host = with(NamespaceMode::Host, NamespaceMode::Host);
    assert_eq!((&host["hostPID"], &host["hostIPC"]), (&json!(true), &json!(true)));
    let none = with(NamespaceMode::Default, NamespaceMode::Default);
    assert_eq!((&none["hostPID"], &none["shareProcessNamespace"]), (&json!(null), &json!(null)));
}

#[test]
fn an_init_process_is_the_pods() {
    let task = spec([container("app").with(|spec| spec.linux.init_process = true)]);
    assert_eq!(pod_of(&task)["shareProcessNamespace"], true);
}

#[test]
fn the_platform_chooses_nodes() {
    let on = |operating_system: &str, cpu_architecture: &str| {
        let platform = Platform { operating_system: operating_system.to_owned(), cpu_architecture: cpu_architecture.to_owned() };
        pod_of(&TaskSpec { platform: Some(platform), ..spec([container("app")]) })["nodeSelector"].take()
    };
    assert_eq!(on("LINUX", "ARM64"), json!({"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}));
    assert_eq!(on("WINDOWS_SERVER_2022_CORE", "X86_64")["kubernetes.io/os"], "windows");
}

#[test]
fn a_task_of_an_instance_that_is_a_node_runs_on_that_one_only() {
    let task = spec([container("app")]);
    assert_eq!(pod_of(&task)["affinity"], json!(null));
    let on = super::super::manifest(&task, &KubernetesConfig::default(), super::ALL, None, Some("worker-1"), &mut |_| None);
    let pod = serde_json::to_value(on.expect("the task can run").pod).expect("a pod has a JSON form");
    // "How Daemon Pods are scheduled", of Kubernetes' documentation.
    let fields = json!([{"key": "metadata.name", "operator": "In", "values": ["worker-1"]}]);
    let required = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(required["nodeSelectorTerms"], json!([{"matchFields": fields}]));
}

#[test]
fn kernel_parameters_are_the_pods() {
    let with = |name: &str, value: &str| {
        let value = value.to_owned();
        container(name).with(|spec| drop(spec.sysctls.insert("net.core.somaxconn".to_owned(), value)))
    };
    let pod = pod_of(&spec([with("a", "1024")]));
    assert_eq!(pod["securityContext"]["sysctls"], json!([{"name": "net.core.somaxconn", "value": "1024"}]));
    assert!(refusal(&spec([with("a", "1024"), with("b", "2048")])).contains("net.core.somaxconn"));
}

#[test]
fn a_host_name_is_the_pods() {
    let task = spec([container("app").with(|spec| spec.hostname = Some("box".to_owned()))]);
    assert_eq!(pod_of(&task)["hostname"], "box");
}
