//! Where a log router finds its files and its socket, as AWS mounts them (AddFirelensContainerBindMounts of the ECS agent).

use kecs_core::TaskSpec;
use kecs_core::task_spec::{LogRouter, NetworkMode, Route, RouterInclude, RouterKind};
use kecs_core::testing::{container, spec};
use serde_json::{Value, json};

use super::{made, pod_of};
use crate::pod::log_router;

fn router(kind: RouterKind, include: Option<RouterInclude>) -> LogRouter {
    let route = Route { container: "app".to_owned(), options: [("Name".to_owned(), "null-plugin".to_owned())].into() };
    LogRouter { kind, fields: [].into(), routes: vec![route], include }
}

fn task(mode: NetworkMode, router: LogRouter) -> TaskSpec {
    TaskSpec { network_mode: mode, ..spec([container("app"), container("router").with(|spec| spec.log_router = Some(router))]) }
}

fn mounted(task: &TaskSpec) -> Vec<(Value, Value)> {
    let mut pod = pod_of(task);
    let mounts = pod["containers"][1]["volumeMounts"].take();
    mounts.as_array().unwrap().iter().map(|mount| (mount["mountPath"].clone(), mount["subPath"].clone())).collect()
}

#[test]
fn a_router_has_its_configuration_and_its_socket_where_its_image_looks_for_them() {
    let external = Some(RouterInclude::Content("x".into()));
    let expected = [
        (json!("/fluent-bit/etc/fluent-bit.conf"), json!("router.0")),
        (json!("/fluent-bit/etc/external.conf"), json!("router.1")),
        (json!("/var/run"), json!(null)),
    ];
    let task = task(NetworkMode::AwsVpc, router(RouterKind::FluentBit, external));
    assert_eq!(mounted(&task), expected);
    let pod = pod_of(&task);
    let secret = json!({"secretName": format!("task-{}-files", task.task.id), "defaultMode": 0o755});
    assert_eq!(pod["volumes"][0], json!({"name": "kecs-files", "secret": secret}));
    assert_eq!(pod["volumes"][1], json!({"name": "kecs-log-router", "emptyDir": {}}));
    assert!(pod["containers"][0]["volumeMounts"].is_null());
    // The pod itself has nothing of what users wrote into options.
    assert!(!serde_json::to_string(&made(&task).pod).unwrap().contains("null-plugin"));
}

#[test]
fn fluentd_has_a_place_of_its_own() {
    let task = task(NetworkMode::Bridge, router(RouterKind::Fluentd, Some(RouterInclude::File("/extra.conf".to_owned()))));
    assert_eq!(mounted(&task)[0].0, json!("/fluentd/etc/fluent.conf"));
}

#[test]
fn a_router_listens_as_the_network_mode_says() {
    let text = |mode| {
        let task = task(mode, router(RouterKind::FluentBit, None));
        String::from_utf8(log_router::files(&task.containers[1], mode).remove(0).1.to_vec()).unwrap()
    };
    assert!(text(NetworkMode::Bridge).contains("Listen 0.0.0.0\n    Port 24224"));
    assert!(text(NetworkMode::AwsVpc).contains("Listen 127.0.0.1\n    Port 24224"));
    assert!(text(NetworkMode::AwsVpc).contains("Listen 127.0.0.1\n    Port 8877"));
    let host = text(NetworkMode::Host);
    assert!(host.contains("Listen 127.0.0.1\n    Port 24224") && !host.contains("8877"), "{host}");
}
