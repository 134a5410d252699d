//! How tasks that are pods end, log, and come by their secrets, by the AWS CLI, on a real cluster.
//!
//! `cargo xtask test --only cluster` runs this, with the variables that `cluster_pods.rs` tells of.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{LocalStack, Pods, kubectl, memory_holds, pod_of};
use serde_json::{Value, json};

/// A task that ends, and what is told of that.
struct End {
    family: &'static str,
    /// Its only container, but for its name.
    container: Value,
    /// The memory of the whole task.
    memory: Option<&'static str>,
    /// What is done to its pod once it runs.
    act: Option<fn(namespace: &str, pod: &str)>,
    /// The task's stop code and reason, and the container's reason and exit code. A text that ends with `…` goes on.
    told: [&'static str; 4],
}

fn delete(namespace: &str, pod: &str) {
    kubectl(&["delete", "pod", pod, "--namespace", namespace, "--wait=false"]);
}

fn evict(namespace: &str, pod: &str) {
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, eviction.to_string()).unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
    kubectl(&["create", "--raw", &path, "--filename", file.path().to_str().unwrap()]);
}

/// Ends with 9 when it is told to.
const TRAP: [&str; 3] = ["sh", "-c", "trap 'exit 9' TERM; sleep 600 & wait"];

// Stop codes: API reference, Task, `stopCode`. Texts: "Amazon ECS stopped tasks error messages" and "CannotPullContainer task errors" of the developer
// guide, and there "OutOfMemoryError: Container killed due to memory usage", with exit code 137 ("Exit codes", 128 and SIGKILL).
fn ends() -> Vec<End> {
    let running = |command: [&str; 3]| json!({"image": "busybox", "memory": 32, "command": command});
    let eats = ["sh", "-c", "exec tail /dev/zero"];
    let end = |family, container, told| End { family, container, memory: None, act: None, told };
    let essential = "Essential container in task exited";
    let out_of_memory = ["EssentialContainerExited", essential, "OutOfMemoryError: Container killed due to memory usage", "137"];
    let cannot_pull = ["TaskFailedToStart", "CannotPullContainerError: …", "CannotPullContainerError: …", "None"];
    let deleted = ["TerminationNotice", "Task lost: its pod was deleted", "None", "9"];
    let evicted = ["TerminationNotice", "Task lost: EvictionByEvictionAPI: …", "None", "9"];
    vec![
        end("exit", running(["sh", "-c", "exit 3"]), ["EssentialContainerExited", essential, "None", "3"]),
        end("container-memory", running(eats), out_of_memory),
        End { memory: Some("64"), ..end("task-memory", json!({"image": "busybox", "command": eats}), out_of_memory) },
        end("pull", json!({"image": "127.0.0.1:9/none:1", "memory": 32}), cannot_pull),
        End { act: Some(delete), ..end("delete", running(TRAP), deleted) },
        End { act: Some(evict), ..end("evict", running(TRAP), evicted) },
    ]
}

#[test]
fn each_end_is_told_in_the_words_of_ecs() {
    let pods = Pods::alone("ends", "off");
    pods.aws(&["ecs", "create-cluster"]);
    let mut tasks = Vec::new();
    for end in ends() {
        let mut container = end.container.clone();
        container["name"] = "app".into();
        let containers = json!([container]).to_string();
        let register = ["ecs", "register-task-definition", "--family", end.family, "--container-definitions", &containers];
        pods.aws(&[&register[..], &end.memory.map_or(vec![], |memory| vec!["--memory", memory])].concat());
        tasks.push((pods.run_task(end.family), end));
    }
    for (task, end) in &tasks {
        if let Some(act) = end.act {
            pods.wait("tasks-running", task);
            let (namespace, pod) = pod_of(task);
            act(&namespace, &pod);
        }
    }
    for (task, End { family, told, .. }) in &tasks {
        pods.wait("tasks-stopped", task);
        let query = "tasks[0].[stopCode,stoppedReason,containers[0].reason,containers[0].exitCode]";
        let found = pods.told(task, query);
        let found: Vec<&str> = found.split('\t').collect();
        assert_eq!(found.len(), told.len(), "{family}: {found:?}");
        for (found, told) in found.iter().zip(told) {
            let is_so = told.strip_suffix('…').map_or(found == told, |start| found.starts_with(start));
            assert!(is_so, "{family}: {found:?} is not {told:?}");
        }
    }
}

fn localstack() -> LocalStack {
    let python = std::env::var_os("KECS_TEST_LOCALSTACK_PYTHON").expect("the step `cluster` names a Python with LocalStack");
    LocalStack::start(&PathBuf::from(python))
}

/// A role that may do what the tasks here need; LocalStack does not ask.
const ROLE: &str = "arn:aws:iam::000000000000:role/execution";

fn register(pods: &Pods, family: &str, container: &Value) {
    pods.aws(&["ecs", "create-cluster"]);
    let containers = json!([container]).to_string();
    let register = ["ecs", "register-task-definition", "--family", family, "--execution-role-arn", ROLE];
    pods.aws(&[&register[..], &["--container-definitions", &containers]].concat());
}

// "Send Amazon ECS logs to CloudWatch": a stream is prefix/container/task.
#[test]
fn what_a_pod_writes_is_in_cloudwatch_logs_while_it_runs() {
    let localstack = localstack();
    let pods = Pods::alone("awslogs", localstack.endpoint());
    let options = json!({"awslogs-group": "/ecs/live", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"});
    let container = json!({
        "name": "app", "image": "busybox", "memory": 32, "stopTimeout": 2,
        "command": ["sh", "-c", "echo first; echo second >&2; exec sleep 600"],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    });
    pods.aws(&["logs", "create-log-group", "--log-group-name", "/ecs/live"]);
    register(&pods, "live", &container);
    let task = pods.run_task("live");
    pods.wait("tasks-running", &task);
    let stream = format!("web/app/{}", task.rsplit('/').next().unwrap());
    let read = ["logs", "get-log-events", "--log-group-name", "/ecs/live", "--log-stream-name", &stream];
    let started = Instant::now();
    // Nothing tells a client of CloudWatch Logs that there is something new.
    while pods.kecs.aws(&pods.python, &[&read[..], &["--query", "events[].message"]].concat()).stdout != "first\tsecond" {
        assert!(started.elapsed() < Duration::from_mins(1), "its lines do not come");
    }
    assert_eq!(pods.told(&task, "tasks[0].lastStatus"), "RUNNING");
}

/// What parsers copy strings for is in it: escapes. What is freed has its beginning written over by the allocator.
const PARAMETER: &str = r#""quoted" \, behind what is written over: hush-parameter"#;
const SECRET: &str = r#"{"password":"\"quoted\", behind what is written over: hush-secret"}"#;
const REGISTRY: &str = r#"{"username":"puller","password":"\"quoted\", behind what is written over: hush-registry"}"#;
const PLAIN: &str = "plain-as-it-is-written";

/// A part of what are no credentials, without a username: so long that it is not all written over, and longer than the 128 bytes that a search takes at once,
/// which a debug build leaves on the stack.
fn nameless() -> String {
    "hush-nameless".repeat(16)
}

/// Makes a secret in LocalStack itself, so that KECS sees it only when it reads it for a task.
fn make(localstack: &LocalStack, python: &Path, words: &[&str]) -> String {
    let outcome = e2e::aws(localstack.endpoint(), python, words);
    assert!(outcome.success, "{words:?}: {outcome:?}");
    outcome.stdout
}

#[test]
fn no_copy_of_a_task_s_secrets_stays_in_the_memory_of_kecs() {
    let localstack = localstack();
    let pods = Pods::alone("secrets", localstack.endpoint());
    let parameter = ["ssm", "put-parameter", "--name", "/a", "--type", "SecureString", "--value", PARAMETER];
    make(&localstack, &pods.python, &parameter);
    let no_credentials = json!({"password": format!("\"quoted\" {}", nameless().repeat(16))}).to_string();
    let [secret, registry, no_credentials] =
        [("b", SECRET), ("registry", REGISTRY), ("nameless", &*no_credentials)].map(|(name, value)| {
            let create = ["secretsmanager", "create-secret", "--name", name, "--secret-string", value, "--query", "ARN"];
            make(&localstack, &pods.python, &create)
        });
    let container = json!({
        "name": "app", "image": "busybox", "memory": 32, "stopTimeout": 2,
        "command": ["sh", "-c", "echo ${#A} ${#B} ${#C}; exec sleep 600"],
        "environment": [{"name": "PLAIN", "value": PLAIN}],
        "repositoryCredentials": {"credentialsParameter": registry},
        "secrets": [
            {"name": "A", "valueFrom": "/a"},
            {"name": "B", "valueFrom": secret},
            {"name": "C", "valueFrom": format!("{secret}:password::")},
        ],
    });
    register(&pods, "secrets", &container);
    let task = pods.run_task("secrets");
    pods.wait("tasks-running", &task);
    let password = serde_json::from_str::<Value>(SECRET).unwrap()["password"].as_str().unwrap().len();
    let lengths = format!("{} {} {password}", PARAMETER.len(), SECRET.len());
    let started = Instant::now();
    while pods.output(&task) != lengths {
        assert!(started.elapsed() < Duration::from_mins(1), "the container has no {lengths}");
    }

    // In Kubernetes they are, in base64.
    let (namespace, pod) = pod_of(&task);
    let encoded = [pod.clone(), format!("{pod}-pull")].map(|name| {
        let data = kubectl(&["get", "secret", &name, "--namespace", &namespace, "--output", "jsonpath={.data}"]);
        let data: serde_json::Map<String, Value> = serde_json::from_str(&data).unwrap();
        data.values().map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(encoded.each_ref().map(Vec::len), [3, 1]);
    // The end, which has the secret: what is freed has its beginning written over.
    let ends = encoded.iter().flatten().map(|text| &text.as_bytes()[text.len() - 28..]);

    let credentials = json!({"credentialsParameter": no_credentials});
    register(&pods, "nameless", &json!({"name": "app", "image": "busybox", "memory": 32, "repositoryCredentials": credentials}));
    let refused = pods.run_task("nameless");
    pods.wait("tasks-stopped", &refused);
    let reason = pods.told(&refused, "tasks[0].stoppedReason");
    assert!(reason.contains("the repositoryCredentials of container app are not"), "{reason}");

    let kecs = pods.kecs.pid();
    assert!(memory_holds(kecs, PLAIN.as_bytes()), "what a task definition says is kept");
    for secret in ["hush-parameter", "hush-secret", "hush-registry", &nameless()].map(str::as_bytes).into_iter().chain(ends) {
        assert!(!memory_holds(kecs, secret), "{}", String::from_utf8_lossy(secret));
    }
}

/// Debian's docker-registry, which gives images to who has this name and password only.
struct Registry {
    process: Child,
    folder: tempfile::TempDir,
}

impl Registry {
    const ADDRESS: &str = "127.0.0.1:5420";
    const USER: &str = "puller";
    const PASSWORD: &str = "hush-registry";
    /// What `htpasswd -nbB` makes of these.
    const HTPASSWD: &str = "puller:$2y$05$taQpTSWeQjwRuOYnKK8X7OCgTUQICy46OyrqKgJyQIClR8g/gij8i\n";

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [config, passwords] = ["config.yml", "htpasswd"].map(|name| folder.path().join(name));
        let settings = json!({
            "version": 0.1,
            "log": {"accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": folder.path()}},
            "http": {"addr": Self::ADDRESS},
            "auth": {"htpasswd": {"realm": "tests", "path": passwords}},
        });
        std::fs::write(&config, settings.to_string()).unwrap();
        std::fs::write(passwords, Self::HTPASSWD).unwrap();
        let mut command = Command::new("docker-registry");
        let mut process = command.arg("serve").arg(config).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.by_ref().any(|line| line.contains("listening on")), "the registry does not start");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || said.for_each(drop));
        Self { process, folder }
    }

    /// Makes an image with a shell that is there alone, and returns its name. Not one that the node has: what was pulled with credentials the kubelet gives
    /// to nobody without (KubeletEnsureSecretPulledImages).
    fn image(&self) -> String {
        let (name, user) = (format!("{}/private/shell:1", Self::ADDRESS), format!("{}:{}", Self::USER, Self::PASSWORD));
        let (root, archive) = (self.folder.path().join("image"), self.folder.path().join("image.tar"));
        std::fs::create_dir(&root).unwrap();
        std::fs::copy("/usr/bin/busybox", root.join("busybox")).unwrap();
        std::fs::write(root.join("of-this-run"), self.folder.path().display().to_string()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/cluster/image.sh");
        run(Command::new(script).arg(&archive).arg(root).args([&name, "/busybox"]));
        let ctr = || {
            let mut ctr = Command::new("ctr");
            ctr.args(["--namespace", "k8s.io", "images"]);
            ctr
        };
        run(ctr().args(["import", "--no-unpack"]).arg(archive));
        run(ctr().args(["push", "--plain-http", "--user", &user, &name]));
        run(ctr().args(["rm", "--sync", &name]));
        name
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// "Private registry authentication for tasks": a secret with `username` and `password`.
#[test]
fn an_image_is_pulled_with_the_credentials_of_its_repository() {
    let registry = Registry::start();
    let image = registry.image();
    let localstack = localstack();
    let pods = Pods::alone("pull", localstack.endpoint());
    let credentials = json!({"username": Registry::USER, "password": Registry::PASSWORD}).to_string();
    let create = ["secretsmanager", "create-secret", "--name", "registry", "--secret-string", &credentials, "--query", "ARN"];
    let secret = make(&localstack, &pods.python, &create);
    let plain = json!({"name": "app", "image": image, "memory": 32, "command": ["sh", "-c", "exit 7"]});
    let mut allowed = plain.clone();
    allowed["repositoryCredentials"] = json!({"credentialsParameter": secret});
    let end = |family: &str, container: &Value| {
        register(&pods, family, container);
        let task = pods.run_task(family);
        pods.wait("tasks-stopped", &task);
        pods.told(&task, "tasks[0].[stopCode,containers[0].reason,containers[0].exitCode]")
    };
    let refused = end("stranger", &plain);
    assert!(refused.starts_with("TaskFailedToStart\tCannotPullContainerError: "), "{refused}");
    assert!(refused.contains("401 Unauthorized"), "{refused}");
    assert_eq!(end("known", &allowed), "EssentialContainerExited\tNone\t7");
}
