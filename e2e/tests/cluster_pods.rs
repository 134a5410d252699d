//! The whole of KECS with tasks as pods, by the AWS CLI, on a real cluster.
//!
//! `cargo xtask test --only cluster` runs it inside one, and names the binary (`KECS_BIN`), a Python with the AWS CLI and boto3
//! (`KECS_CLIENTS_PYTHON`) and one with LocalStack (`KECS_TEST_LOCALSTACK_PYTHON`).

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{LocalStack, NODE, Pods, kubectl, run_client_with};
use serde_json::Value;

/// Runs a line of shell to its end, and returns the task's ARN.
fn run(pods: &Pods, family: &str, line: &str) -> String {
    let container = serde_json::json!([{"name": "app", "image": "busybox", "memory": 32, "command": ["sh", "-c", line]}]);
    pods.aws(&["ecs", "create-cluster"]);
    pods.aws(&["ecs", "register-task-definition", "--family", family, "--container-definitions", &container.to_string()]);
    let task = pods.run_task(family);
    pods.aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
    task
}

#[test]
fn a_task_is_a_pod_and_ends_as_on_aws() {
    let pods = Pods::start("one-task", 5401);
    let task = run(&pods, "hello", "echo hello; exit 3");
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
    // For the next `kecs start`, unless somebody wants them gone.
    assert_ne!(left_of("service"), "");
    kubectl(&["delete", "namespaces", "-l", "kecs.io/owner=service", "--timeout=60s"]);
    assert_eq!(left_of("service"), "");
}

/// The pods and Secrets that there are of a prefix.
fn left_of(prefix: &str) -> String {
    let owner = format!("kecs.io/owner={prefix}");
    kubectl(&["get", "pods,secrets", "-A", "-l", &owner, "-o", "jsonpath={.items[*].metadata.name}"])
}

#[test]
fn a_kecs_that_keeps_nothing_leaves_nothing_of_its_tasks() {
    let pods = Pods::start_with("forgetful", 5412, "off", &["--state", "memory"]);
    run(&pods, "ended", "exit 0");
    let container = r#"[{"name":"app","image":"busybox","memory":32,"command":["sleep","3600"],"stopTimeout":2}]"#;
    pods.aws(&["ecs", "register-task-definition", "--family", "runs", "--container-definitions", container]);
    let task = pods.aws(&["ecs", "run-task", "--task-definition", "runs", "--query", "tasks[0].taskArn"]);
    pods.aws(&["ecs", "wait", "tasks-running", "--tasks", &task]);
    // Two pods, each with a Secret for the token of its credentials.
    assert_eq!(left_of("forgetful").split_whitespace().count(), 4);
    let ended = pods.kecs.command(&["stop"]);
    assert!(ended.success, "{ended:?}");
    assert_eq!(left_of("forgetful"), "");
}

// AWS's own Session Manager plugin, by the AWS CLI: what it does in tasks that are processes it does in pods.
#[test]
fn execute_command_opens_a_shell_in_a_pod_s_container() {
    let Some(plugin) = std::env::var_os("KECS_SESSION_MANAGER_PLUGIN").map(PathBuf::from) else {
        let why = "AWS's Session Manager plugin is not here (the step `cluster` builds it with Go)";
        assert!(std::env::var_os("KECS_TEST_REQUIRE").is_none(), "{why}");
        // The test harness would capture `eprintln!`.
        writeln!(std::io::stderr(), "skipped: execute_command_opens_a_shell_in_a_pod_s_container: {why}").ok();
        return;
    };
    let pods = Pods::start("exec", 5404);
    for function in [
        "test_a_shell_is_typed_into_resized_interrupted_and_left",
        "test_one_command_is_run_with_its_output_and_nothing_is_typed",
        "test_a_command_without_a_terminal_tells_its_exit_code",
        "test_numbers_come_through_whole",
        "test_sessions_do_not_disturb_each_other",
        "test_a_program_that_is_not_there_is_named",
        "test_a_session_ends_with_its_task",
    ] {
        let (endpoint, home) = (pods.kecs.endpoint(), pods.kecs.folder());
        let ran =
            run_client_with(&pods.python, "exec.test_exec", function, endpoint, home, &plugin, &[("KECS_TEST_IMAGE", "busybox")]);
        assert_eq!(ran, Ok(()), "{function}");
    }
}

// "Task metadata endpoint version 4" and "Task IAM role" in the developer guide: what a container asks by its variables.
#[test]
fn a_container_finds_its_metadata_and_credentials_on_its_own_loopback() {
    let pods = Pods::start("sidecar", 5403);
    let task = run(
        &pods,
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

// "Task metadata endpoint version 4": `/stats` is Docker's of the container. A kubelet measures every ten seconds; until then there is nothing.
#[test]
fn a_container_reads_what_it_uses_on_its_own_loopback() {
    let pods = Pods::start("usage", 5411);
    let task = run(&pods, "usage", "until wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/stats | grep cpu_stats; do sleep 1; done");
    let output = pods.output(&task);
    let stats: Value = serde_json::from_str(output.trim()).unwrap();
    assert_eq!(stats["name"], "app");
    for figure in [
        "/cpu_stats/cpu_usage/total_usage",
        "/cpu_stats/system_cpu_usage",
        "/cpu_stats/online_cpus",
        "/pids_stats/current",
        "/memory_stats/usage",
        "/networks/eth0/rx_bytes",
        "/networks/eth0/tx_bytes",
    ] {
        assert!(stats.pointer(figure).and_then(Value::as_u64).is_some_and(|figure| figure > 0), "{figure}: {stats}");
    }
    assert_eq!(stats.pointer("/memory_stats/limit"), Some(&Value::from(32 << 20)), "{stats}");
}

// "The boto3 and botocore packages ... credentials: container credential provider" and "Task IAM role": a program that sets nothing up. Python and
// boto3 are the node's, mounted: there is no image of them here.
#[test]
fn an_unmodified_sdk_program_reads_a_parameter_has_its_role_and_asks_its_metadata() {
    const PROGRAM: &str = "import boto3, json, os, urllib.request\n\
        print(boto3.client('ssm').get_parameter(Name='/app/greeting')['Parameter']['Value'])\n\
        print(boto3.client('sts').get_caller_identity()['Arn'])\n\
        print(json.load(urllib.request.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/task'))['TaskARN'])\n";
    let localstack = std::env::var_os("KECS_TEST_LOCALSTACK_PYTHON").expect("the step `cluster` names a Python with LocalStack");
    let localstack = LocalStack::start(&PathBuf::from(localstack));
    let pods = Pods::start_with("sdk", 5408, localstack.endpoint(), &[]);
    pods.aws(&["ssm", "put-parameter", "--name", "/app/greeting", "--type", "String", "--value", "hello from SSM"]);
    pods.aws(&["ecs", "create-cluster"]);
    register_python(&pods, "sdk", "arn:aws:iam::000000000000:role/reader", PROGRAM, &serde_json::json!({}));
    let task = pods.aws(&["ecs", "run-task", "--task-definition", "sdk", "--query", "tasks[0].taskArn"]);
    pods.aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
    let output = pods.output(&task);
    let lines: Vec<&str> = output.lines().collect();
    let [parameter, identity, metadata] = lines[..] else { panic!("{output}") };
    assert_eq!((parameter, metadata), ("hello from SSM", &*task));
    // The session of a task's role has the task's id as its name ("Task IAM role", CloudTrail).
    let id = task.rsplit('/').next().unwrap();
    assert_eq!(identity, format!("arn:aws:sts::000000000000:assumed-role/reader/{id}"));
}

/// Registers a task definition whose only container runs a program in the tests' Python.
fn register_python(pods: &Pods, family: &str, role: &str, program: &str, labels: &Value) {
    let (mut volumes, mut mounts) = (Vec::new(), Vec::new());
    for (number, (source, path)) in folders_of(&pods.python).into_iter().enumerate() {
        let name = format!("python-{number}");
        volumes.push(serde_json::json!({"name": name, "host": {"sourcePath": source}}));
        mounts.push(serde_json::json!({"sourceVolume": name, "containerPath": path, "readOnly": true}));
    }
    let container = serde_json::json!([{
        "name": "app", "image": "busybox", "memory": 256, "command": [pods.python, "-c", program], "mountPoints": mounts,
        "dockerLabels": labels,
    }]);
    let (container, volumes) = (container.to_string(), Value::from(volumes).to_string());
    let register = ["ecs", "register-task-definition", "--family", family, "--task-role-arn", role];
    pods.aws(&[&register[..], &["--container-definitions", &container, "--volumes", &volumes]].concat());
}

// "Assume role with web identity provider" of boto3's guide to credentials, and "IAM roles for service accounts" of Amazon EKS.
#[test]
fn a_pod_assumes_its_role_by_web_identity_and_may_do_what_its_policies_mean() {
    const PROGRAM: &str = "import boto3\n\
        session = boto3.Session()\n\
        print(session.get_credentials().method)\n\
        print(session.client('sts').get_caller_identity()['Arn'])\n";
    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    const POLICY: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecs:List*","ecs:Describe*"],"Resource":"*"}]}"#;
    let localstack = std::env::var_os("KECS_TEST_LOCALSTACK_PYTHON").expect("the step `cluster` names a Python with LocalStack");
    let localstack = LocalStack::start(&PathBuf::from(localstack));
    let pods = Pods::start_with("roles", 5407, localstack.endpoint(), &[]);
    pods.aws(&["ecs", "create-cluster"]);
    pods.aws(&["iam", "create-role", "--role-name", "looker", "--assume-role-policy-document", TRUST]);
    pods.aws(&["iam", "put-role-policy", "--role-name", "looker", "--policy-name", "look", "--policy-document", POLICY]);
    let run = |family: &str| {
        let task = pods.aws(&["ecs", "run-task", "--task-definition", family, "--query", "tasks[0].taskArn"]);
        pods.aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
        task
    };
    register_python(&pods, "looking", "looker", PROGRAM, &serde_json::json!({"kecs.io/web-identity": "true"}));
    let task = run("looking");
    let id = task.rsplit('/').next().unwrap();
    let output = pods.output(&task);
    assert_eq!(output, format!("assume-role-with-web-identity\narn:aws:sts::000000000000:assumed-role/looker/{id}"));

    let ours = ["get", "serviceaccounts", "-A", "-l", "kecs.io/owner=roles", "-o"];
    let [namespace, account] = ["namespace", "name"].map(|field| {
        let path = format!("jsonpath={{.items[*].metadata.{field}}}");
        kubectl(&[&ours[..], &[path.as_str()]].concat())
    });
    let identity = format!("system:serviceaccount:{namespace}:{account}");
    let may = |words: &[&str]| {
        let asked = ["auth", "can-i", "--as", &identity, "--namespace", &namespace];
        Command::new("kubectl").args(asked).args(words).output().unwrap().status.success()
    };
    assert!(may(&["list", "pods"]));
    for words in [&["get", "secrets"][..], &["create", "pods"], &["get", "pods", "--subresource=log"]] {
        assert!(!may(words), "{words:?}");
    }

    // A role that nobody has made is KECS's, and goes with the last definition that names it.
    let container = r#"[{"name":"app","image":"busybox","memory":32,"command":["true"]}]"#;
    pods.aws(&[
        "ecs",
        "register-task-definition",
        "--family",
        "made",
        "--task-role-arn",
        "made",
        "--container-definitions",
        container,
    ]);
    run("made");
    let has = |role: &str| pods.kecs.aws(&pods.python, &["iam", "get-role", "--role-name", role]).success;
    assert!(has("made"));
    for definition in ["made:1", "looking:1"] {
        pods.aws(&["ecs", "deregister-task-definition", "--task-definition", definition]);
    }
    kubectl(&["wait", "--for=delete", &format!("serviceaccount/{account}"), "--namespace", &namespace, "--timeout=60s"]);
    let started = std::time::Instant::now();
    while has("made") {
        assert!(started.elapsed() < std::time::Duration::from_mins(1), "the role stays");
    }
    assert!(has("looker"), "a role that somebody has made stays");
}

/// What a Python needs of the machine, each with the place that it has in a container: its environment, the installation behind it, and the shared
/// libraries.
fn folders_of(python: &Path) -> Vec<(String, String)> {
    let asked = Command::new(python).args(["-c", "import sys; print(sys.prefix); print(sys.base_prefix)"]).output().unwrap();
    let asked = String::from_utf8(asked.stdout).unwrap();
    let libraries = ["/lib", "/lib64"].map(|path| (std::fs::canonicalize(path).unwrap().display().to_string(), path.to_owned()));
    let usr = [("/usr".to_owned(), "/usr".to_owned())];
    let own = asked.lines().filter(|prefix| !prefix.starts_with("/usr")).map(|prefix| (prefix.to_owned(), prefix.to_owned()));
    own.chain(usr).chain(libraries).collect()
}

// "Amazon ECS container instances": registered by what runs on them, and there for tasks of the launch type EC2.
#[test]
fn a_labelled_node_is_a_container_instance_on_which_tasks_run() {
    let pods = Pods::start("instances", 5405);
    let node = kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]);
    kubectl(&["label", "node", &node, "kecs.io/cluster=of-nodes"]);
    pods.aws(&["ecs", "create-cluster", "--cluster-name", "of-nodes"]);
    let instances =
        || pods.aws(&["ecs", "list-container-instances", "--cluster", "of-nodes", "--query", "containerInstanceArns[]"]);
    // Nothing tells a client of ECS that an instance has come or gone.
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let started = std::time::Instant::now();
        while !is_so() {
            assert!(started.elapsed() < std::time::Duration::from_mins(1), "{what}");
        }
    };
    until("the node is registered", &|| !instances().is_empty());
    let instance = instances();
    let describe = ["ecs", "describe-container-instances", "--cluster", "of-nodes", "--container-instances", &instance, "--query"];
    let described = pods.aws(&[&describe[..], &["containerInstances[0].[ec2InstanceId,status,agentConnected]"]].concat());
    assert_eq!(described.split_whitespace().collect::<Vec<_>>(), [node.as_str(), "ACTIVE", "True"]);
    let zone = pods.aws(&[&describe[..], &["containerInstances[0].attributes[?name=='kubernetes.io/hostname'].value"]].concat());
    assert_eq!(zone, kubectl(&["get", "node", &node, "-o", "jsonpath={.metadata.labels.kubernetes\\.io/hostname}"]));

    let container = r#"[{"name":"app","image":"busybox","memory":32,"command":["sh","-c","exit 0"]}]"#;
    pods.aws(&["ecs", "register-task-definition", "--family", "placed", "--container-definitions", container]);
    let run = ["ecs", "run-task", "--cluster", "of-nodes", "--task-definition", "placed", "--query", "tasks[0].taskArn"];
    let constraint = format!("type=memberOf,expression=attribute:kubernetes.io/hostname == {zone}");
    let task = pods.aws(&[&run[..], &["--placement-constraints", &constraint]].concat());
    let told = |query: &str| pods.aws(&["ecs", "describe-tasks", "--cluster", "of-nodes", "--tasks", &task, "--query", query]);
    assert_eq!(told("tasks[0].containerInstanceArn"), instance);
    let terms = "jsonpath={.items[*].spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[*].matchFields[*].values[*]}";
    assert_eq!(kubectl(&["get", "pods", "-A", "-l", "kecs.io/owner=instances", "-o", terms]), node);
    pods.aws(&["ecs", "wait", "tasks-stopped", "--cluster", "of-nodes", "--tasks", &task]);
    assert_eq!(told("tasks[0].containers[0].exitCode"), "0");

    // "Draining Amazon ECS container instances": nothing new is placed there. In Kubernetes the node is cordoned, for whoever creates pods.
    let becomes = |status: &str| {
        let update = ["ecs", "update-container-instances-state", "--cluster", "of-nodes", "--container-instances", &instance];
        let query = ["--status", status, "--query", "[containerInstances[0].status,length(failures)]"];
        assert_eq!(pods.aws(&[&update[..], &query].concat()), format!("{status}\t0"));
    };
    let is_cordoned = || kubectl(&["get", "node", &node, "-o", "jsonpath={.spec.unschedulable}"]) == "true";
    assert!(!is_cordoned());
    becomes("DRAINING");
    until("the node is cordoned", &is_cordoned);
    let failed = ["ecs", "run-task", "--cluster", "of-nodes", "--task-definition", "placed", "--query", "length(tasks)"];
    let outcome = pods.kecs.aws(&pods.python, &failed);
    assert!(outcome.stderr.contains("No Container Instances were found in your cluster."), "{outcome:?}");
    becomes("ACTIVE");
    until("the node takes pods again", &|| !is_cordoned());

    kubectl(&["label", "node", &node, "kecs.io/cluster-"]);
    until("the node is deregistered", &|| instances().is_empty());
    assert_eq!(pods.aws(&[&describe[..], &["containerInstances[0].status"]].concat()), "INACTIVE");
}

#[test]
fn a_pod_that_is_no_task_reaches_kecs_on_its_own_loopback_when_it_asks_for_that() {
    let address = format!("https://{NODE}:9406");
    let pods = Pods::start_with("injected", 5406, "off", &["--kube-webhook", &address, "--kube-webhook-listen", "0.0.0.0:9406"]);
    pods.aws(&["ecs", "create-cluster", "--cluster-name", "seen-from-a-pod"]);
    kubectl(&["create", "namespace", "injected"]);
    kubectl(&["label", "namespace", "injected", "kecs.io/inject-aws-proxy=enabled"]);
    kubectl(&["wait", "--for=create", "serviceaccount/default", "--namespace", "injected"]);
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "namespace": "injected", "annotations": {"kecs.io/inject-aws-proxy": "true"}},
        "spec": {"restartPolicy": "Never", "containers": [{
            "name": "app", "image": "busybox", "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", "wget -q -O - --header 'X-Amz-Target: AmazonEC2ContainerServiceV20141113.ListClusters' \
                --header 'Content-Type: application/x-amz-json-1.1' --post-data '{}' $AWS_ENDPOINT_URL/ 2>/dev/null; echo; echo $AWS_ENDPOINT_URL $AWS_REGION"],
        }]},
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, pod.to_string()).unwrap();
    let file = file.path().to_str().unwrap();
    kubectl(&["wait", "--for=create", "mutatingwebhookconfiguration/injected-aws-proxy"]);
    // Once the API server has heard of the webhook, and as often as one likes.
    let dry = ["apply", "--dry-run=server", "-f", file, "-o", "jsonpath={.spec.initContainers[*].name}"];
    let started = std::time::Instant::now();
    while kubectl(&dry) != "kecs-sidecar" {
        assert!(started.elapsed() < std::time::Duration::from_mins(1), "the webhook is never asked");
    }
    kubectl(&["apply", "-f", file]);
    kubectl(&["wait", "pod/app", "--namespace", "injected", "--timeout=60s", "--for=jsonpath={.status.phase}=Succeeded"]);
    let output = kubectl(&["logs", "app", "--namespace", "injected", "--container", "app"]);
    let (answer, variables) = output.rsplit_once('\n').unwrap();
    assert!(answer.contains("arn:aws:ecs:us-east-1:000000000000:cluster/seen-from-a-pod"), "{output}");
    assert_eq!(variables, "http://localhost:4566 us-east-1");
    kubectl(&["delete", "mutatingwebhookconfiguration/injected-aws-proxy"]);
    kubectl(&["delete", "namespace", "injected", "--wait=false"]);
}

// Where a container of Kubernetes finds its cluster: by the variables of the service `kubernetes` and the token of its service account.
#[test]
fn auto_runs_tasks_as_pods_where_it_runs_in_a_pod_itself() {
    let image = concat!("kecs.io/kecs:", env!("CARGO_PKG_VERSION"));
    let run = ["run", "auto", "--image", image, "--image-pull-policy", "Never", "--restart", "Never", "--"];
    kubectl(&[&run[..], &["start", "--runtime", "auto", "--state", "memory", "--localstack", "off"]].concat());
    kubectl(&["wait", "pod/auto", "--timeout=60s", "--for=jsonpath={.status.phase}=Running"]);
    let started = std::time::Instant::now();
    let mut said = String::new();
    while !said.contains("Ctrl-C ends it") {
        assert!(started.elapsed() < std::time::Duration::from_mins(1), "it does not greet: {said}");
        said = kubectl(&["logs", "auto"]);
    }
    assert!(said.contains("Tasks run as pods."), "{said}");
    kubectl(&["delete", "pod", "auto", "--wait=false"]);
}
