//! Connections: kept, given up, and closed when the caller goes away.

use std::time::Duration;

use futures::FutureExt;
use kecs_core::ErrorKind;

use crate::support::{Upstream, body, call, get, put, soon, text};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_connection_carries_one_call_after_the_other() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let (answer, (mut peer, _)) = tokio::join!(call(&backend, get("/1")), upstream.answer(OK));
    assert_eq!(text(answer.unwrap()).await, "ok");
    for path in ["/2", "/3"] {
        let endpoint = async {
            let asked = peer.request().await;
            peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
            asked
        };
        let calling = async { text(call(&backend, get(path)).await.unwrap()).await };
        let (answer, asked) = soon(async { tokio::join!(calling, endpoint) }).await;
        assert_eq!(answer, "ok");
        assert!(asked.starts_with(&format!("GET {path} ")), "{asked}");
    }
}

#[tokio::test]
async fn a_connection_that_the_endpoint_wants_closed_is_not_kept() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    for _ in 0..2 {
        let endpoint = async {
            let (mut peer, _) = upstream.answer(closing).await;
            peer.rest().await
        };
        let calling = async { text(call(&backend, get("/")).await.unwrap()).await };
        assert_eq!(soon(async { tokio::join!(calling, endpoint) }).await, ("ok".to_owned(), Vec::new()));
    }
}

#[tokio::test]
async fn a_connection_that_said_too_much_is_not_kept() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async {
        let (mut peer, _) = upstream.answer(&format!("{OK}HTTP/1.1 200 OK\r\n")).await;
        peer.rest().await
    };
    let calling = async { text(call(&backend, get("/")).await.unwrap()).await };
    assert_eq!(soon(async { tokio::join!(calling, endpoint) }).await.0, "ok");
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_costs_no_call() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    for _ in 0..3 {
        // Each answer is the last on its connection, without saying so.
        let endpoint = async { upstream.answer(OK).await.1 };
        let calling = async { text(call(&backend, put("/b/k", body("content"))).await.unwrap()).await };
        let (answer, asked) = soon(async { tokio::join!(calling, endpoint) }).await;
        assert_eq!(answer, "ok");
        assert!(asked.ends_with("content"), "{asked}");
    }
}

#[tokio::test]
async fn a_safe_call_on_a_connection_that_dies_is_made_again() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let (answer, (mut peer, _)) = tokio::join!(call(&backend, get("/1")), upstream.answer(OK));
    text(answer.unwrap()).await;
    let endpoint = async {
        peer.request().await;
        drop(peer);
        upstream.answer(OK).await.1
    };
    let calling = async { text(call(&backend, get("/2")).await.unwrap()).await };
    let (answer, asked) = soon(async { tokio::join!(calling, endpoint) }).await;
    assert_eq!(answer, "ok");
    assert!(asked.starts_with("GET /2 "), "{asked}");
}

#[tokio::test]
async fn a_call_that_may_have_taken_effect_is_not_made_again() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let (answer, (mut peer, _)) = tokio::join!(call(&backend, get("/1")), upstream.answer(OK));
    text(answer.unwrap()).await;
    let endpoint = async {
        peer.request().await;
        drop(peer);
    };
    let (answer, ()) = soon(async { tokio::join!(call(&backend, put("/b/k", body("content"))), endpoint) }).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(upstream.accept().now_or_never().is_none(), "there was a second call");
}

#[tokio::test]
async fn a_new_connection_that_dies_is_an_error_at_once() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.request().await;
        drop(peer);
    };
    let (answer, ()) = soon(async { tokio::join!(call(&backend, get("/")), endpoint) }).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn idle_connections_are_closed_in_time() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend_with(|config| config.idle_timeout = Duration::from_millis(20));
    let (answer, (mut peer, _)) = tokio::join!(call(&backend, get("/")), upstream.answer(OK));
    text(answer.unwrap()).await;
    assert_eq!(soon(peer.rest()).await, b"");
}

#[tokio::test]
async fn idle_connections_are_bounded() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend_with(|config| config.idle_connections = 1);
    // Both are in use at a time, since neither answer is read.
    let parts = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok";
    let (first, (mut one, _)) = tokio::join!(call(&backend, get("/1")), upstream.answer(parts));
    let (second, (mut two, _)) = tokio::join!(call(&backend, get("/2")), upstream.answer(parts));
    one.write("ok").await;
    two.write("ok").await;
    assert_eq!((text(first.unwrap()).await, text(second.unwrap()).await), ("okok".to_owned(), "okok".to_owned()));
    assert_eq!(soon(two.rest()).await, b"");
    let endpoint = async {
        one.request().await;
        one.write(OK).await;
    };
    let (third, ()) = soon(async { tokio::join!(call(&backend, get("/3")), endpoint) }).await;
    assert_eq!(text(third.unwrap()).await, "ok");
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_call() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let calling = tokio::spawn(async move { call(&backend, get("/slow")).await.map(drop) });
    let mut peer = upstream.accept().await;
    peer.request().await;
    calling.abort();
    assert_eq!(soon(peer.rest()).await, b"");
}

#[tokio::test]
async fn an_answer_that_is_dropped_ends_the_call() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let (answer, (mut peer, _)) =
        tokio::join!(call(&backend, get("/")), upstream.answer("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbegin"));
    drop(answer.unwrap());
    assert_eq!(soon(peer.rest()).await, b"");
}
