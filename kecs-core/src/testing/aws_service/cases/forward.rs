//! What a backend does with a call and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use crate::testing::aws_service::kit::{body, call, get, next, put, soon, streamed, whole};
use crate::testing::aws_service::{Harness, Upstream};
use crate::{AwsHealth, AwsServiceBackend, ErrorKind};

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

async fn before<H: Harness>() -> (Upstream, H) {
    let upstream = Upstream::bind().await;
    let harness = H::start(upstream.address()).await;
    (upstream, harness)
}

/// Method, path, query, headers and body reach the endpoint as they are: a signature is over them.
pub async fn a_call_is_passed_on_as_it_is<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let request = Request::post("/bucket/a%20key//?versionId=1&x=%2F")
        .header("host", "bucket.s3.localhost")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/s3/aws4_request")
        .header("x-amz-meta-name", "v 1")
        .header("content-length", "4")
        .body(body("text"))
        .expect("it is well-formed");
    let endpoint = async {
        let mut peer = upstream.accept().await;
        let head = peer.head().await;
        let sent = peer.until("text").await;
        peer.write(NO_CONTENT).await;
        (head, sent)
    };
    let (answer, (head, sent)) = soon(futures::future::join(call(harness.backend(), request), endpoint)).await;
    assert_eq!(answer.expect("it is answered").status(), StatusCode::NO_CONTENT);
    assert!(head.starts_with("POST /bucket/a%20key//?versionId=1&x=%2F HTTP/1.1\r\n"), "{head}");
    for line in
        ["host: bucket.s3.localhost", "x-amz-meta-name: v 1", "content-length: 4", "/20260101/us-east-1/s3/aws4_request\r\n"]
    {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    assert_eq!(sent, "text");
}

/// Status, headers, those that come twice among them, and body come back as they are.
pub async fn an_answer_is_passed_on_as_it_is<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.head().await;
        peer.write(
            "HTTP/1.1 206 Partial Content\r\nETag: \"e\"\r\nx-amz-meta-a: 1\r\nx-amz-meta-a: 2\r\ncontent-length: 4\r\n\r\ntext",
        )
        .await;
    };
    let (answer, ()) = soon(futures::future::join(call(harness.backend(), get("/b/k")), endpoint)).await;
    let answer = answer.expect("it is answered");
    assert_eq!((answer.status().as_u16(), &answer.headers()["etag"]), (206, &"\"e\"".parse().expect("a value")));
    assert_eq!(answer.headers().get_all("x-amz-meta-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(whole(answer.into_body()).await, "text");
}

/// Errors of a service are answers, whatever their status: the client reads them.
pub async fn an_error_of_the_service_is_an_answer<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    for status in [400, 404, 500, 501, 503] {
        let endpoint = async {
            let mut peer = upstream.accept().await;
            peer.head().await;
            peer.write(&format!("HTTP/1.1 {status} Error\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}")).await;
        };
        let (answer, ()) = soon(futures::future::join(call(harness.backend(), get("/")), endpoint)).await;
        assert_eq!(answer.expect("it is answered").status().as_u16(), status);
    }
}

/// A part of a request arrives before there is another.
pub async fn a_request_streams<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let (parts, coming) = mpsc::unbounded_channel();
    let request = put("/b/k", streamed(tokio_stream::wrappers::UnboundedReceiverStream::new(coming)));
    let endpoint = async {
        let mut peer = upstream.accept().await;
        parts.send(Bytes::from_static(b"first")).expect("it is read");
        peer.until("first").await;
        parts.send(Bytes::from_static(b"second")).expect("it is read");
        peer.until("second").await;
        drop(parts);
        peer.until("0\r\n\r\n").await;
        peer.write(NO_CONTENT).await;
    };
    let (answer, ()) = soon(futures::future::join(call(harness.backend(), request), endpoint)).await;
    assert_eq!(answer.expect("it is answered").status(), StatusCode::NO_CONTENT);
}

/// An answer is there with its head, and a part of it before there is another.
pub async fn an_answer_streams<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let (go, gone) = tokio::sync::oneshot::channel();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.head().await;
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
        gone.await.expect("the case goes on");
        peer.write("6\r\nsecond\r\n0\r\n\r\n").await;
    };
    let caller = async {
        let mut body = call(harness.backend(), get("/")).await.expect("it is answered").into_body();
        assert_eq!(next(&mut body).await, "first");
        go.send(()).expect("the endpoint waits");
        assert_eq!(whole(body).await, "second");
    };
    soon(futures::future::join(caller, endpoint)).await;
}

/// An endpoint may answer while it still reads.
pub async fn an_answer_may_begin_before_the_request_has_ended<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let (parts, coming) = mpsc::unbounded_channel();
    let request = put("/b/k", streamed(tokio_stream::wrappers::UnboundedReceiverStream::new(coming)));
    parts.send(Bytes::from_static(b"first")).expect("it is read");
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.until("first").await;
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\necho\r\n").await;
        peer.until("second").await;
        peer.until("0\r\n\r\n").await;
        peer.write("0\r\n\r\n").await;
    };
    let caller = async {
        let mut body = call(harness.backend(), request).await.expect("it is answered").into_body();
        assert_eq!(next(&mut body).await, "echo");
        parts.send(Bytes::from_static(b"second")).expect("it is read");
        drop(parts);
        assert_eq!(whole(body).await, "");
    };
    soon(futures::future::join(caller, endpoint)).await;
}

/// Of a body that nobody takes only so much is read: memory stays flat whatever its size.
pub async fn an_endpoint_that_does_not_read_holds_the_caller_back<H: Harness>() {
    const PART: usize = 64 * 1024;
    // More than the sockets of a machine hold.
    const MOST: usize = 64 * 1024 * 1024 / PART;
    let (upstream, harness) = before::<H>().await;
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    let parts = futures::stream::repeat(Bytes::from(vec![0; PART])).inspect(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let endless = call(harness.backend(), put("/b/k", streamed(parts)));
    let endpoint = async {
        let peer = upstream.accept().await;
        let mut before = usize::MAX;
        // Until nothing is read for a while.
        while before != read.load(Ordering::SeqCst) {
            before = read.load(Ordering::SeqCst);
            assert!(before < MOST, "{} MiB were read", before * PART / 1024 / 1024);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        drop(peer);
    };
    soon(futures::future::select(Box::pin(endless), Box::pin(endpoint))).await;
}

/// A caller that goes away ends the call.
pub async fn dropping_a_call_ends_it<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let mut peer = {
        let endpoint = async {
            let mut peer = upstream.accept().await;
            peer.head().await;
            peer
        };
        tokio::select! {
            peer = endpoint => peer,
            answer = call(harness.backend(), get("/")) => panic!("nobody answered, but {answer:?}"),
        }
    };
    assert_eq!(soon(peer.rest()).await, "");
}

/// So does one that has enough of the answer.
pub async fn dropping_an_answer_ends_the_call<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.head().await;
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
        peer
    };
    let (answer, mut peer) = soon(futures::future::join(call(harness.backend(), get("/")), endpoint)).await;
    drop(answer);
    assert_eq!(soon(peer.rest()).await, "");
}

/// A call that takes long keeps no other.
pub async fn calls_do_not_wait_for_each_other<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let endpoint = async {
        let mut slow = upstream.accept().await;
        slow.head().await;
        let mut fast = upstream.accept().await;
        fast.head().await;
        fast.write(NO_CONTENT).await;
        slow.write(NO_CONTENT).await;
        (slow, fast)
    };
    let calls = futures::future::join(call(harness.backend(), get("/1")), call(harness.backend(), get("/2")));
    let ((first, second), _) = soon(futures::future::join(calls, endpoint)).await;
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
}

/// A client that goes away in the middle of an upload must not leave half an object.
pub async fn a_request_that_fails_never_looks_whole<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let parts = futures::stream::iter([Some(Bytes::from_static(b"first")), None]);
    let failing = http_body_util::StreamBody::new(parts.map(|part| part.map(frame).ok_or("the client is gone")));
    let request = put("/b/k", failing.map_err(Into::into).boxed_unsync());
    let endpoint = async { upstream.accept().await.rest().await };
    let (answer, sent) = soon(futures::future::join(call(harness.backend(), request), endpoint)).await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(!sent.contains("0\r\n\r\n"), "{sent}");
}

/// An answer that is cut is not taken for a short one.
pub async fn an_answer_that_breaks_off_is_an_error_of_its_body<H: Harness>() {
    for head in ["transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n", "content-length: 50\r\n\r\nfirst"] {
        let (upstream, harness) = before::<H>().await;
        let endpoint = async {
            let mut peer = upstream.accept().await;
            peer.head().await;
            peer.write(&format!("HTTP/1.1 200 OK\r\n{head}")).await;
        };
        let (answer, ()) = soon(futures::future::join(call(harness.backend(), get("/")), endpoint)).await;
        let mut body = answer.expect("it is answered").into_body();
        assert_eq!(next(&mut body).await, "first");
        let end = soon(body.frame()).await;
        assert!(matches!(end, Some(Err(_))), "{end:?}");
    }
}

/// Nobody listens: [`ErrorKind::Unavailable`].
pub async fn an_endpoint_that_is_not_there_is_unavailable<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    drop(upstream);
    let error = call(harness.backend(), get("/")).await.expect_err("nobody listens");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true));
}

/// It closes without an answer: [`ErrorKind::Unavailable`], and since the call may have taken effect it is made once only.
pub async fn an_endpoint_that_closes_is_unavailable_and_the_call_is_not_repeated<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.until("text").await;
    };
    let (answer, ()) = soon(futures::future::join(call(harness.backend(), put("/b/k", body("text"))), endpoint)).await;
    assert_eq!(answer.expect_err("nobody answered").kind(), ErrorKind::Unavailable);
    let again = tokio::time::timeout(Duration::from_millis(200), upstream.accept()).await;
    assert!(again.is_err(), "it was repeated");
}

/// [`AwsHealth`] is no error while the endpoint is away.
pub async fn health_tells_whether_the_endpoint_is_there<H: Harness>() {
    let (upstream, harness) = before::<H>().await;
    assert_eq!(soon(harness.backend().health()).await.expect("it can be asked"), AwsHealth::Ready);
    drop(upstream);
    let (absent, harness) = before::<H>().await;
    drop(absent);
    let health = soon(harness.backend().health()).await.expect("it can be asked");
    assert!(matches!(&health, AwsHealth::NotReady(why) if !why.is_empty()), "{health:?}");
}

fn frame(part: Bytes) -> http_body::Frame<Bytes> {
    http_body::Frame::data(part)
}
