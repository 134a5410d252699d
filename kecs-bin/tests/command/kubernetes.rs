//! `kecs start` before an API server of Kubernetes that is scripted, slow or away.
#![allow(clippy::unwrap_used, reason = "a test's helpers panic as the test itself does")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::{Place, Running, Said};

const REFUSAL: &str = "the server is currently unable to handle the request";

/// How a cluster is reached whose API server is at this port.
fn kubeconfig(place: &Place, port: u16) -> String {
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    place.write("kubeconfig", &text.to_string()).display().to_string()
}

/// An API server of a cluster in which nothing is.
struct ApiServer {
    port: u16,
    refuses: Arc<AtomicBool>,
}

impl ApiServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, refuses) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let flag = Arc::clone(&refuses);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let flag = Arc::clone(&flag);
                thread::spawn(move || answer(stream, &flag));
            }
        });
        Self { port, refuses }
    }
}

/// Answers one request, which has no body.
fn answer(mut stream: TcpStream, refuses: &AtomicBool) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    lines.find(String::is_empty);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let list = |kind: &str| json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []});
    let failure = |code: u16, message: &str| {
        let status =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "message": message});
        (code, status)
    };
    let (code, body) = match path {
        _ if refuses.load(Ordering::SeqCst) => failure(503, REFUSAL),
        "/version" => {
            let names = ["major", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"];
            let mut version: Value =
                names.iter().map(|name| ((*name).to_owned(), json!("1"))).collect::<serde_json::Map<_, _>>().into();
            version["minor"] = json!("35");
            (200, version)
        }
        // Nothing happens, until the client has had enough.
        path if path.contains("watch=true") => return drop(lines.last()),
        path if path.starts_with("/api/v1/pods") => (200, list("PodList")),
        path if path.starts_with("/api/v1/nodes") => (200, list("NodeList")),
        _ => failure(404, "the server could not find the requested resource"),
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {code} \r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}", body.len());
    // The client may have gone.
    let _ = write!(stream, "{head}\r\n\r\n{body}");
}

/// `kecs start` that is told of this cluster, and asks no LocalStack.
fn start(place: &Place, runtime: &str, port: u16) -> Running {
    place.start(&["--runtime", runtime, "--kubeconfig", &kubeconfig(place, port), "--localstack", "off"])
}

fn runtime(place: &Place) -> Value {
    let status: Value = serde_json::from_str(&place.run(&["status", "--json"]).stdout).unwrap();
    status["runtime"].clone()
}

/// Its greeting.
fn greeting(running: Running) -> String {
    running.signal(rustix::process::Signal::TERM);
    let (status, stdout, stderr) = running.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    stdout
}

#[test]
fn auto_runs_tasks_as_pods_where_a_cluster_answers() {
    let place = Place::new();
    let running = start(&place, "auto", ApiServer::start().port);
    assert_eq!(runtime(&place), "kubernetes");
    let greeting = greeting(running);
    assert!(greeting.contains("Tasks run as pods."), "{greeting}");
}

#[test]
fn auto_runs_tasks_as_processes_where_the_cluster_is_away_or_slow() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [away, slow.local_addr().unwrap().port()] {
        let place = Place::new();
        let running = start(&place, "auto", port);
        assert_eq!(runtime(&place), "process");
        let greeting = greeting(running);
        assert!(greeting.contains("Tasks run as processes of this host."), "{greeting}");
    }
}

// In a pod without a service account's token the environment alone says that there is a cluster. With a token: e2e/tests/cluster_pods.rs.
#[test]
fn auto_runs_tasks_as_processes_where_nothing_says_how_to_reach_a_cluster() {
    let place = Place::new();
    let mut command = place.kecs(&["start", "--listen", "127.0.0.1:0", "--runtime", "auto", "--localstack", "off"]);
    command.env_remove("KUBECONFIG").env("HOME", place.path());
    command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", "1");
    let greeting = greeting(Running::of(&mut command));
    assert!(greeting.contains("Tasks run as processes of this host."), "{greeting}");
}

/// Asks for the status until it is so.
fn until(place: &Place, is_so: impl Fn(&Said) -> bool) -> Said {
    let begun = Instant::now();
    loop {
        let said = place.run(&["status"]);
        if is_so(&said) {
            return said;
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "{said:?}");
    }
}

#[test]
fn status_tells_since_when_and_why_tasks_cannot_be_run_until_they_can() {
    let (place, server) = (Place::new(), ApiServer::start());
    server.refuses.store(true, Ordering::SeqCst);
    let running = start(&place, "kubernetes", server.port);
    let trouble = "tasks cannot be run as they should, tried again since 20";
    let said = until(&place, |said| said.stdout.contains(trouble));
    assert_eq!(said.code, Some(0), "ECS is served: {said:?}");
    let line = said.stdout.lines().find(|line| line.starts_with(trouble)).unwrap();
    assert!(line.ends_with(&format!("Z: {REFUSAL}")), "{line}");
    let tasks: Value = serde_json::from_str(&place.run(&["status", "--json"]).stdout).unwrap();
    assert_eq!((&tasks["tasks"]["status"], &tasks["tasks"]["reason"]), (&json!("degraded"), &json!(REFUSAL)));
    server.refuses.store(false, Ordering::SeqCst);
    until(&place, |said| said.stdout.contains("tasks: kubernetes") && !said.stdout.contains(trouble));
    greeting(running);
}
