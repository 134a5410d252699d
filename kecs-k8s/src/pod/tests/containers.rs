use std::time::Duration;

use kecs_core::task_spec::{Condition, HealthCommand};
use kecs_core::testing::{container, spec};
use serde_json::json;

use super::super::Abilities;
use super::{part_of, pod_of, refusal};
use crate::config::KubernetesConfig;

#[test]
fn entry_point_is_command_and_command_is_args() {
    let part = part_of(container("app").with(|spec| {
        spec.entry_point = Some(vec!["/entry".to_owned()]);
        spec.command = Some(vec!["serve".to_owned(), "$(PORT)".to_owned()]);
        spec.working_directory = Some("/srv".to_owned());
    }));
    assert_eq!(part["command"], json!(["/entry"]));
    // ECS expands nothing: Kubernetes is told that this is no reference to a variable.
    assert_eq!(part["args"], json!(["serve", "$$(PORT)"]));
    assert_eq!(part["workingDir"], "/srv");
}

#[test]
fn without_a_command_the_image_has_its_own() {
    let part = part_of(container("app"));
    assert_eq!((&part["command"], &part["args"]), (&json!(null), &json!(null)));
}

#[test]
fn a_container_name_that_kubernetes_would_not_take_is_derived() {
    let name = part_of(container("Log_Router"))["name"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(name.starts_with("log-router-"), "{name}");
}

#[test]
fn who_depends_on_others_waits() {
    let pod = pod_of(&spec([container("app").depends_on("db", Condition::Healthy), container("db")]));
    assert_eq!(pod["containers"][0]["image"], "KECS:waiting-for-its-dependencies");
    assert_eq!(pod["containers"][1]["image"], "test");
}

#[test]
fn dependencies_that_cannot_be_resolved_are_refused() {
    let circle = [container("a").depends_on("b", Condition::Start), container("b").depends_on("a", Condition::Start)];
    assert!(refusal(&spec(circle)).starts_with("Task dependencies cannot be resolved, taskArn: arn:aws:ecs:"));
}

#[test]
fn an_image_is_pulled_by_kubernetes_own_rule() {
    let policy = |image: &str| part_of(container("app").with(|spec| image.clone_into(&mut spec.image)))["imagePullPolicy"].clone();
    assert_eq!(policy("redis"), "Always");
    assert_eq!(policy("registry:5000/redis"), "Always");
    assert_eq!(policy("redis:latest"), "Always");
    assert_eq!(policy("redis:7"), "IfNotPresent");
    assert_eq!(policy("redis@sha256:abc"), "IfNotPresent");
}

#[test]
fn a_health_check_is_a_readiness_probe() {
    let check = container("app")
        .health_check(HealthCommand::Shell("curl -f http://localhost/ || exit 1".to_owned()), Duration::from_secs(30));
    assert_eq!(
        part_of(check)["readinessProbe"],
        json!({
            "exec": {"command": ["/bin/sh", "-c", "curl -f http://localhost/ || exit 1"]},
            "initialDelaySeconds": 30, "periodSeconds": 30, "timeoutSeconds": 5, "failureThreshold": 3, "successThreshold": 1,
        })
    );
}

#[test]
fn a_restart_policy_restarts_but_for_ignored_exit_codes() {
    let part = part_of(container("app").restarts(Duration::from_mins(1), &[0, 3]));
    assert_eq!(part["restartPolicy"], "Never");
    let rule = json!([{"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 3]}}]);
    assert_eq!(part["restartPolicyRules"], rule);
    assert_eq!(part_of(container("app").restarts(Duration::from_mins(1), &[]))["restartPolicy"], "Always");
}

#[test]
fn a_restart_policy_needs_a_cluster_that_knows_it() {
    let spec = spec([container("app").restarts(Duration::from_mins(1), &[])]);
    let refusal = super::super::manifest(&spec, &KubernetesConfig::default(), Abilities::of(34), None, None, &mut |_| None);
    assert!(refusal.expect_err("Kubernetes 1.34 restarts whole pods").to_string().contains("before Kubernetes 1.35"));
}

#[test]
fn a_terminal_and_open_input_are_given() {
    let part = part_of(container("app").with(|spec| (spec.interactive, spec.pseudo_terminal) = (true, true)));
    assert_eq!((&part["stdin"], &part["tty"]), (&json!(true), &json!(true)));
}
