//! The `kecs` command as a person meets it: through the real binary.
#![cfg(target_os = "linux")]

#[path = "command/connections.rs"]
mod connections;
#[path = "command/harness.rs"]
mod harness;
#[path = "command/kubernetes.rs"]
mod kubernetes;
#[path = "command/local_cluster.rs"]
mod local_cluster;
#[path = "command/localstack.rs"]
mod localstack;
#[path = "command/log_lines.rs"]
mod log_lines;
#[path = "command/secrets.rs"]
mod secrets;
#[path = "command/sidecar.rs"]
mod sidecar;
#[path = "command/stand_in.rs"]
mod stand_in;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use harness::{Place, Said, is_alive, read_pid};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const THROW_AWAY: [&str; 4] = ["--runtime", "memory", "--state", "memory"];

#[test]
fn start_prints_the_endpoint_and_the_line_to_paste_and_ends_on_ctrl_c() {
    let place = Place::new();
    let running = place.start(&THROW_AWAY);
    let (endpoint, health) = (running.endpoint.clone(), running.http("GET", "/_kecs/health", "", ""));
    assert_eq!(health.0, 200);
    running.signal(Signal::INT);
    let (status, stdout, stderr) = running.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(stdout.contains(&format!("  export AWS_ENDPOINT_URL={endpoint} AWS_REGION=us-east-1 ")), "{stdout}");
    assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'), "colours belong on terminals only");
}

#[test]
fn throw_away_use_leaves_nothing_behind() {
    let place = Place::new();
    let running = place.start(&THROW_AWAY);
    running.signal(Signal::TERM);
    assert_eq!(running.wait().0.code(), Some(0));
    assert_eq!(place.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_port_in_use_is_said_with_what_to_do() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = place.run(&["start", "--listen", &address]);
    assert_eq!(said.code, Some(75));
    let line = format!(
        "kecs: {address} is in use by another program: end that one, or choose another address with --listen (port 0 takes a free one)\n"
    );
    assert_eq!(said.stderr, line);
}

#[test]
fn a_data_folder_that_cannot_be_made_is_said_with_what_to_do() {
    let place = Place::new();
    let file = place.write("file", "");
    let said = place.run(&["start", "--data-dir", file.join("data").to_str().unwrap()]);
    assert_eq!(said.code, Some(73));
    assert!(said.stderr.starts_with("kecs: cannot write in the data folder "), "{}", said.stderr);
    assert!(said.stderr.ends_with("make it writable for this user, or choose another with --data-dir\n"), "{}", said.stderr);
}

#[test]
fn a_second_kecs_on_a_data_folder_is_told_of_the_first() {
    let place = Place::new();
    let first = place.start(&[]);
    let said = place.run(&["start", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(75));
    assert!(said.stderr.contains("in use by another kecs") && said.stderr.contains(&first.endpoint), "{}", said.stderr);
}

#[test]
fn a_damaged_state_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let file = place.write("data/kecs/state.redb", "this is not a state file");
    let said = place.run(&["start", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(65), "{}", said.stderr);
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "this is not a state file");
}

#[test]
fn an_unknown_key_in_the_file_is_refused_with_its_line_and_the_nearest_key() {
    let place = Place::new();
    place.write("kecs-config.yaml", "listen: 127.0.0.1:0\nregoin: eu-west-1\n");
    let said = place.run(&["start"]);
    assert_eq!(said.code, Some(78));
    assert_eq!(said.stderr, "kecs: kecs-config.yaml:2:1: unknown key 'regoin', did you mean 'region'?\n");
}

#[test]
fn broken_yaml_is_refused_with_file_line_and_column() {
    let place = Place::new();
    let file = place.write("conf/broken.yaml", "listen: [\nregion: eu-west-1\n");
    let said = place.run(&["start", "--config", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(78));
    assert_eq!(said.stderr, format!("kecs: {}:1:9: not valid YAML, unclosed bracket '['\n", file.display()));
}

#[test]
fn a_tilde_in_the_file_in_a_variable_and_in_a_flag_is_the_home_folder() {
    let place = Place::new();
    let home = place.path().join("home");
    let file = place.write("home/kecs.yaml", "data-dir: ~/of-file\nlocalstack: off\n");
    let named = |folder: &str, change: &dyn Fn(&mut Command)| {
        let mut command = place.kecs(&["status"]);
        command.env("HOME", &home);
        change(&mut command);
        let said = Said::from(command.output().unwrap());
        let folder = home.join(folder);
        assert!(said.stderr.contains(folder.to_str().unwrap()), "{said:?}");
    };
    named("of-file", &|command| _ = command.args(["--config", file.to_str().unwrap()]));
    named("of-file", &|command| _ = command.env("KECS_CONFIG", "~/kecs.yaml"));
    named("of-variable", &|command| _ = command.env("KECS_DATA_DIR", "~/of-variable"));
    named("of-flag", &|command| _ = command.arg("--data-dir=~/of-flag"));
    assert!(!place.path().join("~").try_exists().unwrap());
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let place = Place::new();
    place.write("kecs-config.yaml", "runtime: memory\nstate: memory\nlisten: nowhere\nregion: eu-west-1\n");
    let mut command = place.kecs(&["start", "--region", "eu-west-3"]);
    command.env("KECS_REGION", "eu-west-2").env("KECS_LISTEN", "127.0.0.1:0");
    let running = harness::Running::of(&mut command);
    running.signal(Signal::INT);
    let stdout = running.wait().1;
    assert!(stdout.contains("AWS_REGION=eu-west-3"), "{stdout}");
}

#[test]
fn a_mistyped_flag_is_one_line_and_a_usage_error() {
    let said = Place::new().run(&["start", "--dat-dir", "x"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(64), "kecs: unknown argument --dat-dir: did you mean --data-dir?\n"));
}

#[test]
fn an_address_that_others_can_reach_is_refused_without_signatures() {
    let said = Place::new().run(&["start", "--listen", "0.0.0.0:0"]);
    assert_eq!(said.code, Some(64));
    assert!(said.stderr.contains("can be reached from other machines"), "{}", said.stderr);
}

#[test]
fn an_unsigned_request_is_refused_where_signatures_are_required() {
    let place = Place::new();
    place.write("kecs-config.yaml", "auth: required\naccess-keys: [AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI]\n");
    let running = place.start(&THROW_AWAY);
    let target = "x-amz-target: AmazonEC2ContainerServiceV20141113.ListClusters\r\n";
    // As AWS's JSON services do, see the error handling page of the Amazon DynamoDB developer guide.
    let (status, body) = running.http("POST", "/", target, "{}");
    assert_eq!(status, 400);
    assert!(body.contains("MissingAuthenticationToken"), "{body}");
}

#[test]
fn status_tells_whether_a_kecs_runs_here() {
    let place = Place::new();
    assert_eq!(place.run(&["status"]).code, Some(69));
    let running = place.start(&[]);
    let said = place.run(&["status", "--json"]);
    assert_eq!(said.code, Some(0));
    let status: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&status["status"], &status["endpoint"]), (&json!("ready"), &json!(running.endpoint)));
    assert_eq!(status["tasks"], json!({"status": "ready"}));
}

#[test]
fn stop_ends_the_running_kecs_and_waits_for_it() {
    let place = Place::new();
    let running = place.start(&[]);
    let said = place.run(&["stop"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "stopped\n"), "{}", said.stderr);
    assert_eq!(running.wait().0.code(), Some(0));
    assert_eq!(place.run(&["stop"]).code, Some(69));
}

#[test]
fn tasks_that_are_left_are_found_again_and_stopped_when_asked() {
    let place = Place::new();
    let pipe = place.pipe("pid");
    let first = place.start(&[]);
    let task = first.run_task(&format!("echo $$ > {}; exec sleep 1000", pipe.display()));
    let pid = read_pid(&pipe);
    first.signal(Signal::INT);
    assert_eq!(first.wait().0.code(), Some(0));
    assert!(is_alive(pid), "on-exit leave is the default");

    let second = place.start(&[]);
    let described = second.ecs("DescribeTasks", &json!({ "tasks": [task] }));
    assert_eq!(described["tasks"][0]["desiredStatus"], "RUNNING");
    assert!(is_alive(pid));
    let said = place.run(&["stop", "--tasks", "stop"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(!is_alive(pid));
}

#[test]
fn a_kecs_that_was_killed_leaves_its_tasks_and_its_folder_to_the_next() {
    let place = Place::new();
    let pipe = place.pipe("pid");
    let first = place.start(&[]);
    let task = first.run_task(&format!("echo $$ > {}; exec sleep 1000", pipe.display()));
    let pid = read_pid(&pipe);
    first.signal(Signal::KILL);
    first.wait();

    let second = place.start(&["--on-exit", "stop"]);
    let described = second.ecs("DescribeTasks", &json!({ "tasks": [task] }));
    assert_eq!(described["tasks"][0]["desiredStatus"], "RUNNING");
    second.signal(Signal::TERM);
    assert_eq!(second.wait().0.code(), Some(0));
    assert!(!is_alive(pid));
}

#[test]
fn a_second_signal_forces_the_end() {
    let place = Place::new();
    let pipe = place.pipe("pid");
    let mut running = place.start(&["--on-exit", "stop"]);
    running.run_task(&format!("trap '' TERM; echo $$ > {}; while :; do sleep 1000; done", pipe.display()));
    let pid = read_pid(&pipe);
    running.signal(Signal::INT);
    running.wait_for_remark("stopping tasks …");
    running.signal(Signal::INT);
    assert_eq!(running.wait().0.code(), Some(130));
    // What was forced left the task to its stop timeout, which nobody needs to wait for.
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn output_is_followed_while_a_task_runs_and_shown_after_its_end() {
    let place = Place::new();
    let pipe = place.pipe("go");
    let running = place.start(&[]);
    let task = running.run_task(&format!("echo one; echo two; read go < {}; echo three", pipe.display()));

    let mut followed = place.kecs(&["logs", "--follow", &task]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(followed.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!((lines.next().unwrap(), lines.next().unwrap()), ("one".to_owned(), "two".to_owned()));
    std::fs::write(&pipe, "go\n").unwrap();
    assert_eq!(lines.collect::<Vec<_>>(), ["three"]);
    assert!(followed.wait().unwrap().success());

    let (_, id) = task.rsplit_once('/').unwrap();
    assert_eq!(place.run(&["logs", id, "--tail", "2"]).stdout, "two\nthree\n");
    let said = place.run(&["logs", id, "--tail", "1", "--json"]);
    let line: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&line["container"], &line["stream"], &line["line"]), (&json!("app"), &json!("stdout"), &json!("three")));
    let stamped = place.run(&["logs", id, "--timestamps"]).stdout;
    assert!(stamped.lines().all(|line| line.starts_with("20") && line.contains("Z ")), "{stamped}");
}

#[test]
fn output_that_is_not_there_is_said_with_what_is() {
    let place = Place::new();
    assert_eq!(place.run(&["logs", "0"]).code, Some(69));
    let running = place.start(&[]);
    let task = running.run_task("exec sleep 1000");
    let said = place.run(&["logs", &task, "--container", "web"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(69), "kecs: the task has no container web; it has app\n"));
    let said = place.run(&["logs", &"0".repeat(32)]);
    assert_eq!((said.code, said.stderr.contains("is not known")), (Some(69), true), "{}", said.stderr);
    assert_eq!(place.run(&["stop", "--tasks", "stop"]).code, Some(0));
}

#[test]
fn version_and_completions_are_printed() {
    let place = Place::new();
    let version = place.run(&["version", "--json"]);
    let parsed: Value = serde_json::from_str(&version.stdout).unwrap();
    assert_eq!(parsed["version"], env!("CARGO_PKG_VERSION"));
    let script = place.run(&["completions", "bash"]);
    assert!(script.code == Some(0) && script.stdout.contains("--data-dir"), "{script:?}");
}

#[test]
fn a_reader_that_goes_away_does_not_end_it() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.kecs(&["version"]);
    assert!(command.stdout(writer).status().unwrap().success());
}

#[test]
fn events_shows_what_happened_and_follows_what_happens_until_kecs_ends() {
    let place = Place::new();
    let running = place.start(&["--on-exit", "stop"]);
    let arn = running.run_task("exit 3");
    let id = arn.rsplit('/').next().unwrap();
    let mut follower = place.kecs(&["events", "-f", "--json", "--type", "task"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let stopped: Value = lines
        .by_ref()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .find(|event| event["detail"]["lastStatus"] == "STOPPED")
        .unwrap();
    assert_eq!((&stopped["resources"], &stopped["detail"]["containers"][0]["exitCode"]), (&json!([arn]), &json!(3)));

    let said = place.run(&["events", "--cluster", "default"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let first = said.stdout.lines().next().unwrap();
    assert!(first.ends_with(&format!(" task       default/{id} PROVISIONING (shell:1, family:shell)")), "{first}");
    assert!(said.stdout.contains(" STOPPED (shell:1, family:shell, EssentialContainerExited: "), "{}", said.stdout);
    assert_eq!(place.run(&["events", "--cluster", "other"]).stdout, "");

    running.signal(Signal::TERM);
    assert_eq!(running.wait().0.code(), Some(0));
    assert!(lines.next().is_none());
    assert_eq!(follower.wait().unwrap().code(), Some(0));
    assert_eq!(place.run(&["events"]).code, Some(69));
}
