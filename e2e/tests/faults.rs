//! What becomes of a whole KECS when something that it stands on goes: LocalStack, Python, the disk; and of its changes when it goes itself.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with the AWS CLI, `KECS_TEST_LOCALSTACK_PYTHON` one with LocalStack; `cargo xtask test` makes both.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Kecs, localstack_processes};

/// The Pythons with the AWS CLI and with LocalStack, or the test is skipped.
fn pythons(test: &str) -> Option<(PathBuf, String)> {
    let python = |name| std::env::var(name).ok();
    let found = python("KECS_CLIENTS_PYTHON").zip(python("KECS_TEST_LOCALSTACK_PYTHON"));
    if found.is_none() {
        skip(test, "needs Pythons with the AWS CLI and with LocalStack; `cargo xtask test` brings them");
    }
    found.map(|(clients, localstack)| (clients.into(), localstack))
}

/// ECS wants it beside secrets.
const ROLE: [&str; 2] = ["--execution-role-arn", "arn:aws:iam::000000000000:role/execution"];

fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("KECS_TEST_REQUIRE").is_none(), "{why}");
    // The test harness would capture `eprintln!`.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

#[test]
fn changes_of_localstack_hold_in_the_next_run() {
    let Some((_, localstack)) = pythons("changes_of_localstack_hold_in_the_next_run") else { return };
    let arguments = ["--runtime", "memory", "--localstack-python", &localstack];
    let kecs = Kecs::start(&arguments);
    let disabled = kecs.command(&["localstack", "disable", "--services", "swf"]);
    assert!(disabled.success, "{disabled:?}");
    let made = kecs.command(&["create-cluster", "--name", "own", "--localstack-services", "sqs"]);
    assert!(made.success, "{made:?}");

    let kecs = Kecs::start_in(kecs.ended(), &arguments, &[]);
    let woken = kecs.command(&["localstack", "restart"]);
    assert!(woken.success, "{woken:?}");
    let status = kecs.command(&["localstack", "status"]).stdout;
    assert!(status.contains("own: LocalStack") && !status.contains("swf"), "{status}");
}

#[test]
fn a_killed_localstack_comes_back_with_its_seed_and_tasks_get_their_secrets_again() {
    let name = "a_killed_localstack_comes_back_with_its_seed_and_tasks_get_their_secrets_again";
    let Some((clients, localstack)) = pythons(name) else { return };
    let data = tempfile::tempdir().unwrap();
    let settings =
        "clusters: [{name: default, localstack: {services: [ssm], seed: {parameters: [{name: /seeded, value: there}]}}}]";
    let file = data.path().join("kecs-config.yaml");
    std::fs::write(&file, settings).unwrap();
    let kecs = Kecs::start_in(data, &["--localstack-python", &localstack, "--config", file.to_str().unwrap()], &[]);
    let aws = |words: &[&str]| {
        let outcome = kecs.aws(&clients, words);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    };
    let get: &[&str] = &["ssm", "get-parameter", "--name", "/seeded", "--query", "Parameter.Value"];
    assert_eq!(aws(get), "there");
    let containers = r#"[{"name":"app","image":"app","memory":32,"command":["sh","-c","test $SEEDED = there"],"secrets":[{"name":"SEEDED","valueFrom":"/seeded"}]}]"#;
    aws(&["ecs", "register-task-definition", "--family", "seeded", "--container-definitions", containers, ROLE[0], ROLE[1]]);

    let before = localstack_processes(kecs.folder());
    signal_localstack(&kecs, "-KILL");
    // At the very moment, and then by a task.
    let task = aws(&["ecs", "run-task", "--task-definition", "seeded", "--query", "tasks[0].taskArn"]);
    aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
    assert_eq!(aws(&["ecs", "describe-tasks", "--tasks", &task, "--query", "tasks[0].containers[0].exitCode"]), "0");
    assert_eq!(aws(get), "there");
    let after = localstack_processes(kecs.folder());
    assert!(after.iter().all(|pid| !before.contains(pid)), "{before:?} {after:?}");
}

/// Sends the LocalStack of a kecs a signal: `-KILL`, as a lack of memory does, or `-STOP`.
fn signal_localstack(kecs: &Kecs, signal: &str) {
    let processes = localstack_processes(kecs.folder());
    assert!(!processes.is_empty(), "there is a LocalStack");
    let status = Command::new("kill").arg(signal).args(processes.iter().map(i32::to_string)).status();
    assert!(status.is_ok_and(|status| status.success()));
}

/// Begins a request: its head, and so many bytes of its body. The head ends in `content-length` and the like.
fn begin(kecs: &Kecs, head: &str, body: &[u8]) -> TcpStream {
    let authority = kecs.endpoint().strip_prefix("http://").expect("it is plain HTTP");
    let mut stream = TcpStream::connect(authority).expect("kecs is there");
    let head = format!("{head}\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("kecs takes it");
    stream
}

/// The whole answer. Whoever refuses a request need not read it: the connection may break behind the answer.
fn answer(mut stream: TcpStream) -> String {
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn calls_that_a_killed_localstack_had_in_hand_end_as_aws_errors_and_the_next_upload_works() {
    let name = "calls_that_a_killed_localstack_had_in_hand_end_as_aws_errors_and_the_next_upload_works";
    let Some((clients, localstack)) = pythons(name) else { return };
    let kecs = Kecs::start(&["--localstack-python", &localstack]);
    let aws = |words: &[&str]| kecs.aws(&clients, words);
    assert!(aws(&["s3api", "create-bucket", "--bucket", "files"]).success);
    // Version 1 of the AWS CLI forgets the endpoint for this service.
    let sqs = |words: &[&str]| aws(&[&["sqs", "--endpoint-url", kecs.endpoint()], words].concat());
    let queue = sqs(&["create-queue", "--queue-name", "jobs", "--query", "QueueUrl"]);
    assert!(queue.success, "{queue:?}");

    let poll = format!(r#"{{"QueueUrl":"{}","WaitTimeSeconds":20}}"#, queue.stdout);
    let json = "content-type: application/x-amz-json-1.0\r\nx-amz-target: AmazonSQS.ReceiveMessage";
    let polled = begin(&kecs, &format!("POST / HTTP/1.1\r\n{json}\r\ncontent-length: {}", poll.len()), poll.as_bytes());
    // More than the buffers on the way hold, so that LocalStack has begun to read it.
    let uploaded = begin(&kecs, "PUT /files/large HTTP/1.1\r\ncontent-length: 67108864", &vec![7; 32 << 20]);
    // Nobody tells when a call has reached LocalStack; by the end of another one it has.
    assert!(sqs(&["list-queues"]).success);
    signal_localstack(&kecs, "-KILL");

    for (answer, code) in [(answer(polled), r#""__type":""#), (answer(uploaded), "<Error><Code>")] {
        let status = answer.get(9..12).unwrap_or_default();
        assert!(["502", "503"].contains(&status) && answer.contains(code), "{answer}");
        assert!(answer.contains("closed the connection"), "{answer}");
    }
    assert!(aws(&["ecs", "list-clusters"]).success, "ECS is not concerned");
    let file = kecs.folder().join("file");
    std::fs::write(&file, vec![7; 1 << 20]).unwrap();
    let started = Instant::now();
    // At the first it may not be known yet that LocalStack is gone; its bucket is gone with it.
    while !aws(&["s3api", "create-bucket", "--bucket", "files"]).success {
        assert!(started.elapsed() < Duration::from_mins(2), "LocalStack does not come back");
    }
    let put = aws(&["s3api", "put-object", "--bucket", "files", "--key", "large", "--body", file.to_str().unwrap()]);
    assert!(put.success, "{put:?}");
    let length = aws(&["s3api", "head-object", "--bucket", "files", "--key", "large", "--query", "ContentLength"]);
    assert_eq!(length.stdout, "1048576", "{length:?}");
}

#[test]
fn a_task_loses_no_line_that_a_killed_localstack_had_not_taken() {
    const LINES: u32 = 400;
    let Some((clients, localstack)) = pythons("a_task_loses_no_line_that_a_killed_localstack_had_not_taken") else { return };
    let kecs = Kecs::start(&["--localstack-python", &localstack]);
    let aws = |words: &[&str]| {
        let outcome = kecs.aws(&clients, words);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    };
    let script = format!("n=1; while [ $n -le {LINES} ]; do echo $n; n=$((n + 1)); sleep 0.05; done");
    let containers = serde_json::json!([{ "name": "app", "image": "none", "memory": 32, "command": ["sh", "-c", script],
        "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "app", "awslogs-region": "us-east-1",
            "awslogs-stream-prefix": "of", "awslogs-create-group": "true" } } }]);
    aws(&["ecs", "create-cluster"]);
    aws(&["ecs", "register-task-definition", "--family", "app", "--container-definitions", &containers.to_string()]);
    let task = aws(&["ecs", "run-task", "--task-definition", "app", "--query", "tasks[0].taskArn"]);
    let id = task.rsplit('/').next().unwrap();
    let stream = format!("of/app/{id}");
    let get = ["logs", "get-log-events", "--log-group-name", "app", "--log-stream-name", &stream, "--start-from-head"];
    let events = || {
        let outcome = kecs.aws(&clients, &[&get[..], &["--query", "events[].message"]].concat());
        outcome.stdout.split_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<u32>>()
    };
    let started = Instant::now();
    while events().len() < 20 {
        assert!(started.elapsed() < Duration::from_mins(2), "no output arrives");
    }
    // From here on it takes nothing.
    signal_localstack(&kecs, "-STOP");
    let written: u32 = kecs.command(&["logs", id, "--tail", "1"]).stdout.trim().parse().unwrap();
    assert!(written < LINES, "it is killed while the task writes");
    signal_localstack(&kecs, "-KILL");

    // What it had taken is gone with it.
    while events().last() != Some(&LINES) {
        assert!(started.elapsed() < Duration::from_mins(4), "{:?}", events());
    }
    let events = events();
    let first = events[0];
    assert_eq!(events, (first..=LINES).collect::<Vec<_>>());
    assert!(first <= written + 1, "line {first} is the first that was not lost, and {written} lines were written before");
}

// "If you specify the blocking mode and the flow of logs is interrupted, calls from container code to write to the stdout and stderr streams will block"
// (LogConfiguration in the API reference of Amazon ECS).
#[test]
fn in_blocking_mode_a_container_waits_for_a_localstack_that_takes_nothing() {
    // Twice as much as a container's files hold.
    const LINES: usize = 4_000;
    let Some((clients, localstack)) = pythons("in_blocking_mode_a_container_waits_for_a_localstack_that_takes_nothing") else {
        return;
    };
    let kecs = Kecs::start(&["--localstack-python", &localstack]);
    let aws = |words: &[&str]| {
        let outcome = kecs.aws(&clients, words);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    };
    let done = kecs.folder().join("done");
    let script = format!("import time\nfor number in range({LINES}): print(number, 'x' * 12_000)\nopen({done:?}, 'w')");
    let containers = serde_json::json!([{ "name": "app", "image": "none", "memory": 32, "command": [clients, "-uc", script],
        "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "app", "awslogs-region": "us-east-1",
            "awslogs-stream-prefix": "of", "awslogs-create-group": "true", "mode": "blocking" } } }]);
    aws(&["ecs", "create-cluster"]);
    aws(&["ecs", "register-task-definition", "--family", "app", "--container-definitions", &containers.to_string()]);
    aws(&["logs", "create-log-group", "--log-group-name", "app"]);
    let task = aws(&["ecs", "run-task", "--task-definition", "app", "--query", "tasks[0].taskArn"]);
    let id = task.rsplit('/').next().unwrap();
    let last =
        || kecs.command(&["logs", id, "--tail", "1"]).stdout.split(' ').next().and_then(|number| number.parse::<usize>().ok());
    while last().is_none() {}
    signal_localstack(&kecs, "-STOP");
    // It is held up where it gets no further from one look to the next, each of which takes longer than a line.
    let written = last().expect("lines are there");
    let mut seen = written;
    loop {
        let next = last().expect("lines are there");
        if next == seen {
            break;
        }
        seen = next;
    }
    assert!(seen < LINES - 1 && !done.try_exists().unwrap(), "{seen:?}");
    signal_localstack(&kecs, "-CONT");
    aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
    assert!(done.try_exists().unwrap());
    let stream = format!("of/app/{id}");
    let get = ["logs", "get-log-events", "--log-group-name", "app", "--log-stream-name", &stream, "--start-from-head"];
    let events = |query| kecs.aws(&clients, &[&get[..], &["--query", query]].concat()).stdout;
    let started = Instant::now();
    let number = |message: &str| message.split(' ').next().and_then(|number| number.parse::<usize>().ok());
    while number(&events("events[-1].message")) != Some(LINES - 1) {
        assert!(started.elapsed() < Duration::from_mins(2));
    }
    // One that was away for so long that KECS started it again has forgotten what it took before.
    let numbers: Vec<usize> = events("events[].message").split('\t').filter_map(number).collect();
    assert_eq!(numbers, (numbers[0]..LINES).collect::<Vec<_>>());
    assert!(
        numbers[0] <= written + 1,
        "line {} is the first that was not lost, and {written} lines were written before",
        numbers[0]
    );
}

#[test]
fn without_python_ecs_goes_on_and_other_services_say_why_not() {
    let Some((clients, _)) = pythons("without_python_ecs_goes_on_and_other_services_say_why_not") else { return };
    // No Python is found there, and nothing else either.
    let data = tempfile::tempdir().unwrap();
    let nowhere = data.path().join("no programs").display().to_string();
    let kecs = Kecs::start_in(data, &["--localstack", "on"], &[("PATH", &nowhere), ("HOME", &nowhere), ("PYENV_ROOT", &nowhere)]);
    let refused = kecs.aws(&clients, &["ssm", "get-parameter", "--name", "any"]);
    assert!(!refused.success && refused.stderr.contains("ServiceUnavailable"), "{refused:?}");
    assert!(refused.stderr.contains("Python") && refused.stderr.contains("failed"), "{refused:?}");
    let status = kecs.command(&["localstack", "status"]);
    assert!(status.stdout.contains("failed") && status.stdout.contains("Python"), "{status:?}");
    // What it advises is there.
    assert!(status.stdout.contains("or name one with --localstack-base-python"), "{status:?}");
    let made = kecs.aws(&clients, &["ecs", "create-cluster", "--cluster-name", "made", "--query", "cluster.status"]);
    assert_eq!(made.stdout, "ACTIVE", "{made:?}");
}

#[test]
fn tasks_run_where_localstack_has_no_logs_the_first_and_the_next() {
    let Some((clients, localstack)) = pythons("tasks_run_where_localstack_has_no_logs_the_first_and_the_next") else { return };
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("kecs-config.yaml");
    std::fs::write(&file, "clusters: [{name: default, localstack: {services: [ssm]}}]").unwrap();
    let kecs = Kecs::start_in(data, &["--localstack-python", &localstack, "--config", file.to_str().unwrap()], &[]);
    let aws = |words: &[&str]| {
        let outcome = kecs.aws(&clients, words);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    };
    let containers = r#"[{"name":"app","image":"app","memory":32,"command":["true"],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"app","awslogs-region":"us-east-1","awslogs-stream-prefix":"app"}}}]"#;
    aws(&["ecs", "register-task-definition", "--family", "app", "--container-definitions", containers]);
    for _ in 0..2 {
        let task = aws(&["ecs", "run-task", "--task-definition", "app", "--query", "tasks[0].taskArn"]);
        aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
        let ended = aws(&["ecs", "describe-tasks", "--tasks", &task, "--query", "tasks[0].[containers[0].exitCode,stoppedReason]"]);
        assert_eq!(ended, "0\tEssential container in task exited");
    }
}

/// A task's program that asks for the credentials of its role, and says what is answered where there are none.
const ASK: &str = "
import os, sys, urllib.error, urllib.request
headers = {'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']}
try:
    urllib.request.urlopen(urllib.request.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], headers=headers))
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
";

#[test]
fn a_role_is_not_created_where_that_is_turned_off() {
    let Some((clients, localstack)) = pythons("a_role_is_not_created_where_that_is_turned_off") else { return };
    let kecs = Kecs::start(&["--localstack-python", &localstack, "--create-roles", "off"]);
    let aws = |words: &[&str]| {
        let outcome = kecs.aws(&clients, words);
        assert!(outcome.success, "{outcome:?}");
        outcome.stdout
    };
    let containers = serde_json::json!([{"name": "app", "image": "app", "memory": 64, "command": [clients, "-c", ASK]}]);
    let (containers, role) = (containers.to_string(), "arn:aws:iam::000000000000:role/nobodys");
    aws(&["ecs", "create-cluster"]);
    aws(&["ecs", "register-task-definition", "--family", "app", "--container-definitions", &containers, "--task-role-arn", role]);
    let said = || {
        let task = aws(&["ecs", "run-task", "--task-definition", "app", "--query", "tasks[0].taskArn"]);
        aws(&["ecs", "wait", "tasks-stopped", "--tasks", &task]);
        kecs.command(&["logs", &task]).stdout
    };
    let refused = said();
    assert!(refused.contains("role/nobodys is not there: NoSuchEntity"), "{refused}");
    let missing = kecs.aws(&clients, &["iam", "get-role", "--role-name", "nobodys"]);
    assert!(missing.stderr.contains("NoSuchEntity"), "{missing:?}");
    aws(&["iam", "create-role", "--role-name", "nobodys", "--assume-role-policy-document", "{}"]);
    assert_eq!(said(), "", "somebody has made it");
}

/// A small disk on a folder, taken away again at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn on(folder: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_data_folder_refuses_changes_and_loses_none_that_it_took() {
    let name = "a_full_data_folder_refuses_changes_and_loses_none_that_it_took";
    let Some((clients, _)) = pythons(name) else { return };
    let data = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::on(data.path()) else { return skip(name, "only root can mount a small disk") };
    let arguments = ["--localstack", "off", "--runtime", "memory"];
    let kecs = Kecs::start_in(data, &arguments, &[]);
    let large = "x".repeat(30_000);
    let containers =
        format!(r#"[{{"name":"app","image":"app","memory":32,"environment":[{{"name":"LARGE","value":"{large}"}}]}}]"#);
    let register = ["ecs", "register-task-definition", "--family", "large", "--container-definitions", &containers];
    let started = Instant::now();
    let mut taken = 0;
    let refused = loop {
        let outcome = kecs.aws(&clients, &register);
        if !outcome.success {
            break outcome.stderr;
        }
        taken += 1;
        assert!(started.elapsed() < Duration::from_mins(2), "3 MiB are not full after {taken} times 30 kB");
    };
    assert!(refused.contains("ServerException") && refused.contains("No space left on device"), "{refused}");
    let list = ["ecs", "list-task-definitions", "--query", "length(taskDefinitionArns)"];
    assert!(kecs.aws(&clients, &list).success, "what was taken can be read");

    // It goes on by itself when there is room, and looks for that once a second.
    more_room(&disk.0);
    while !kecs.aws(&clients, &register).success {
        assert!(started.elapsed() < Duration::from_mins(3), "there is room");
    }
    taken += 1;
    // The first that was refused may be there too: nobody could know when it was answered (status 500).
    let made = kecs.aws(&clients, &list).stdout;
    assert!([taken, taken + 1].contains(&made.parse().unwrap()), "{made} of {taken}");

    let kecs = Kecs::start_in(kecs.killed(), &arguments, &[]);
    assert_eq!(kecs.aws(&clients, &list).stdout, made, "what was acknowledged is on the disk");
    drop(kecs);
    drop(disk);
}

fn more_room(folder: &Path) {
    let status = Command::new("mount").args(["-o", "remount,size=30m"]).arg(folder).status();
    assert!(status.is_ok_and(|status| status.success()), "the small disk cannot be enlarged");
}
