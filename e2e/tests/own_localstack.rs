//! A cluster with a LocalStack of its own, by the configuration file: what its tasks call.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with the AWS CLI, `KECS_TEST_LOCALSTACK_PYTHON` one with LocalStack; `cargo xtask test` makes both.

use std::io::Write;
use std::path::PathBuf;

use e2e::{Kecs, aws};

#[test]
fn tasks_of_a_cluster_with_its_own_localstack_reach_that_and_no_other() {
    let python = |name| std::env::var(name).ok();
    let Some((clients, localstack)) = python("KECS_CLIENTS_PYTHON").zip(python("KECS_TEST_LOCALSTACK_PYTHON")) else {
        assert!(std::env::var_os("KECS_TEST_REQUIRE").is_none(), "nothing may be skipped here");
        let _ = writeln!(
            std::io::stderr(),
            "skipped: it needs Pythons with the AWS CLI and with LocalStack; `cargo xtask test` brings them"
        );
        return;
    };
    let clients = PathBuf::from(clients);
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("kecs-config.yaml");
    std::fs::write(
        &file,
        "clusters: [{name: default, localstack: {services: [ssm]}}, {name: own, localstack: {services: [sqs, ssm]}}]",
    )
    .unwrap();
    let kecs = Kecs::start_in(data, &["--localstack-python", &localstack, "--config", file.to_str().unwrap()], &[]);
    let call = |words: &[&str]| {
        let outcome = kecs.aws(&clients, words);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    };
    let put = |name: &str| {
        serde_json::json!([
            clients.with_file_name("aws"),
            "ssm",
            "put-parameter",
            "--name",
            name,
            "--value",
            "there",
            "--type",
            "String"
        ])
    };
    for (cluster, name) in [("own", "/of/own"), ("default", "/of/default")] {
        let containers = serde_json::json!([{"name": "app", "image": "app", "memory": 64, "command": put(name)}]).to_string();
        call(&["ecs", "register-task-definition", "--family", cluster, "--container-definitions", &containers]);
        let task = call(&["ecs", "run-task", "--cluster", cluster, "--task-definition", cluster, "--query", "tasks[0].taskArn"]);
        call(&["ecs", "wait", "tasks-stopped", "--cluster", cluster, "--tasks", &task]);
        let exit_code = ["--query", "tasks[0].containers[0].exitCode"];
        assert_eq!(call(&[&["ecs", "describe-tasks", "--cluster", cluster, "--tasks", &task], &exit_code[..]].concat()), "0");
    }
    let names = ["ssm", "describe-parameters", "--query", "Parameters[].Name"];
    let of_own = aws(&format!("{}/_kecs/clusters/own", kecs.endpoint()), &clients, &names);
    assert_eq!((of_own.stdout.as_str(), call(&names).as_str()), ("/of/own", "/of/default"), "{of_own:?}");

    // Older SDKs call a queue by its URL and nothing else.
    let own = format!("{}/_kecs/clusters/own", kecs.endpoint());
    // Version 1 of the CLI has a host of its own for queues where it is told by a variable.
    let sqs = |words: &[&str]| aws(&own, &clients, &[&["sqs", "--endpoint-url", &own][..], words].concat());
    let queue = sqs(&["create-queue", "--queue-name", "jobs", "--query", "QueueUrl"]).stdout;
    let send =
        "import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + '?Action=SendMessage&MessageBody=by-its-url').read()";
    let sent = std::process::Command::new(&clients).args(["-c", send, &queue]).output().unwrap();
    assert!(sent.status.success(), "{queue}: {sent:?}");
    let received = sqs(&["receive-message", "--queue-url", &queue, "--query", "Messages[0].Body"]);
    assert_eq!(received.stdout, "by-its-url", "{received:?}");
}
