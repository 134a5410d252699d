use k8s_openapi::api::rbac::v1::PolicyRule;
use kecs_core::testing::{ContainerBuilder, container, spec};
use kecs_core::{TaskSpec, task_spec::NetworkMode};
use serde_json::{Value, json};

use super::{made, pod_of};
use crate::config::KubernetesConfig;
use crate::pod::manifest;
use crate::roles::Account;

const ROLE: &str = "arn:aws:iam::000000000000:role/web";

fn with_role(containers: impl IntoIterator<Item = ContainerBuilder>) -> TaskSpec {
    TaskSpec { role: Some(ROLE.into()), network_mode: NetworkMode::AwsVpc, ..spec(containers) }
}

fn asking(name: &str) -> ContainerBuilder {
    container(name).with(|spec| drop(spec.labels.insert("kecs.io/web-identity".to_owned(), "true".to_owned())))
}

#[test]
fn a_task_without_a_role_is_nobody() {
    let pod = pod_of(&spec([asking("app")]));
    assert_eq!((&pod["serviceAccountName"], &pod["volumes"]), (&Value::Null, &Value::Null));
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["containers"][0]["env"], Value::Null);
}

// The volume of Amazon EKS's webhook: aws/amazon-eks-pod-identity-webhook, README, "the modified pod".
#[test]
fn every_container_of_a_task_with_a_role_has_a_token_for_sts() {
    let pod = pod_of(&with_role([container("app"), container("log")]));
    assert!(pod["serviceAccountName"].as_str().is_some_and(|name| name.starts_with("role-web-")), "{pod}");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let token = json!({"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"});
    assert_eq!(pod["volumes"].as_array().map(Vec::len), Some(1), "no token for the Kubernetes API: {pod}");
    assert_eq!(pod["volumes"][0]["projected"]["sources"], json!([{"serviceAccountToken": token}]));
    for part in pod["containers"].as_array().expect("there are two") {
        assert_eq!(part["volumeMounts"][0]["mountPath"], "/var/run/secrets/eks.amazonaws.com/serviceaccount");
        assert_eq!((&part["volumeMounts"][0]["readOnly"], &part["env"]), (&json!(true), &Value::Null));
    }
}

// The volume of "Configure Service Accounts for Pods" (Kubernetes): what the admission controller would mount.
#[test]
fn containers_have_a_token_for_the_kubernetes_api_where_the_role_may_do_something() {
    let task = with_role([container("app")]);
    let account = Account::new(ROLE.into());
    let config = KubernetesConfig::default();
    let pod = |account: Account| {
        let made = manifest(&task, &config, super::ALL, Some(&account), None, &mut |_| None).expect("the task can run");
        serde_json::to_value(made.pod.spec).expect("it has a JSON form")
    };
    assert_eq!(pod(account.clone().with([]))["volumes"].as_array().map(Vec::len), Some(1));
    let pod = pod(account.with([PolicyRule::default()]));
    assert_eq!(pod["automountServiceAccountToken"], false, "the sidecar has none");
    assert_eq!(pod["volumes"][1]["projected"]["sources"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        pod["volumes"][1]["projected"]["sources"][0],
        json!({"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}})
    );
    assert_eq!(pod["containers"][0]["volumeMounts"][1]["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
}

#[test]
fn a_container_that_asks_is_told_to_use_it() {
    let task = with_role([asking("app").env("AWS_ROLE_SESSION_NAME", "mine"), container("log")]);
    let pod = pod_of(&task);
    let expected = json!([
        {"name": "AWS_ROLE_SESSION_NAME", "value": "mine"},
        {"name": "AWS_ROLE_ARN", "value": ROLE},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"},
    ]);
    assert_eq!(pod["containers"][0]["env"], expected);
    assert_eq!(pod["containers"][1]["env"], Value::Null);
    let named = pod_of(&with_role([asking("app")]));
    assert_eq!(named["containers"][0]["env"][2]["name"], "AWS_ROLE_SESSION_NAME");
}

#[test]
fn the_account_of_a_role_comes_before_the_one_that_is_configured() {
    let mut config = crate::KubernetesConfig { service_account: Some("tasks".to_owned()), ..Default::default() };
    config.prefix = "other".to_owned();
    let account_of = |spec: &TaskSpec| {
        let pod = super::try_with(spec, &config).expect("the task can run").pod;
        pod.spec.expect("it has one").service_account_name.expect("it has one")
    };
    assert_eq!(account_of(&spec([container("app")])), "tasks");
    let made = made(&with_role([container("app")])).pod.spec.expect("it has one").service_account_name;
    assert_eq!(Some(account_of(&with_role([container("app")]))), made);
}
