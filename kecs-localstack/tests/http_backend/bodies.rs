//! Bodies: streamed both ways, with back-pressure, whole or not at all.

use bytes::Bytes;
use futures::stream;
use http::Request;
use http_body_util::BodyExt;
use kecs_core::{Body, ErrorKind};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::{PART, Upstream, body, call, get, put, soon, streamed, text};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

async fn next(body: &mut Body) -> String {
    String::from_utf8(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_body_of_unknown_length_is_chunked() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let parts = streamed(stream::iter([Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"sixteen bytes...")]));
    let endpoint = async {
        let mut peer = upstream.accept().await;
        let asked = peer.until("0\r\n\r\n").await;
        peer.write(EMPTY).await;
        asked
    };
    let (_, asked) = tokio::join!(call(&backend, put("/b/k", parts)), endpoint);
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with("transfer-encoding: chunked"), "{head}");
    assert_eq!(body, "3\r\none\r\n10\r\nsixteen bytes...\r\n0\r\n\r\n");
}

// The body of "Signature Calculations … Multiple Chunks with Trailing Headers" in the Amazon S3 API Reference, shortened: chunks within the
// body, which only S3 may take apart.
#[tokio::test]
async fn aws_chunks_and_their_trailers_are_not_touched() {
    const CHUNKS: &str = "5;chunk-signature=ad80c730\r\nhello\r\n0;chunk-signature=2ca2aba2\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\
                          x-amz-trailer-signature:63bddb24\r\n\r\n";
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let request = Request::put("/b/k")
        .header("host", "h")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "5")
        .header("x-amz-trailer", "x-amz-checksum-crc32c")
        .body(body(CHUNKS))
        .unwrap();
    let (_, (_, asked)) = tokio::join!(call(&backend, request), upstream.answer(EMPTY));
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    for header in ["content-encoding: aws-chunked", "x-amz-decoded-content-length: 5", "x-amz-trailer: x-amz-checksum-crc32c"] {
        assert!(head.contains(header), "{head}");
    }
    assert_eq!(body, CHUNKS);
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let (parts, received) = mpsc::channel(1);
    parts.send(Bytes::from_static(b"one")).await.unwrap();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.until("3\r\none\r\n").await;
        // It answers while the request is still open.
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n").await;
        peer
    };
    let request = put("/b/k", streamed(ReceiverStream::new(received)));
    let (answer, mut peer) = soon(async { tokio::join!(call(&backend, request), endpoint) }).await;
    let mut answer = answer.unwrap().into_body();
    assert_eq!(next(&mut answer).await, "four");
    parts.send(Bytes::from_static(b"two")).await.unwrap();
    drop(parts);
    let endpoint = async {
        assert_eq!(peer.until("0\r\n\r\n").await, "3\r\ntwo\r\n0\r\n\r\n");
        peer.write("3\r\nend\r\n0\r\nx-sum: 1\r\n\r\n").await;
    };
    let ((), end) = soon(async { tokio::join!(endpoint, next(&mut answer)) }).await;
    assert_eq!(end, "end");
    let trailers = soon(answer.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["x-sum"], "1");
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn a_request_whose_body_fails_never_looks_whole() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let (parts, received) = mpsc::channel::<Result<http_body::Frame<Bytes>, std::io::Error>>(2);
    let failing = http_body_util::StreamBody::new(ReceiverStream::new(received)).map_err(Into::into).boxed_unsync();
    parts.send(Ok(http_body::Frame::data(Bytes::from_static(b"half")))).await.unwrap();
    let endpoint = async {
        let mut peer = upstream.accept().await;
        peer.until("4\r\nhalf\r\n").await;
        parts.send(Err(std::io::ErrorKind::ConnectionReset.into())).await.unwrap();
        peer.rest().await
    };
    let (answer, rest) = soon(async { tokio::join!(call(&backend, put("/b/k", failing)), endpoint) }).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Invalid);
    assert!(rest.is_empty(), "the last chunk was sent: {rest:?}");
}

#[tokio::test]
async fn a_body_of_another_length_than_it_says_is_refused() {
    for sent in ["short", "much longer"] {
        let upstream = Upstream::bind().await;
        let backend = upstream.backend();
        let mut request = put("/b/k", streamed(stream::iter([Bytes::from_static(sent.as_bytes())])));
        request.headers_mut().insert("content-length", 7.into());
        let endpoint = async { upstream.accept().await.rest().await };
        let (answer, _) = soon(async { tokio::join!(call(&backend, request), endpoint) }).await;
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Invalid, "{sent}");
    }
}

#[tokio::test]
async fn an_answer_of_unknown_length_ends_with_its_connection() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let endpoint = async {
        let (peer, _) = upstream.answer("HTTP/1.0 200 OK\r\n\r\nall there is").await;
        drop(peer);
    };
    let (answer, ()) = tokio::join!(call(&backend, get("/")), endpoint);
    assert_eq!(soon(text(answer.unwrap())).await, "all there is");
}

/// How many bytes of a body the forwarder takes ahead of an endpoint that reads nothing.
#[tokio::test]
async fn an_endpoint_that_does_not_read_holds_the_client_back() {
    let upstream = Upstream::bind().await;
    let backend = upstream.backend();
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&taken);
    let endless = streamed(stream::repeat_with(move || {
        count.fetch_add(PART.len(), std::sync::atomic::Ordering::Relaxed);
        Bytes::from_static(&PART)
    }));
    let calling = tokio::spawn(async move { call(&backend, put("/b/k", endless)).await.map(drop) });
    let mut peer = upstream.accept().await;
    peer.head().await;
    // What the kernel's buffers hold is taken, and then nothing any more: the count stands still while both sides have time to act.
    let mut before = 0;
    soon(async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let now = taken.load(std::sync::atomic::Ordering::Relaxed);
            if now == before && now > 0 {
                break;
            }
            before = now;
        }
    })
    .await;
    // tcp_wmem and tcp_rmem allow 4 and 6 MiB (tcp(7)) of kernel memory.
    assert!(before < 32 * 1024 * 1024, "{before} bytes were taken");
    drop(peer);
    assert!(soon(calling).await.unwrap().is_err());
}
