//! FireLens with tasks as pods, by the AWS CLI, on a real cluster.
//!
//! The log router is the Forward receiver of the OpenTelemetry Collector (`KECS_TEST_FORWARD_RECEIVER`, a folder), which prints what it gets: there is
//! no image of Fluent Bit here. `cargo xtask test --only cluster` runs this, with the variables that `cluster_pods.rs` tells of.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::path::PathBuf;

use e2e::{Kecs, LocalStack};
use serde_json::{Value, json};

struct Pods {
    kecs: Kecs,
    python: PathBuf,
}

impl Pods {
    fn start(prefix: &str, localstack: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), prefix, localstack)
    }

    fn start_in(data: tempfile::TempDir, prefix: &str, localstack: &str) -> Self {
        let python = std::env::var_os("KECS_CLIENTS_PYTHON").expect("the step `cluster` names a Python with the AWS CLI");
        let arguments =
            ["--runtime", "kubernetes", "--kube-prefix", prefix, "--kube-pull-policy", "IfNotPresent", "--localstack", localstack];
        Self { kecs: Kecs::start_in(data, &arguments, &[]), python: python.into() }
    }

    fn aws(&self, words: &[&str]) -> String {
        let outcome = self.kecs.aws(&self.python, words);
        assert!(outcome.success, "{words:?}: {outcome:?}");
        outcome.stdout
    }

    /// Runs a router, whose first line of shell this is, and a container that logs to it.
    fn run(&self, family: &str, router: &str, firelens: &Value, app: &str, log: &Value) -> String {
        let receiver = std::env::var("KECS_TEST_FORWARD_RECEIVER").expect("the step `cluster` builds a receiver");
        let listens = format!("{router}; exec /receiver/forward-receiver 127.0.0.1:24224");
        let containers = json!([
            {
                "name": "app", "image": "busybox", "memory": 32, "command": ["sh", "-c", app],
                "logConfiguration": with(json!({"logDriver": "awsfirelens"}), log),
            },
            {
                "name": "log_router", "image": "busybox", "memory": 64, "essential": false, "command": ["sh", "-c", listens],
                "firelensConfiguration": with(json!({"type": "fluentbit"}), firelens),
                "mountPoints": [{"sourceVolume": "receiver", "containerPath": "/receiver", "readOnly": true}],
            },
        ]);
        let volumes = json!([{"name": "receiver", "host": {"sourcePath": receiver}}]);
        self.aws(&["ecs", "create-cluster"]);
        let register = ["ecs", "register-task-definition", "--family", family, "--network-mode", "awsvpc"];
        let role = ["--execution-role-arn", "arn:aws:iam::000000000000:role/start"];
        let [containers, volumes] = [containers, volumes].map(|part| part.to_string());
        self.aws(&[&register[..], &role, &["--container-definitions", &containers, "--volumes", &volumes]].concat());
        let network = "awsvpcConfiguration={subnets=[subnet-1]}";
        let run = ["ecs", "run-task", "--task-definition", family, "--network-configuration", network];
        self.aws(&[&run[..], &["--query", "tasks[0].taskArn"]].concat())
    }

    fn wait(&self, task: &str) {
        self.aws(&["ecs", "wait", "tasks-stopped", "--tasks", task]);
    }

    fn output(&self, task: &str, container: &str) -> String {
        let outcome = self.kecs.command(&["logs", task, "--container", container]);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    }

    /// What the router got.
    fn records(&self, task: &str) -> Vec<Value> {
        let output = self.output(task, "log_router");
        output.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn with(mut value: Value, members: &Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        value[name] = member.clone();
    }
    value
}

// "Using FireLens" in the developer guide, the ECS agent's tag (`fluentTagDockerFormat`), and Docker's manual on its driver `fluentd`.
#[test]
fn what_a_container_writes_reaches_the_log_router_of_its_task() {
    let pods = Pods::start("firelens", "off");
    let app = "echo one; printf 'two \\303\\244\\n'; echo $FLUENT_HOST:$FLUENT_PORT";
    let log = json!({"options": {"Name": "firehose", "delivery_stream": "mine", "log-driver-buffer-limit": "1000"}});
    let task = pods.run("routed", "cat /fluent-bit/etc/fluent-bit.conf; id -u", &json!({}), app, &log);
    pods.wait(&task);
    let records = pods.records(&task);
    let told = |name: &str| records.iter().map(|record| record[name].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(told("log"), ["one", "two ä", "127.0.0.1:24224"], "{}", pods.output(&task, "log_router"));
    let id = task.rsplit('/').next().unwrap();
    assert!(told("fluent.tag").iter().all(|tag| *tag == format!("app-firelens-{id}")), "{records:?}");
    assert!(told("container_name").iter().all(|name| *name == "/ecs-routed-1-app"), "{records:?}");
    assert!(records.iter().all(|record| record["time"].as_i64() > Some(1_700_000_000_000)), "{records:?}");
    let runtime_id =
        pods.aws(&["ecs", "describe-tasks", "--tasks", &task, "--query", "tasks[0].containers[?name=='app'].runtimeId"]);
    assert!(told("container_id").iter().all(|id| *id == runtime_id && !id.is_empty()), "{records:?} {runtime_id}");
    // The kubelet keeps it as well.
    assert_eq!(pods.output(&task, "app").lines().count(), 3);

    let output = pods.output(&task, "log_router");
    let lines: Vec<&str> = output.lines().map(str::trim).collect();
    for line in ["Listen 127.0.0.1", "Port 24224", "Record ecs_cluster default", "Match app-firelens*", "delivery_stream mine"] {
        assert!(lines.contains(&line), "{line} is not in {output}");
    }
    assert!(lines.contains(&&*format!("Record ecs_task_arn {task}")), "{output}");
    assert!(!output.contains("log-driver-buffer-limit"), "{output}");
    // "the user is 0" for log routers.
    assert!(lines.contains(&"0"), "{output}");
}

// `secretOptions`, `config-file-type` s3: the ECS agent's variables, and the path that it mounts the file to.
#[test]
fn a_router_has_the_secrets_and_the_file_of_its_configuration() {
    let python = std::env::var_os("KECS_TEST_LOCALSTACK_PYTHON").expect("the step `cluster` names a Python with LocalStack");
    let localstack = LocalStack::start(&PathBuf::from(python));
    let pods = Pods::start("firelens-file", localstack.endpoint());
    pods.aws(&["s3api", "create-bucket", "--bucket", "conf"]);
    let file = pods.kecs.folder().join("external.conf");
    std::fs::write(&file, "# from S3\n").unwrap();
    pods.aws(&["s3api", "put-object", "--bucket", "conf", "--key", "external.conf", "--body", file.to_str().unwrap()]);
    pods.aws(&["ssm", "put-parameter", "--name", "/key", "--value", "hunter2", "--type", "SecureString"]);
    let firelens = json!({"options": {"config-file-type": "s3", "config-file-value": "arn:aws:s3:::conf/external.conf"}});
    let log = json!({"options": {"Name": "datadog"}, "secretOptions": [{"name": "apikey", "valueFrom": "/key"}]});
    let router = "cat /fluent-bit/etc/fluent-bit.conf /fluent-bit/etc/external.conf; echo $apikey_0";
    let task = pods.run("told", router, &firelens, "echo one", &log);
    pods.wait(&task);
    let output = pods.output(&task, "log_router");
    let lines: Vec<&str> = output.lines().map(str::trim).collect();
    for line in ["apikey ${apikey_0}", "@INCLUDE /fluent-bit/etc/external.conf", "# from S3", "hunter2"] {
        assert!(lines.contains(&line), "{line} is not in {output}");
    }
    assert_eq!(pods.records(&task)[0]["log"], "one");
}

const NUMBERS: &str = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; sleep 0.2; done";

/// The numbers that a router got, each as often as it did.
fn numbers(records: &[Value]) -> Vec<u32> {
    records.iter().map(|record| record["log"].as_str().unwrap().parse().unwrap()).collect()
}

/// Runs a task that counts, and waits until its router has some of the numbers.
fn counting(pods: &Pods) -> String {
    let log = json!({"options": {"Name": "null"}});
    let task = pods.run("counting", "true", &json!({}), NUMBERS, &log);
    pods.aws(&["ecs", "wait", "tasks-running", "--tasks", &task]);
    let started = std::time::Instant::now();
    while pods.records(&task).len() < 10 {
        assert!(started.elapsed() < std::time::Duration::from_mins(1), "the router gets nothing");
    }
    task
}

#[test]
fn nothing_is_lost_or_doubled_when_kecs_is_started_anew() {
    let pods = Pods::start("firelens-restart", "off");
    let task = counting(&pods);
    let Pods { kecs, python: _ } = pods;
    let stopped = kecs.command(&["stop", "--tasks", "leave"]);
    assert!(stopped.success, "{stopped:?}");
    let pods = Pods::start_in(kecs.killed(), "firelens-restart", "off");
    pods.wait(&task);
    assert_eq!(numbers(&pods.records(&task)), (1..=100).collect::<Vec<_>>());
}

#[test]
fn nothing_is_lost_when_kecs_is_killed() {
    let pods = Pods::start("firelens-kill", "off");
    let task = counting(&pods);
    let Pods { kecs, python: _ } = pods;
    let pods = Pods::start_in(kecs.killed(), "firelens-kill", "off");
    pods.wait(&task);
    let mut got = numbers(&pods.records(&task));
    got.sort_unstable();
    got.dedup();
    assert_eq!(got, (1..=100).collect::<Vec<_>>());
}
