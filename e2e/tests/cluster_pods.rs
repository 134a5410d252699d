//! The whole of KECS with tasks as pods, by the AWS CLI, on a real cluster.
//!
//! `cargo xtask test --only cluster` runs it inside one, and names the binary (`KECS_BIN`) and a Python with the AWS CLI (`KECS_CLIENTS_PYTHON`).

use std::path::PathBuf;
use std::process::Command;

use e2e::Kecs;
use serde_json::Value;

/// The node, as pods reach it.
const NODE: &str = "10.88.0.1";

struct Pods {
    kecs: Kecs,
    python: PathBuf,
}

impl Pods {
    /// A KECS of this prefix that pods reach at this port.
    fn start(prefix: &str, port: u16) -> Self {
        let python = std::env::var_os("KECS_CLIENTS_PYTHON").expect("the step `cluster` names a Python with the AWS CLI");
        let (listen, endpoint) = (format!("0.0.0.0:{port}"), format!("http://{NODE}:{port}"));
        let arguments = [
            &["--runtime", "kubernetes", "--kube-prefix", prefix, "--kube-pull-policy", "IfNotPresent", "--localstack", "off"][..],
            // Nobody else is in the box.
            &["--listen", &listen, "--insecure", "--task-endpoint", &endpoint, "--allowed-hosts", NODE],
        ];
        let kecs = Kecs::start_in(tempfile::tempdir().unwrap(), &arguments.concat(), &[]);
        Self { kecs, python: python.into() }
    }

    fn aws(&self, words: &[&str]) -> String {
        let outcome = self.kecs.aws(&self.python, words);
        assert!(outcome.success, "{words:?}: {outcome:?}");
        outcome.stdout
    }

    /// Runs a line of shell to its end, and returns the task's ARN.
    fn run(&self, family: &str, line: &str) -> String {
        let container = serde_json::json!([{"name": "app", "image": "busybox", "memory": 32, "command": ["sh", "-c", line]}]);
        self.aws(&["ecs", "create-cluster"]);
        self.aws(&["ecs", "register-task-definition", "--family", family, "--container-definitions", &container.to_string()]);
        let task = self.aws(&["ecs", "run-task", "--task-definition", family, "--query", "tasks[0].taskArn"]);
        self.aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
        task
    }

    fn told(&self, task: &str, query: &str) -> String {
        self.aws(&["ecs", "describe-tasks", "--tasks", task, "--query", query])
    }

    fn output(&self, task: &str) -> String {
        let outcome = self.kecs.command(&["logs", task]);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    }
}

fn kubectl(words: &[&str]) -> String {
    let output = Command::new("kubectl").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_task_is_a_pod_and_ends_as_on_aws() {
    let pods = Pods::start("one-task", 5401);
    let task = pods.run("hello", "echo hello; exit 3");
    let ended = pods.told(&task, "tasks[0].[lastStatus,stopCode,stoppedReason,containers[0].exitCode]");
    assert_eq!(ended, "STOPPED\tEssentialContainerExited\tEssential container in task exited\t3");
    assert_eq!(pods.output(&task), "hello");
}

#[test]
fn a_service_replaces_a_pod_that_somebody_deletes_and_all_end_with_kecs_when_asked() {
    let pods = Pods::start("service", 5402);
    pods.aws(&["ecs", "create-cluster"]);
    let container = r#"[{"name":"web","image":"busybox","memory":32,"command":["sleep","3600"],"stopTimeout":2}]"#;
    pods.aws(&["ecs", "register-task-definition", "--family", "web", "--container-definitions", container]);
    pods.aws(&["ecs", "create-service", "--service-name", "web", "--task-definition", "web", "--desired-count", "2"]);
    pods.aws(&["ecs", "wait", "services-stable", "--services", "web"]);
    let running = || {
        let ours = ["get", "pods", "-A", "-l", "kecs.io/owner=service", "--field-selector", "status.phase=Running"];
        kubectl(&[&ours[..], &["-o", "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {end}"]].concat())
    };
    let before = running();
    assert_eq!(before.split_whitespace().count(), 2, "{before}");
    let (namespace, pod) = before.split_whitespace().next().unwrap().split_once('/').unwrap();
    kubectl(&["delete", "pod", "--namespace", namespace, pod]);
    pods.aws(&["ecs", "wait", "services-stable", "--services", "web"]);
    let stopped = pods.told(pod.trim_start_matches("task-"), "tasks[0].lastStatus");
    assert_eq!(stopped, "STOPPED");

    let ended = pods.kecs.command(&["stop", "--tasks", "stop"]);
    assert!(ended.success, "{ended:?}");
    assert_eq!(running(), "");
}

// "Task metadata endpoint version 4" and "Task IAM role" in the developer guide: what a container asks by its variables.
#[test]
fn a_container_finds_its_metadata_and_credentials_on_its_own_loopback() {
    let pods = Pods::start("sidecar", 5403);
    let task = pods.run(
        "asking",
        "wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/task && echo && \
         wget -q -O - --header \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" $AWS_CONTAINER_CREDENTIALS_FULL_URI && echo && \
         echo $AWS_ENDPOINT_URL",
    );
    let output = pods.output(&task);
    let lines: Vec<&str> = output.lines().collect();
    let [metadata, credentials, endpoint] = lines[..] else { panic!("{output}") };
    let metadata: Value = serde_json::from_str(metadata).unwrap();
    assert_eq!((metadata["TaskARN"].as_str(), metadata["Family"].as_str()), (Some(&*task), Some("asking")));
    assert_eq!(metadata["Containers"].as_array().map(Vec::len), Some(1), "the sidecar is no container of the task");
    let credentials: Value = serde_json::from_str(credentials).unwrap();
    assert_eq!(credentials["AccessKeyId"], "000000000000");
    assert!(endpoint.starts_with("http://127.0.0.1:4566"), "{endpoint}");
    assert_eq!(pods.told(&task, "tasks[0].containers[].name"), "app");
}
