//! KECS in the cluster, as its Helm chart and its plain manifests install it: with the rights that they give it and no others.
//!
//! `cargo xtask test --only cluster` runs it inside a cluster that has the images, and names Helm (`KECS_HELM`), the chart (`KECS_CHART`), the
//! manifests (`KECS_MANIFESTS`) and a Python with the AWS CLI (`KECS_CLIENTS_PYTHON`), and
//! a folder with AWS's Session Manager plugin (`KECS_SESSION_MANAGER_PLUGIN`).

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::env;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const NAMESPACE: &str = "kecs-system";
const SERVICE: &str = "kecs.kecs-system.svc.cluster.local";
const PORT: u16 = 5373;
/// As the image and the chart have it.
const USER: u32 = 65532;

fn run(program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn kubectl(words: &[&str]) -> String {
    let output = run("kubectl", &[&["--namespace", NAMESPACE][..], words].concat());
    output.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

fn apply(object: &Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, object.to_string()).unwrap();
    // In the namespace that it names.
    run("kubectl", &["apply", "--filename", file.path().to_str().unwrap()]).unwrap_or_else(|error| panic!("{object}: {error}"));
}

fn helm(words: &[&str]) -> String {
    let helm = env::var_os("KECS_HELM").expect("the step `cluster` names Helm");
    run(helm, &[words, &["--namespace", NAMESPACE]].concat()).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// Does that with the chart, with the values of this test and more of them.
fn release(verb: &[&str], more: &[&str]) -> String {
    let chart = env::var("KECS_CHART").expect("the step `cluster` names the chart");
    let values =
        ["tasks.pullPolicy=IfNotPresent", "persistence.storageClass=host-path", "localstack.image=registry.test/localstack"];
    let values = values.iter().chain(more).flat_map(|value| ["--set", value]);
    helm(&[verb, &["kecs", &chart], &values.collect::<Vec<_>>()].concat())
}

fn python() -> PathBuf {
    PathBuf::from(env::var_os("KECS_CLIENTS_PYTHON").expect("the step `cluster` names a Python with the AWS CLI"))
}

fn aws(words: &[&str]) -> String {
    let outcome = e2e::aws(&format!("http://{SERVICE}:{PORT}"), &python(), words);
    assert!(outcome.success, "{words:?}: {outcome:?}\n{}", kubectl(&["logs", "deployment/kecs", "--tail=50"]));
    outcome.stdout
}

fn rolled_out() {
    kubectl(&["rollout", "status", "deployment/kecs", "--timeout=120s"]);
    // Nodes hear of a Service's new pod a moment after the Deployment does. Nothing tells of that but the connection itself.
    let started = Instant::now();
    let connects = |address: SocketAddr| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
    while !(SERVICE, PORT).to_socket_addrs().is_ok_and(|mut addresses| addresses.any(connects)) {
        assert!(started.elapsed() < Duration::from_secs(30), "the Service leads to no pod");
    }
}

/// Volumes of the only kind that there is here do not heed `fsGroup`: they are given to the user of the image by hand.
fn give_the_volume() {
    kubectl(&["wait", "persistentvolumeclaim/kecs", "--timeout=60s", "--for=jsonpath={.status.phase}=Bound"]);
    let volume = kubectl(&["get", "persistentvolumeclaim/kecs", "-o", "jsonpath={.spec.volumeName}"]);
    let folder = kubectl(&["get", "persistentvolume", &volume, "-o", "jsonpath={.spec.hostPath.path}"]);
    chown(folder, Some(USER), Some(USER)).unwrap();
}

/// Whether the chart's account may do that.
fn may(words: &[&str]) -> bool {
    let account = format!("system:serviceaccount:{NAMESPACE}:kecs");
    run("kubectl", &[&["auth", "can-i", "--as", &account][..], words].concat()).is_ok_and(|answer| answer == "yes")
}

/// What it was refused, in its log.
fn complaints() -> Vec<String> {
    let log = kubectl(&["logs", "deployment/kecs"]);
    log.lines().filter(|line| line.contains("forbidden") || line.contains("could not be registered")).map(str::to_owned).collect()
}

/// One after the other: a release is the whole cluster's, and what one step leaves the next one finds.
#[test]
fn a_release_runs_tasks_loses_nothing_and_goes_without_a_trace() {
    install();
    let task = run_a_task();
    let pod = pod_of(&task);
    other_services_are_answered();
    a_command_runs_in_a_task();
    what_a_pod_uses_is_read(&task);
    a_pod_that_is_no_task_gets_the_sidecar();
    restart();
    goes_on(&task, &pod);
    upgrade();
    goes_on(&task, &pod);
    all_it_does_is_allowed_and_no_more();
    further_values_are_taken_by_the_api_server();
    uninstall(&task);
    the_plain_manifests_take_the_state_up();
    without_a_claim_tasks_end_with_kecs();
}

fn install() {
    apply(&json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "host-path"}, "provisioner": "kubernetes.io/host-path",
    }));
    release(&["install", "--create-namespace"], &[]);
    give_the_volume();
    rolled_out();
}

/// Starts a service of one task, which reaches KECS by its sidecar and the Service, and returns the task's ARN.
fn run_a_task() -> String {
    aws(&["ecs", "create-cluster"]);
    let containers = json!([{
        "name": "app", "image": "busybox", "memory": 32, "stopTimeout": 2,
        "command": ["sh", "-c", "wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/task; echo; exec sleep 3600"],
    }]);
    aws(&["ecs", "register-task-definition", "--family", "web", "--container-definitions", &containers.to_string()]);
    aws(&["ecs", "create-service", "--service-name", "web", "--task-definition", "web", "--desired-count", "1"]);
    aws(&["ecs", "wait", "services-stable", "--services", "web"]);
    let task = aws(&["ecs", "list-tasks", "--query", "taskArns[0]"]);
    let selector = selector(&task);
    let output = kubectl(&["logs", "--namespace", &namespace_of(&task), "--selector", &selector, "--container", "app"]);
    assert!(output.contains(&task), "its metadata came through the Service: {output}");
    task
}

fn selector(task: &str) -> String {
    format!("kecs.io/task-id={}", task.rsplit('/').next().unwrap())
}

fn namespace_of(task: &str) -> String {
    kubectl(&["get", "pods", "-A", "--selector", &selector(task), "-o", "jsonpath={.items[0].metadata.namespace}"])
}

/// What tells the pods of a task, which is one, from others of the same name.
fn pod_of(task: &str) -> String {
    let pods = kubectl(&["get", "pods", "-A", "--selector", &selector(task), "-o", "jsonpath={.items[*].metadata.uid}"]);
    assert_eq!(pods.split_whitespace().count(), 1, "a task is a pod: {pods}");
    pods
}

/// AWS's own Session Manager plugin, by the AWS CLI, through the Service.
fn a_command_runs_in_a_task() {
    let plugin = PathBuf::from(env::var_os("KECS_SESSION_MANAGER_PLUGIN").expect("the step `cluster` names AWS's plugin"));
    let (endpoint, home) = (format!("http://{SERVICE}:{PORT}"), tempfile::tempdir().unwrap());
    let session = "test_a_session_ends_with_its_task";
    let variables = [("KECS_TEST_IMAGE", "busybox")];
    let ran = e2e::run_client_with(&python(), "exec.test_exec", session, &endpoint, home.path(), &plugin, &variables);
    assert_eq!(ran, Ok(()));
}

/// By the token of KECS's account, which the kubelet has the API server review.
fn what_a_pod_uses_is_read(task: &str) {
    let pod = kubectl(&["get", "pods", "-A", "--selector", &selector(task), "-o", "jsonpath={.items[0].metadata.name}"]);
    let asking = "until wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/stats | grep cpu_stats; do sleep 1; done";
    let shell = ["sh", "-c", &format!("timeout 60 sh -c '{asking}'")];
    let stats = kubectl(&[&["exec", &pod, "--namespace", &namespace_of(task), "--container", "app", "--"][..], &shell].concat());
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let used = stats.pointer("/cpu_stats/cpu_usage/total_usage").and_then(Value::as_u64);
    assert!(used.is_some_and(|nanos| nanos > 0), "{stats}");
}

/// By a LocalStack that KECS deploys with its rights.
fn other_services_are_answered() {
    assert_eq!(aws(&["s3api", "list-buckets", "--query", "length(Buckets)"]), "0");
    kubectl(&["rollout", "status", "deployment/localstack", "--timeout=60s"]);
}

fn a_pod_that_is_no_task_gets_the_sidecar() {
    let labels = json!({"kecs.io/inject-aws-proxy": "enabled"});
    apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}));
    kubectl(&["wait", "--namespace", "shop", "--for=create", "serviceaccount/default"]);
    let annotations = json!({"kecs.io/inject-aws-proxy": "true"});
    apply(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "till", "namespace": "shop", "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "busybox", "imagePullPolicy": "Never", "command": ["sleep", "3600"]}]},
    }));
    let first = ["get", "pod/till", "--namespace", "shop", "-o", "jsonpath={.spec.initContainers[*].name}"];
    assert_eq!(kubectl(&first), "kecs-sidecar");
}

fn restart() {
    assert_eq!(complaints(), [""; 0]);
    kubectl(&["delete", "pods", "--selector", "app.kubernetes.io/name=kecs"]);
    rolled_out();
}

fn goes_on(task: &str, pod: &str) {
    assert_eq!(aws(&["ecs", "describe-tasks", "--tasks", task, "--query", "tasks[0].lastStatus"]), "RUNNING");
    assert_eq!(aws(&["ecs", "describe-services", "--services", "web", "--query", "services[0].runningCount"]), "1");
    assert_eq!(pod_of(task), pod);
}

/// Other values, by Helm: the registration that KECS has filled stays, and KECS changes it.
fn upgrade() {
    release(&["upgrade"], &["log=debug", "webhook.failurePolicy=Fail"]);
    rolled_out();
    let policy = "--for=jsonpath={.webhooks[0].failurePolicy}=Fail";
    kubectl(&["wait", "mutatingwebhookconfiguration/kecs-aws-proxy", "--timeout=60s", policy]);
}

fn all_it_does_is_allowed_and_no_more() {
    assert_eq!(complaints(), [""; 0]);
    // The question is asked rightly.
    assert!(may(&["create", "pods", "--subresource=exec", "--namespace", "default"]));
    assert!(may(&["get", "nodes", "--subresource=stats"]));
    // What a KECS that was taken over could not do either.
    for words in [
        &["get", "secrets", "--all-namespaces"][..],
        &["list", "secrets", "--all-namespaces"],
        &["get", "secrets", "--namespace", NAMESPACE],
        &["delete", "namespaces"],
        &["create", "clusterrolebindings"],
        &["create", "mutatingwebhookconfigurations"],
        &["patch", "mutatingwebhookconfigurations/another"],
        &["create", "deployments.apps", "--namespace", "default"],
        &["delete", "persistentvolumeclaims", "--all-namespaces"],
        &["delete", "nodes"],
        &["get", "nodes", "--subresource=proxy"],
        &["impersonate", "users"],
        &["create", "serviceaccounts", "--subresource=token", "--namespace", "default"],
        // It makes Roles, but none that has more than it has itself.
        &["escalate", "roles.rbac.authorization.k8s.io", "--all-namespaces"],
        &["bind", "roles.rbac.authorization.k8s.io", "--all-namespaces"],
        &["create", "clusterroles"],
    ] {
        assert!(!may(words), "{words:?}");
    }
}

/// There is nothing here that an Ingress would make work, and nobody has the keys: that they would be made is shown.
fn further_values_are_taken_by_the_api_server() {
    let values = [
        "ingress.enabled=true",
        "ingress.host=kecs.example.com",
        "ingress.tlsSecret=tls",
        "ingress.className=nginx",
        "auth.mode=required",
        "auth.existingSecret=keys",
        "service.type=NodePort",
        "config.clusters[0].name=payments",
    ];
    let manifests = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&manifests, release(&["template"], &values)).unwrap();
    let made = kubectl(&["apply", "--dry-run=server", "--filename", manifests.path().to_str().unwrap()]);
    assert!(made.contains("ingress.networking.k8s.io/kecs created (server dry run)"), "{made}");
}

/// What ran is stopped first; the state stays.
fn uninstall(task: &str) {
    aws(&["ecs", "delete-service", "--service", "web", "--force"]);
    aws(&["ecs", "wait", "tasks-stopped", "--tasks", task]);
    helm(&["uninstall", "kecs", "--wait"]);
    for gone in
        ["mutatingwebhookconfiguration/kecs-aws-proxy", "clusterrole/kecs", "secret/kecs-webhook-certificates", "deployment/kecs"]
    {
        let error = run("kubectl", &["get", "--namespace", NAMESPACE, gone]).expect_err(gone);
        assert!(error.contains("NotFound"), "{gone}: {error}");
    }
    assert_eq!(kubectl(&["get", "persistentvolumeclaim/kecs", "-o", "jsonpath={.status.phase}"]), "Bound");
}

fn the_plain_manifests_take_the_state_up() {
    let manifests = env::var("KECS_MANIFESTS").expect("the step `cluster` names the manifests");
    kubectl(&["apply", "--filename", &manifests]);
    rolled_out();
    assert_eq!(aws(&["ecs", "list-task-definitions", "--family-prefix", "web", "--query", "length(taskDefinitionArns)"]), "1");
    // Applied again they leave alone what KECS has filled.
    let registered = "--for=jsonpath={.webhooks[0].name}=aws-proxy.kecs.io";
    kubectl(&["wait", "mutatingwebhookconfiguration/kecs-aws-proxy", "--timeout=60s", registered]);
    kubectl(&["apply", "--filename", &manifests]);
    kubectl(&["wait", "mutatingwebhookconfiguration/kecs-aws-proxy", "--timeout=1s", registered]);
    kubectl(&["delete", "--filename", &manifests]);
}

/// What runs is stopped before the state is gone.
fn without_a_claim_tasks_end_with_kecs() {
    let memory = "persistence.enabled=false";
    release(&["install", "--create-namespace"], &[memory]);
    rolled_out();
    let task = run_a_task();
    release(&["upgrade"], &[memory, "log=debug"]);
    rolled_out();
    assert_eq!(aws(&["ecs", "list-clusters", "--query", "length(clusterArns)"]), "0");
    let running = ["get", "pods", "-A", "--selector", &selector(&task), "--field-selector", "status.phase=Running", "-o", "name"];
    assert_eq!(kubectl(&running), "");
    helm(&["uninstall", "kecs", "--wait"]);
}
