//! A kecs whose tasks are pods of the cluster that the tests run in.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::Kecs;

/// The node, as pods reach it.
pub const NODE: &str = "10.88.0.1";

/// A kecs that pods reach, and the AWS CLI.
#[derive(Debug)]
pub struct Pods {
    /// The kecs.
    pub kecs: Kecs,
    /// The Python that the AWS CLI is beside.
    pub python: PathBuf,
}

impl Pods {
    /// A kecs of this prefix, with this LocalStack, of which pods are told nothing.
    ///
    /// # Panics
    /// When it does not start.
    pub fn alone(prefix: &str, localstack: &str) -> Self {
        Self::of(prefix, localstack, &[])
    }

    /// A kecs of this prefix that pods reach at this port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(prefix: &str, port: u16) -> Self {
        Self::start_with(prefix, port, "off", &[])
    }

    /// The same with this LocalStack and further arguments.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(prefix: &str, port: u16, localstack: &str, further: &[&str]) -> Self {
        let (listen, endpoint) = (format!("0.0.0.0:{port}"), format!("http://{NODE}:{port}"));
        // Nobody else is in the box.
        let reached = ["--listen", &listen, "--insecure", "--task-endpoint", &endpoint, "--allowed-hosts", NODE];
        Self::of(prefix, localstack, &[&reached[..], further].concat())
    }

    fn of(prefix: &str, localstack: &str, further: &[&str]) -> Self {
        let python = std::env::var_os("KECS_CLIENTS_PYTHON").expect("the step `cluster` names a Python with the AWS CLI");
        let arguments =
            ["--runtime", "kubernetes", "--kube-prefix", prefix, "--kube-pull-policy", "IfNotPresent", "--localstack", localstack];
        let folder = TempDir::new().expect("a folder can be made");
        Self { kecs: Kecs::start_in(folder, &[&arguments[..], further].concat(), &[]), python: python.into() }
    }

    /// What the AWS CLI answers.
    ///
    /// # Panics
    /// When it says that something went wrong.
    pub fn aws(&self, words: &[&str]) -> String {
        let outcome = self.kecs.aws(&self.python, words);
        assert!(outcome.success, "{words:?}: {outcome:?}");
        outcome.stdout
    }

    /// Starts a task of a definition, and returns its ARN.
    ///
    /// # Panics
    /// When it is not taken.
    pub fn run_task(&self, definition: &str) -> String {
        self.aws(&["ecs", "run-task", "--task-definition", definition, "--query", "tasks[0].taskArn"])
    }

    /// Waits for a task: until `tasks-running` or `tasks-stopped`.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn wait(&self, waiter: &str, task: &str) {
        let outcome = self.kecs.aws(&self.python, &["ecs", "wait", waiter, "--tasks", task]);
        assert!(outcome.success, "{}: {}", outcome.stderr, self.told(task, "tasks[0]"));
    }

    /// What is told of a task.
    ///
    /// # Panics
    /// When nothing is.
    pub fn told(&self, task: &str, query: &str) -> String {
        self.aws(&["ecs", "describe-tasks", "--tasks", task, "--query", query])
    }

    /// What a task has written.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn output(&self, task: &str) -> String {
        let outcome = self.kecs.command(&["logs", task]);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    }
}

/// What kubectl answers, as the cluster's administrator.
///
/// # Panics
/// When it says that something went wrong.
pub fn kubectl(words: &[&str]) -> String {
    let output = Command::new("kubectl").args(words).output().expect("kubectl can be started");
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is text").trim().to_owned()
}

/// The namespace and the name of a task's pod.
///
/// # Panics
/// When there is none.
pub fn pod_of(task: &str) -> (String, String) {
    let label = format!("kecs.io/task-id={}", task.rsplit('/').next().unwrap_or_default());
    let path = "jsonpath={.items[0].metadata.namespace}/{.items[0].metadata.name}";
    let found = kubectl(&["get", "pods", "--all-namespaces", "--selector", &label, "--output", path]);
    found.split_once('/').map(|(namespace, pod)| (namespace.to_owned(), pod.to_owned())).expect("the task is a pod")
}
