//! Endpoints that fail in every way.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use kecs_core::ErrorKind;
use kecs_localstack::HttpBackend;

use crate::support::{Upstream, body, call, endless, get, put, soon, streamed, text};

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_unavailable() {
    let url = Upstream::bind().await.url();
    let backend = HttpBackend::new(url.parse().unwrap(), kecs_localstack::HttpBackendConfig::default());
    let error = call(&backend, get("/")).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Unavailable, format!("{url} cannot be reached")));
    assert!(error.source().unwrap().to_string().contains("refused"));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unavailable() {
    // RFC 2606: .invalid never resolves.
    let backend =
        HttpBackend::new("http://localstack.invalid:4566".parse().unwrap(), kecs_localstack::HttpBackendConfig::default());
    let kind = soon(call(&backend, get("/"))).await.unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout), "{kind:?}");
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_given_up() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend_with(|config| config.response_timeout = Duration::from_millis(20));
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.request().await;
        peer.rest().await
    };
    let (answer, rest) = soon(async { tokio::join!(call(&backend, put("/b/k", body("x"))), endpoint) }).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Timeout, format!("{} did not answer within 20ms", upstream.url())));
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn an_endpoint_that_takes_no_more_is_given_up() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend_with(|config| config.write_timeout = Duration::from_millis(50));
    let (answer, _peer) = soon(async { tokio::join!(call(&backend, put("/b/k", endless())), upstream.accept()) }).await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("took no more of the request"), "{error}");
}

#[tokio::test]
async fn a_client_that_takes_its_time_is_not_the_endpoints_fault() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend_with(|config| {
        config.write_timeout = Duration::from_millis(10);
        config.response_timeout = Duration::from_millis(200);
    });
    let (parts, received) = tokio::sync::mpsc::channel(1);
    parts.send(Bytes::from_static(b"one")).await.unwrap();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.until("one\r\n").await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        drop(parts);
        peer.until("0\r\n\r\n").await;
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    };
    let request = put("/b/k", streamed(tokio_stream::wrappers::ReceiverStream::new(received)));
    let (answer, ()) = soon(async { tokio::join!(call(&backend, request), endpoint) }).await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn an_endpoint_killed_in_the_middle_of_an_upload_is_unavailable() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.head().await;
        peer.reset();
    };
    let (answer, ()) = soon(async { tokio::join!(call(&backend, put("/b/k", endless())), endpoint) }).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_answer_counts_even_if_the_endpoint_took_only_a_part_of_the_request() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.head().await;
        peer.write("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 6\r\n\r\ndenied").await;
        peer
    };
    let (answer, _peer) = soon(async { tokio::join!(call(&backend, put("/b/k", endless())), endpoint) }).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(soon(text(answer)).await, "denied");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_of_its_body() {
    for begun in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhalf",
    ] {
        let upstream = Upstream::bind().await;
        let backend = upstream.backend();
        let endpoint = async { drop(upstream.answer(begun).await) };
        let (answer, ()) = tokio::join!(call(&backend, get("/")), endpoint);
        let mut answer = answer.unwrap().into_body();
        assert_eq!(soon(answer.frame()).await.unwrap().unwrap().into_data().unwrap(), "half");
        let error = soon(answer.frame()).await.unwrap().unwrap_err();
        assert!(error.to_string().contains("in the middle of its answer"), "{error}");
    }
}

#[tokio::test]
async fn garbage_is_a_broken_contract() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(80 * 1024));
    for garbage in
        ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "HTTP/1.1 101 X\r\n\r\n", large.as_str()]
    {
        let upstream = Upstream::bind().await;
        let backend = upstream.backend();
        let (answer, _) = soon(async { tokio::join!(call(&backend, get("/")), upstream.answer(garbage)) }).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
        assert!(error.to_string().contains("not HTTP"), "{error}");
    }
}

#[tokio::test]
async fn chunks_that_are_none_end_the_body_with_an_error() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let garbage = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n";
    let (answer, _) = tokio::join!(call(&backend, get("/")), upstream.answer(garbage));
    assert!(soon(answer.unwrap().into_body().frame()).await.unwrap().is_err());
}

#[tokio::test]
async fn half_a_head_is_no_answer() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async { drop(upstream.answer("HTTP/1.1 200 OK\r\ncontent-le").await) };
    let (answer, ()) = soon(async { tokio::join!(call(&backend, get("/")), endpoint) }).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_answer_that_comes_byte_by_byte_is_read() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.request().await;
        peer.stream.set_nodelay(true).unwrap();
        for byte in "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow".chars() {
            peer.write(byte.encode_utf8(&mut [0; 4])).await;
            tokio::task::yield_now().await;
        }
    };
    let calling = async { text(call(&backend, get("/")).await.unwrap()).await };
    assert_eq!(soon(async { tokio::join!(calling, endpoint) }).await.0, "slow");
}
