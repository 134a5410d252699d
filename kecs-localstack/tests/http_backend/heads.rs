//! What of a request and of its answer is passed on, and how.

use http::Request;
use kecs_core::{AwsHealth, AwsServiceBackend, ErrorKind, ServiceId};

use tokio::io::AsyncReadExt;

use crate::support::{Upstream, body, call, get, put, text};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_call_reaches_the_endpoint_as_the_client_made_it() {
    let upstream = Upstream::bind().await;
    // The URL of "Authenticating Requests: Using Query Parameters" in the Amazon S3 API Reference.
    let request = Request::get(
        "/test.txt?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=aeee",
    )
    .header("host", "examplebucket.s3.amazonaws.com")
    .header("range", "bytes=0-9")
    .body(body(""))
    .unwrap();
    let backend = upstream.backend();
    let (_, (_, asked)) = tokio::join!(call(&backend, request), upstream.answer(EMPTY));
    assert_eq!(
        asked,
        "GET /test.txt?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=aeee HTTP/1.1\r\n\
         host: examplebucket.s3.amazonaws.com\r\nrange: bytes=0-9\r\n\r\n"
    );
}

#[tokio::test]
async fn an_empty_object_keeps_its_length_of_zero() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let (_, (_, asked)) = tokio::join!(call(&backend, put("/bucket/empty", body(""))), upstream.answer(EMPTY));
    assert_eq!(asked, "PUT /bucket/empty HTTP/1.1\r\nhost: localhost:4566\r\ncontent-length: 0\r\n\r\n");
}

#[tokio::test]
async fn head_and_body_of_a_request_are_one_packet() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        let mut bytes = [0; 4096];
        let read = peer.stream.read(&mut bytes).await.unwrap();
        peer.write(EMPTY).await;
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    };
    let (_, asked) = tokio::join!(call(&backend, put("/bucket/key", body("content"))), endpoint);
    assert!(asked.ends_with("content-length: 7\r\n\r\ncontent"), "{asked}");
}

#[tokio::test]
async fn the_answer_to_head_keeps_its_length() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let request = Request::head("/bucket/key").header("host", "h").body(body("")).unwrap();
    let (answer, _) = tokio::join!(call(&backend, request), upstream.answer("HTTP/1.1 200 OK\r\ncontent-length: 12345\r\n\r\n"));
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["content-length"], "12345");
    assert_eq!(text(answer).await, "");
}

#[tokio::test]
async fn a_part_of_an_object_is_answered_as_such() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let part = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/10\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\nabcd";
    let (answer, _) = tokio::join!(call(&backend, get("/bucket/key")), upstream.answer(part));
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-range"]), (206, &"bytes 0-3/10".parse().unwrap()));
    assert_eq!(text(answer).await, "abcd");
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let answers = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let (answer, _) = tokio::join!(call(&backend, put("/b/k", body("x"))), upstream.answer(answers));
    assert_eq!(answer.unwrap().status(), 204);
}

#[tokio::test]
async fn answers_of_the_endpoint_are_passed_on_whatever_their_status() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let failed = "HTTP/1.1 500 Internal Server Error\r\nx-amzn-requestid: id-1\r\ncontent-length: 4\r\n\r\noops";
    let (answer, _) = tokio::join!(call(&backend, get("/")), upstream.answer(failed));
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-amzn-requestid"]), (500, &"id-1".parse().unwrap()));
    assert_eq!(text(answer).await, "oops");
}

#[tokio::test]
async fn a_tunnel_is_refused() {
    let upstream = Upstream::bind().await;
    let request = Request::connect("example.org:443").body(body("")).unwrap();
    assert_eq!(call(&upstream.backend(), request).await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn health_is_whether_somebody_listens() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    assert_eq!(backend.health().await.unwrap(), AwsHealth::Ready);
    assert_eq!(backend.endpoint(&ServiceId::new("s3")), Some(upstream.url()));
    drop(upstream);
    let AwsHealth::NotReady(reason) = backend.health().await.unwrap() else { panic!("nobody listens") };
    assert!(reason.contains("cannot be reached"), "{reason}");
}
