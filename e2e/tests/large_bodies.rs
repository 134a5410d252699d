//! The largest object that one PutObject may have, 5 GiB ("Amazon S3 multipart upload limits"), through the endpoint and back, in little memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use e2e::Kecs;

const LARGEST: u64 = 5 * 1024 * 1024 * 1024;
const PART: usize = 1024 * 1024;
/// What a LocalStack says of itself.
const HEALTH: &str = r#"{"services": {}, "edition": "community", "version": "4.14.0"}"#;
/// As an SDK signs a request of S3; nobody looks at the signature.
const AUTHORIZATION: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00";

/// A request's or an answer's first line, and how long its body is.
fn head(reader: &mut impl BufRead) -> Option<(String, u64)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|&length| length > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line == "\r\n" {
            return Some((first, length));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
}

/// Takes bodies and tells their length; gives one of [`LARGEST`] to who asks for an object.
fn bucket() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (first, length) = head(&mut reader)?;
        let taken = io::copy(&mut (&mut reader).take(length), &mut io::sink()).ok()?;
        if first.starts_with("GET /bucket/") {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {LARGEST}\r\n\r\n").ok()?;
            send(&mut stream);
        } else {
            let body = if first.starts_with("PUT") { taken.to_string() } else { HEALTH.to_owned() };
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
        }
    }
}

fn send(stream: &mut TcpStream) {
    let part = vec![b'x'; PART];
    for _ in 0..LARGEST / PART as u64 {
        if stream.write_all(&part).is_err() {
            return;
        }
    }
}

/// The most memory that the process ever had, in KiB.
fn peak(kecs: &Kecs) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", kecs.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn ask(kecs: &Kecs, request: &str, with_body: bool) -> (String, u64) {
    let mut stream = TcpStream::connect(kecs.endpoint().trim_start_matches("http://")).unwrap();
    write!(stream, "{request}\r\nhost: localhost\r\n{AUTHORIZATION}\r\nconnection: close\r\n\r\n").unwrap();
    if with_body {
        send(&mut stream);
    }
    let mut reader = BufReader::new(stream);
    let (first, length) = head(&mut reader).unwrap();
    assert_eq!(first, "HTTP/1.1 200 OK\r\n");
    let mut body = reader.take(length);
    let mut begin = vec![0; 20.min(usize::try_from(length).unwrap())];
    body.read_exact(&mut begin).unwrap();
    let rest = io::copy(&mut body, &mut io::sink()).unwrap();
    (String::from_utf8(begin.clone()).unwrap(), begin.len() as u64 + rest)
}

#[test]
fn the_largest_object_passes_both_ways_in_little_memory() {
    let localstack = format!("--localstack=http://{}", bucket());
    let kecs = Kecs::start(&["--runtime", "memory", "--state", "memory", &localstack]);
    let small = ask(&kecs, "PUT /bucket/small HTTP/1.1\r\ncontent-length: 0", false);
    assert_eq!(small.0, "0");
    let before = peak(&kecs);
    let (taken, _) = ask(&kecs, &format!("PUT /bucket/large HTTP/1.1\r\ncontent-length: {LARGEST}"), true);
    assert_eq!(taken, LARGEST.to_string());
    let (_, given) = ask(&kecs, "GET /bucket/large HTTP/1.1", false);
    assert_eq!(given, LARGEST);
    let after = peak(&kecs);
    assert!(after < before + 16 * 1024, "{before} KiB before, and {after} KiB after 5 GiB each way");
}
