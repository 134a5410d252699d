//! `kecs sidecar` as a process, between raw sockets: what reaches whom, what becomes of faults, and what it costs.
#[path = "sidecar/sockets.rs"]
pub(crate) mod sockets;

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use sockets::{Upstream, body_of, exchange, status_of};

use crate::harness::{Place, Running, Said};

fn sidecar(place: &Place, kecs: &Upstream, aws: &Upstream) -> Running {
    let mut command = place.kecs(&["sidecar", "--listen", "127.0.0.1:0"]);
    Running::of(command.env("KECS_ENDPOINT", kecs.url()).env("LOCALSTACK_ENDPOINT", aws.url()))
}

/// A sidecar in front of one endpoint for everything.
fn in_front_of(place: &Place, upstream: &Upstream) -> Running {
    sidecar(place, upstream, upstream)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn ecs_and_the_agent_are_kecss_and_the_rest_is_localstacks() {
    let place = Place::new();
    let kecs = Upstream::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkecs");
    let aws = Upstream::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\naws");
    let running = sidecar(&place, &kecs, &aws);
    for (head, who) in [
        ("POST / HTTP/1.1\r\nx-amz-target: AmazonEC2ContainerServiceV20141113.ListTasks\r\n", "kecs"),
        ("GET /v4/0123/task HTTP/1.1\r\n", "kecs"),
        ("GET /v2/credentials/0123 HTTP/1.1\r\n", "kecs"),
        ("POST / HTTP/1.1\r\nx-amz-target: AmazonSSM.GetParameter\r\n", "aws"),
        ("GET /bucket/key HTTP/1.1\r\n", "aws"),
    ] {
        let answer = exchange(running.authority(), &format!("{head}host: localhost:4566\r\nconnection: close\r\n\r\n"));
        assert_eq!(body_of(&answer), who, "{head}");
    }
}

#[test]
fn without_localstack_kecs_is_asked_for_everything() {
    let place = Place::new();
    let kecs = Upstream::answering(OK);
    let running = Running::of(
        place.kecs(&["sidecar", "--listen", "127.0.0.1:0", "--kecs-endpoint", &kecs.url()]).env_remove("LOCALSTACK_ENDPOINT"),
    );
    let answer = exchange(running.authority(), "GET /bucket/key HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(body_of(&answer), "ok");
}

#[test]
fn the_program_of_its_own_is_the_same_sidecar() {
    let place = Place::new();
    let (kecs, aws) = (Upstream::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkecs"), Upstream::answering(OK));
    let mut command = place.kecs_sidecar(&["--listen", "127.0.0.1:0", "--localstack-endpoint", &aws.url()]);
    let running = Running::of(command.env("KECS_ENDPOINT", kecs.url()));
    for (path, said) in [("/v4/0123/task", "kecs"), ("/bucket/key", "ok")] {
        let answer = exchange(running.authority(), &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"));
        assert_eq!(body_of(&answer), said, "{path}");
    }
    running.signal(Signal::TERM);
    assert_eq!(running.wait().0.code(), Some(0));
    let without: Said = place.kecs_sidecar(&[]).env_remove("KECS_ENDPOINT").output().unwrap().into();
    assert_eq!((without.code, without.stderr), (Some(64), place.run(&["sidecar"]).stderr));
}

#[test]
fn ready_tells_by_the_exit_code_whether_a_sidecar_answers() {
    let place = Place::new();
    // What is behind it does not matter.
    let nobody = Upstream::nobody();
    let running = in_front_of(&place, &nobody);
    let address = running.authority().to_owned();
    for mut probe in
        [place.kecs(&["sidecar", "--ready", "--listen", &address]), place.kecs_sidecar(&["--ready", "--listen", &address])]
    {
        let there: Said = probe.output().unwrap().into();
        assert_eq!((there.code, there.stdout, there.stderr), (Some(0), String::new(), String::new()));
    }
    running.signal(Signal::TERM);
    running.wait();
    let gone = place.run(&["sidecar", "--ready", "--listen", &address]);
    assert_eq!(gone.code, Some(69));
    let line = format!("kecs: no sidecar answers at {address} (");
    assert!(gone.stderr.starts_with(&line) && gone.stderr.lines().count() == 1, "{}", gone.stderr);
}

#[test]
fn another_server_at_the_address_is_no_sidecar() {
    let place = Place::new();
    let other = Upstream::answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let said = place.run(&["sidecar", "--ready", "--listen", other.url().strip_prefix("http://").unwrap()]);
    assert_eq!(said.code, Some(69));
    assert!(said.stderr.contains("(HTTP 404)"), "{}", said.stderr);
}

#[test]
fn what_is_missing_or_wrong_is_said_in_one_line() {
    let place = Place::new();
    let without = place.kecs(&["sidecar"]).env_remove("KECS_ENDPOINT").output().unwrap();
    assert_eq!(without.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&without.stderr).contains("set KECS_ENDPOINT to its URL"));
    let tls = place.kecs(&["sidecar"]).env("KECS_ENDPOINT", "https://kecs:5373").output().unwrap();
    assert_eq!(tls.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&tls.stderr).contains("use its http:// address"));
    let open = place.run(&["sidecar", "--listen", "0.0.0.0:4566", "--kecs-endpoint", "http://kecs:5373"]);
    assert_eq!(open.code, Some(64));
    assert!(open.stderr.contains("is not loopback"), "{}", open.stderr);
}

#[test]
fn a_client_that_expects_to_be_told_to_go_on_is_told_when_the_endpoint_is_there() {
    let place = Place::new();
    let upstream = Upstream::answering(OK);
    let running = in_front_of(&place, &upstream);
    let mut client = TcpStream::connect(running.authority()).unwrap();
    client
        .write_all(
            b"PUT /b/k HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 7\r\nconnection: close\r\n\r\n",
        )
        .unwrap();
    let mut interim = [0; 25];
    client.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"content").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!((status_of(&answer), body_of(&answer)), (200, "ok"));
    let asked = upstream.asked();
    assert!(asked.ends_with("content-length: 7\r\n\r\ncontent") && !asked.contains("expect"), "{asked}");
}

#[test]
fn a_client_that_expects_to_be_told_to_go_on_is_not_when_nobody_is_there() {
    let place = Place::new();
    let nobody = Upstream::nobody();
    let running = in_front_of(&place, &nobody);
    let request = "PUT /b/k HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 7\r\nconnection: close\r\n\r\n";
    let answer = exchange(running.authority(), request);
    assert_eq!(status_of(&answer), 503, "{answer}");
    assert!(answer.contains("cannot be reached"), "{answer}");
}

#[test]
fn faults_are_told_in_the_clients_protocol() {
    let place = Place::new();
    for (answer, status) in
        [(&b""[..], 503), (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 502), (b"HTTP/1.1 500 X\r\ncontent-length: 4\r\n\r\noops", 500)]
    {
        let upstream = Upstream::answering(answer);
        let running = in_front_of(&place, &upstream);
        let s3 =
            exchange(running.authority(), "PUT /b/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        assert_eq!(status_of(&s3), status, "{s3}");
        assert!(status == 500 || s3.contains("<Error><Code>"), "{s3}");
        let target = "x-amz-target: AmazonSSM.GetParameter\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let json = exchange(running.authority(), &format!("POST / HTTP/1.1\r\nhost: localhost\r\n{target}"));
        assert!(status == 500 || json.contains(r#"{"__type":""#), "{json}");
    }
}

#[test]
fn an_answer_that_breaks_off_never_looks_whole() {
    let place = Place::new();
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let upstream = Upstream::answering(answer);
        let running = in_front_of(&place, &upstream);
        let broken = exchange(running.authority(), "GET /b/k HTTP/1.1\r\nhost: localhost\r\n\r\n");
        // What came before the end may be lost with the connection, as long as what arrives is not whole.
        assert!(
            broken.is_empty() || broken.contains("content-length: 10") || broken.contains("transfer-encoding: chunked"),
            "{broken}"
        );
        assert!(!broken.ends_with("0\r\n\r\n"), "{broken}");
    }
}

#[test]
fn sigterm_lets_a_request_in_hand_finish() {
    let place = Place::new();
    let upstream = Upstream::waiting();
    let running = in_front_of(&place, &upstream);
    let mut client = TcpStream::connect(running.authority()).unwrap();
    client.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    upstream.asked();
    running.signal(Signal::TERM);
    // It refuses new connections when it has understood.
    while TcpStream::connect(running.authority()).is_ok() {}
    upstream.answer(OK);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(body_of(&answer), "ok");
    assert_eq!(running.wait().0.code(), Some(0));
}

#[test]
fn large_bodies_pass_in_both_directions_in_little_memory() {
    const LARGE: u64 = 256 * 1024 * 1024;
    let place = Place::new();
    let upstream = Upstream::echoing();
    let running = in_front_of(&place, &upstream);
    // The first body brings in the pages of the program that it passes through; what a larger one takes beyond that would be held of it.
    echo(&running, LARGE / 16);
    let before = running.memory("VmHWM");
    echo(&running, LARGE);
    let peak = running.memory("VmHWM");
    assert!(peak < before + 4 * 1024, "{before} KiB before, and {peak} KiB for {LARGE} bytes each way");
}

/// Sends a body of so many bytes through a sidecar, and checks it when it comes back.
fn echo(running: &Running, length: u64) {
    let client = TcpStream::connect(running.authority()).expect("it listens");
    let mut sending = client.try_clone().expect("a socket can be shared");
    let sender = std::thread::spawn(move || {
        sending
            .write_all(
                format!("PUT /b/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(),
            )
            .expect("it reads");
        for number in 0..length / sockets::PART as u64 {
            sending.write_all(&sockets::part(number)).expect("it reads on");
        }
    });
    assert_eq!(sockets::check_parts(client), length);
    sender.join().expect("all was sent");
}

/// The target of the design, as far as each process goes. That of the whole program is measured in a pod, by the step `cluster`.
#[test]
fn it_is_small() {
    let place = Place::new();
    let upstream = Upstream::answering(OK);
    let running = in_front_of(&place, &upstream);
    for _ in 0..20 {
        exchange(running.authority(), "GET /b/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    }
    // What the program's own file takes is shared by all sidecars of a host, and is not optimized here; what is each one's own is counted.
    let own = running.memory("RssAnon");
    assert!(own < 8 * 1024, "{own} KiB");
}
