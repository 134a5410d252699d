//! `kecs localstack …` and the settings of LocalStack, with a stand-in for it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Place, Running, Said, is_alive, read_pid};
use crate::stand_in::{stand_in, token_of};

/// A kecs with this stand-in, which ends with it.
fn start(place: &Place, python: &Path) -> Running {
    let python = python.to_str().expect("its path is UTF-8");
    place.start(&["--localstack-python", python, "--on-exit", "stop"])
}

/// That a command of `kecs localstack` is refused for this cluster, with these words.
fn assert_refused(place: &Place, asked: &[&str], cluster: &str, why: &str) {
    let said = place.run(&[&["localstack"], asked, &["--cluster", cluster]].concat());
    let refused = format!("kecs: cluster {cluster} {why}");
    assert_eq!((said.code, said.stderr.lines().last()), (Some(69), Some(refused.as_str())), "{asked:?}");
}

#[test]
fn a_python_that_is_named_is_what_localstack_is_installed_with() {
    let place = Place::new();
    // It says that it is one that fits, and makes no environments.
    let base = place.script("base", "case \"$*\" in *version*) echo 3.13.0;; *) echo 'error: no venv here'; exit 1;; esac\n");
    let running = place.start(&["--localstack-base-python", base.to_str().unwrap(), "--on-exit", "stop"]);
    let said = place.run(&["localstack", "restart"]);
    assert_eq!(said.code, Some(69));
    assert!(said.stderr.contains("cannot install LocalStack 4.14.0: error: no venv here"), "{}", said.stderr);
    drop(running);

    let _running = place.start(&["--localstack-base-python", "/nowhere/python", "--on-exit", "stop"]);
    let said = place.run(&["localstack", "restart"]);
    assert!(said.stderr.contains("there is none that runs: choose another than /nowhere/python"), "{}", said.stderr);
}

#[test]
fn services_are_enabled_before_anything_was_called() {
    let place = Place::new();
    let python = stand_in(&place);
    let _running = start(&place, &python);
    assert!(place.run(&["localstack", "status"]).stdout.contains("(it starts when it is first called)"));
    let said = place.run(&["localstack", "enable", "--services", "s3"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("is ready at ") && said.stdout.contains("services: logs, s3, sqs, ssm"), "{}", said.stdout);
    let said = place.run(&["localstack", "disable", "--services", "sqs"]);
    assert!(said.stdout.contains("services: logs, s3, ssm"), "{said:?}");
}

#[test]
fn the_end_waits_for_no_events_where_there_are_none() {
    let place = Place::new();
    let running = start(&place, &stand_in(&place));
    let begun = std::time::Instant::now();
    running.signal(Signal::TERM);
    assert!(running.wait().0.success());
    // Those that there are may take three seconds.
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_cluster_that_shares_is_no_name_of_the_shared_one() {
    let place = Place::new();
    let python = stand_in(&place);
    place.write("kecs-config.yaml", "clusters: [{name: default, localstack: {services: [s3]}}, {name: shares}]\n");
    let running = start(&place, &python);
    assert_eq!(place.run(&["localstack", "restart"]).code, Some(0));
    let before = running.http("GET", "/_kecs/localstack", "", "").1;
    for cluster in ["shares", "unknown"] {
        for asked in [&["restart"][..], &["enable", "--services", "sqs"], &["disable", "--services", "s3"], &["logs"]] {
            let why = "has no LocalStack of its own: leave --cluster out for the one that clusters share";
            assert_refused(&place, asked, cluster, why);
        }
    }
    assert_eq!(running.http("GET", "/_kecs/localstack", "", "").1, before, "the shared one is as it was");
}

#[test]
fn one_that_the_settings_do_not_want_is_neither_started_nor_changed() {
    let place = Place::new();
    let python = stand_in(&place);
    place.write("kecs-config.yaml", "clusters: [{name: default}, {name: none, localstack: {enabled: false}}]\n");
    let _running = start(&place, &python);
    for asked in [&["restart"][..], &["enable", "--services", "s3"], &["disable", "--services", "s3"]] {
        assert_refused(&place, asked, "none", "has no LocalStack: its settings say `enabled: false`");
    }
    let status = place.run(&["localstack", "status"]).stdout;
    assert!(status.contains("none: LocalStack 4.14.0 is disabled (enabled: false)\n"), "{status}");
}

#[test]
fn a_cluster_that_is_refused_leaves_no_localstack_and_no_folder() {
    let place = Place::new();
    let python = stand_in(&place);
    place.write("kecs-config.yaml", "auth: required\naccess-keys: [AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI]\n");
    let _running = start(&place, &python);
    let create = |name: &str| place.run(&["create-cluster", "--name", name, "--localstack-services", "s3"]);
    let said = create("../../../outside");
    assert_eq!(said.stderr.lines().last(), Some(r"kecs: Cluster must match ^[a-zA-Z0-9\-_]{1,255}$"));
    let instances = place.path().join("data/kecs/localstack/instances");
    assert!(!place.path().join("data/outside").try_exists().unwrap() && !instances.try_exists().unwrap());

    // The request is not signed.
    let said = create("unsigned");
    assert!(said.code == Some(69) && said.stderr.contains("Missing Authentication Token"), "{said:?}");
    assert!(!place.run(&["localstack", "status"]).stdout.contains("unsigned"));
    assert!(!instances.join("unsigned").try_exists().unwrap());
}

#[test]
fn a_localstack_goes_with_its_cluster_and_is_ended_with_its_settings() {
    let place = Place::new();
    let python = stand_in(&place);
    let start = || start(&place, &python);
    let settings = "clusters: [{name: default}, {name: configured, localstack: {services: [s3]}}]\n";
    place.write("kecs-config.yaml", settings);
    let running = start();
    for name in ["stays", "goes"] {
        assert_eq!(place.run(&["create-cluster", "--name", name, "--localstack-services", "s3"]).code, Some(0));
    }
    assert_eq!(place.run(&["localstack", "restart", "--cluster", "configured"]).code, Some(0));
    running.ecs("DeleteCluster", &json!({ "cluster": "goes" }));
    let instances = place.path().join("data/kecs/localstack/instances");
    let names = || {
        let mut names: Vec<_> = instances.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    assert!(["configured", "goes", "stays"].iter().all(|name| before.contains(&(*name).into())), "{before:?}");
    let left = ["goes", "configured"].map(|name| read_pid(&instances.join(name).join("root/pid")));
    assert!(left.iter().all(|pid| is_alive(*pid)));
    // It cannot end what it has started.
    running.signal(Signal::KILL);
    running.wait();

    place.write("kecs-config.yaml", "clusters: [{name: default}]\n");
    let _running = start();
    let after = names();
    assert!(["configured", "stays"].iter().all(|name| after.contains(&(*name).into())), "{after:?}");
    assert!(!after.contains(&"goes".into()), "{after:?}");
    assert!(!left.iter().any(|pid| is_alive(*pid)), "they were left by the kecs that was killed");
    let status = place.run(&["localstack", "status"]).stdout;
    assert!(status.contains("stays: ") && !status.contains("goes") && !status.contains("configured"), "{status}");
}

#[test]
fn a_localstack_that_a_killed_kecs_left_is_ended_at_the_next_start_without_a_call() {
    let place = Place::new();
    let python = stand_in(&place);
    let auto = ["--localstack-python", python.to_str().unwrap()];
    for arguments in [auto.as_slice(), &["--localstack", "off"]] {
        let folder = place.path().join("data/kecs/localstack/instances/default");
        std::fs::create_dir_all(&folder).unwrap();
        // What it is known by, whoever its parent is.
        let mut left = Command::new("sleep").arg("1000").env("KECS_LOCALSTACK", folder.canonicalize().unwrap()).spawn().unwrap();
        let pid = i32::try_from(left.id()).unwrap();
        let (ended, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || ended.send(left.wait().unwrap()));
        let _running = place.start(arguments);
        let end = end.recv_timeout(Duration::from_secs(20));
        if end.is_err() {
            rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        }
        assert_eq!(end.expect("it was ended").signal(), Some(9), "{arguments:?}");
    }
}

#[test]
fn a_file_that_localstack_needs_and_that_is_not_there_is_noticed_at_the_start() {
    let place = Place::new();
    for (key, what) in [
        ("authTokenFile: token", "cannot read authTokenFile ./token"),
        ("seed: {initScripts: [seed.sh]}", "cannot read ./seed.sh, which the seed names"),
        ("seed: {buckets: [{name: b, objects: [{key: k, file: ~/k}]}]}", "cannot read HOME/k, which the seed names"),
    ] {
        let file = place.write("kecs-config.yaml", &format!("clusters: [{{name: default, localstack: {{{key}}}}}]\n"));
        let mut command = place.kecs(&["start", "--listen", "127.0.0.1:0", "--config"]);
        let said = Said::from(command.arg(file).env("HOME", place.path().join("home")).output().unwrap());
        let folder = place.path().to_str().unwrap();
        let what = what.replace("HOME", &format!("{folder}/home")).replace("./", &format!("{folder}/"));
        let line = format!("kecs: the LocalStack of cluster default: {what}: No such file or directory (os error 2)");
        assert_eq!((said.code, said.stderr.lines().last()), (Some(78), Some(line.as_str())));
        assert!(!said.stdout.contains("answers at"), "{}", said.stdout);
    }
}

#[test]
fn without_localstack_that_is_what_is_said() {
    let place = Place::new();
    let _running = place.start(&["--localstack", "off"]);
    let said = place.run(&["localstack", "status"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "no LocalStack: kecs was started with --localstack off\n"),
        "{}",
        said.stderr
    );
    assert_eq!(place.run(&["localstack", "status", "--json"]).stdout, "{}\n");
    let create: &[&str] = &["create-cluster", "--name", "own", "--localstack-services", "s3"];
    for asked in [create, &["localstack", "restart"], &["localstack", "enable", "--services", "s3"], &["localstack", "logs"]] {
        let said = place.run(asked);
        let refused = "kecs: there is no LocalStack: kecs was started with --localstack off\n";
        assert_eq!((said.code, said.stderr.as_str()), (Some(69), refused), "{asked:?}");
    }
}

/// A Python that makes environments like itself, and installs three packages in vain.
const INSTALLER: &str = r#"for last; do :; done
case "$*" in
*version_info*) echo 3.13.0 ;;
*venv*) mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
*pip*) for name in a b c; do echo "Collecting $name"; done; echo 'error: no such package'; exit 1 ;;
esac"#;

#[test]
fn an_installation_is_shown_with_a_bar_on_the_terminal_of_the_server() {
    let place = Place::new();
    let base = place.script("base", INSTALLER);
    let kecs = env!("CARGO_BIN_EXE_kecs");
    let start = format!(
        "exec {kecs} start --listen 127.0.0.1:0 --localstack on --on-exit stop --localstack-base-python {}",
        base.display()
    );
    // Gives the program a terminal, and passes on what is written there.
    let mut started = place.command("script", &["-qefc", &start, "/dev/null"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut terminal = BufReader::new(started.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("cannot install") || !seen.contains("Ctrl-C ends it") {
        let mut part = Vec::new();
        assert!(terminal.read_until(b'\n', &mut part).unwrap() > 0, "it ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&part));
    }
    assert!(seen.contains("\r\x1b[K[--------------------] LocalStack 4.14.0: installing, 0 of "), "{seen:?}");
    assert!(seen.contains("] LocalStack 4.14.0: installing, 3 of ") && seen.contains(" is being installed"), "{seen:?}");
    assert_eq!(place.run(&["stop"]).code, Some(0));
    started.wait().unwrap();
}

#[test]
fn an_installation_is_two_lines_of_the_log_where_there_is_no_terminal() {
    let place = Place::new();
    let base = place.script("base", INSTALLER);
    let running = place.start(&["--localstack", "on", "--on-exit", "stop", "--localstack-base-python", base.to_str().unwrap()]);
    assert_eq!(place.run(&["localstack", "restart"]).code, Some(69));
    running.signal(Signal::TERM);
    let (_, _, stderr) = running.wait();
    assert!(stderr.contains("LocalStack 4.14.0 is being installed") && stderr.contains("LocalStack does not start"), "{stderr}");
    assert!(!stderr.contains("installing, ") && !stderr.contains('\r'), "{stderr}");
}

#[test]
fn the_token_reaches_localstack_and_is_told_nowhere() {
    const TOKEN: &str = "ls-verysecret-7d1f";
    let place = Place::new();
    let python = stand_in(&place);
    place.write("kecs-config.yaml", "clusters: [{name: default, localstack: {version: 2026.03.0, services: [s3]}}]\n");
    let mut start = place.kecs(&["start", "--listen", "127.0.0.1:0", "--localstack-python", python.to_str().unwrap()]);
    start.args(["--on-exit", "stop", "--log", "info,kecs=trace,kecs_localstack=trace,kecs_server=trace,kecs_core=trace"]);
    let running = Running::of(start.env("KECS_LOCALSTACK_AUTH_TOKEN", TOKEN));
    let enabled = place.run(&["localstack", "enable", "--services", "sqs"]);
    assert_eq!(enabled.code, Some(0), "{enabled:?}");
    assert_eq!(std::fs::read_to_string(token_of(&place)).unwrap(), TOKEN);
    let made = place.run(&["create-cluster", "--name", "own", "--localstack-services", "ssm", "--json"]);
    assert_eq!(made.code, Some(0), "{made:?}");

    let status = place.run(&["localstack", "status", "--json"]);
    let words = place.run(&["localstack", "status"]);
    assert!(status.stdout.contains(r#""own":"#), "{status:?}");
    let changes = std::fs::read_to_string(place.path().join("data/kecs/localstack/changes.json")).unwrap();
    running.signal(Signal::TERM);
    let (_, stdout, stderr) = running.wait();
    assert!(stderr.contains("LocalStack 2026.03.0 starts"), "{stderr}");
    for said in [format!("{enabled:?}{made:?}{status:?}{words:?}"), changes, stdout, stderr] {
        assert!(!said.contains(TOKEN), "{said}");
    }
}

#[test]
fn what_it_says_is_printed_and_followed_across_restarts() {
    let place = Place::new();
    let python = stand_in(&place);
    place.write("kecs-config.yaml", "clusters: [{name: default, localstack: {services: [s3]}}]\n");
    let running = start(&place, &python);
    let mut followed = place.kecs(&["localstack", "logs", "-f"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(followed.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (first, second) = ("stand-in, with services 's3'", "stand-in, with services 's3,sqs'");
    assert_eq!(lines.next().unwrap(), first);
    assert_eq!(place.run(&["localstack", "enable", "--services", "sqs"]).code, Some(0));
    assert_eq!(lines.next().unwrap(), second);

    assert_eq!(place.run(&["localstack", "logs"]).stdout, format!("{first}\n{second}\n"));
    assert_eq!(place.run(&["localstack", "logs", "--tail", "1"]).stdout, format!("{second}\n"));
    let (status, body) = running.http("GET", "/_kecs/localstack/logs?cluster=default&tail=1", "", "");
    assert!(status == 200 && body.contains(second) && !body.contains(&format!("{first}\n")), "{body}");

    running.signal(Signal::TERM);
    assert!(lines.next().is_none(), "it ends with kecs");
    assert!(followed.wait().unwrap().success());
}
