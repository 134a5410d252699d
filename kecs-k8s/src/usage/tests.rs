use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use kecs_model::Timestamp;
use kube::client::Body;
use kube::config::AuthInfo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::webhook::certificates::Certificates;
use crate::webhook::server::{Current, acceptor};

const SUMMARY: &str = r#"{"pods":[{"podRef":{"name":"task","namespace":"a","uid":"u-1"},"containers":[{"name":"web",
    "cpu":{"time":"2026-11-01T00:00:10Z","usageCoreNanoSeconds":7},"memory":{"usageBytes":30}}]}]}"#;
const METRICS: &str = r#"container_processes{container="web",id="/a",image="x",name="n",namespace="a",pod="task"} 3 1793491210000"#;
const POD: PodPlace<'_> = PodPlace { node: "node-1", host: "127.0.0.1", namespace: "a", pod: "task", uid: "u-1" };

#[allow(clippy::disallowed_methods, reason = "the client's library looks at the machine's clock as well")]
fn certificates() -> Certificates {
    let now = Timestamp::from(std::time::SystemTime::now());
    Certificates::renewed(None, &[POD.host.to_owned()], now).expect("they can be made").expect("there were none")
}

/// Stands for a kubelet.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Seen {
    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Answers every request for what it has with this status, one to a connection.
async fn kubelet(certificates: &Certificates, status: &'static str) -> (u16, Arc<Seen>) {
    let current = Current::default();
    current.set(certificates).unwrap();
    let tls = acceptor(current).unwrap();
    let listener = TcpListener::bind((POD.host, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            noted.connections.fetch_add(1, Ordering::SeqCst);
            let Ok(mut stream) = tls.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            if head.is_empty() {
                continue;
            }
            let head = String::from_utf8(head).unwrap();
            let text = if head.starts_with("GET /metrics/cadvisor ") { METRICS } else { SUMMARY };
            noted.requests.lock().unwrap().push(head);
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (port, seen)
}

/// Stands for an API server, which answers whoever asks for the node.
fn api(status: u16, body: Value) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        assert_eq!(request.uri(), "/api/v1/nodes/node-1");
        let answer = Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap();
        async { Ok::<_, std::convert::Infallible>(answer) }
    });
    Client::new(service, "default")
}

fn api_of(kubelet: u16) -> Client {
    let endpoint = json!({"kubeletEndpoint": {"Port": kubelet}});
    api(200, json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "status": {"daemonEndpoints": endpoint}}))
}

fn kubelets(trusted: &Certificates, stats: PodStats) -> Kubelets {
    let mut access = Config::new("https://api.example.com".parse().unwrap());
    let roots = pem::parse_many(trusted.bundle()).expect("a bundle is PEM");
    access.root_cert = Some(roots.into_iter().map(pem::Pem::into_contents).collect());
    let auth = json!({ "token": "hush" });
    access.auth_info = serde_json::from_value::<AuthInfo>(auth).unwrap();
    Kubelets::new(Some(access), stats)
}

#[tokio::test]
async fn a_kubelet_is_asked_once_for_all_who_ask_at_a_time() {
    let certificates = certificates();
    let (port, seen) = kubelet(&certificates, "200 OK").await;
    let api = api_of(port);
    let kubelets = kubelets(&certificates, PodStats::Verified);
    let (one, other) = tokio::join!(kubelets.measure(&api, &POD), kubelets.measure(&api, &POD));
    for measured in [one.unwrap(), other.unwrap(), kubelets.measure(&api, &POD).await.unwrap()] {
        let [web] = &measured[..] else { panic!("{measured:?}") };
        assert_eq!((web.container.as_str(), web.cpu, web.memory, web.processes), ("web", Duration::from_nanos(7), 30, Some(3)));
    }
    let mut requests = seen.requests();
    requests.sort();
    let [metrics, summary] = &requests[..] else { panic!("{requests:?}") };
    for (request, path) in [(metrics, "/metrics/cadvisor"), (summary, "/stats/summary")] {
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")) && request.contains("Bearer hush"), "{request}");
    }
}

#[tokio::test]
async fn who_is_not_the_cluster_s_gets_no_credentials() {
    let (port, seen) = kubelet(&certificates(), "200 OK").await;
    let api = api_of(port);
    let kubelets = kubelets(&certificates(), PodStats::Verified);
    assert_eq!(kubelets.measure(&api, &POD).await.unwrap(), []);
    assert_eq!(seen.connections.load(Ordering::SeqCst), 2);
    assert_eq!(seen.requests(), [""; 0]);
}

#[tokio::test]
async fn whoever_it_is_is_asked_where_that_is_set() {
    let (port, seen) = kubelet(&certificates(), "200 OK").await;
    let api = api_of(port);
    let kubelets = kubelets(&certificates(), PodStats::Unverified);
    assert_eq!(kubelets.measure(&api, &POD).await.unwrap().len(), 1);
    assert_eq!(seen.requests().len(), 2);
}

#[tokio::test]
async fn nobody_is_asked_where_that_is_off() {
    let certificates = certificates();
    let (port, seen) = kubelet(&certificates, "200 OK").await;
    let api = api_of(port);
    let kubelets = kubelets(&certificates, PodStats::Off);
    assert_eq!(kubelets.measure(&api, &POD).await.unwrap(), []);
    assert_eq!(seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_kubelet_that_refuses_is_not_asked_again_at_once() {
    let certificates = certificates();
    let (port, seen) = kubelet(&certificates, "403 Forbidden").await;
    let api = api_of(port);
    let kubelets = kubelets(&certificates, PodStats::Verified);
    for _ in 0..3 {
        assert_eq!(kubelets.measure(&api, &POD).await.unwrap(), []);
    }
    assert_eq!(seen.requests().len(), 2);
}

#[tokio::test]
async fn nodes_that_are_asked_in_turns_are_all_remembered() {
    let certificates = certificates();
    let kubelets = kubelets(&certificates, PodStats::Verified);
    let access = kubelets.access.as_ref().unwrap();
    let one = kubelets.of(access, &PodPlace { host: "192.0.2.1", ..POD });
    let at = Instant::now().checked_sub(FRESH * 2).unwrap();
    *one.last.lock().await = Some(Answer { at, measured: None });
    let known = Arc::downgrade(&one);
    drop(one);
    kubelets.of(access, &PodPlace { host: "192.0.2.2", ..POD });
    assert!(known.upgrade().is_some(), "it failed before, which is told once");
}

#[tokio::test]
async fn a_kubelet_is_asked_where_its_node_says_and_at_the_usual_port_where_nobody_may_read_it() {
    let certificates = certificates();
    let kubelets = kubelets(&certificates, PodStats::Verified);
    let kubelet = kubelets.of(kubelets.access.as_ref().unwrap(), &POD);
    let status = |code: u16| json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "no", "code": code});
    let node = |status: Value| json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "status": status});
    let answers = [
        (api_of(10350), (10350, None)),
        (api(200, node(json!({"capacity": {"cpu": "4"}}))), (PORT, Some(4))),
        (api_of(0), (PORT, None)),
        (api(403, status(403)), (PORT, None)),
    ];
    for (api, expected) in answers {
        assert_eq!(kubelet.node(&Api::all(api)).await.unwrap(), expected);
    }
    // What passes is not remembered as an answer.
    kubelet.node(&Api::all(api(500, status(500)))).await.unwrap_err();
}
