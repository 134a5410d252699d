//! What is too much.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use kecs_server::{EndpointConfig, JsonBounds, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{FakeEcs, body, config, ecs, send, serve};

fn limited(change: impl FnOnce(&mut Limits)) -> EndpointConfig {
    let mut config = config();
    change(&mut config.limits);
    config
}

#[tokio::test]
async fn a_body_of_known_length_that_is_too_large_is_refused() {
    let server = serve(limited(|limits| limits.body_bytes = 1000)).await;
    let answer = send(&server, ecs("ListClusters").body(body(vec![b' '; 1001])).unwrap()).await;
    assert_eq!(answer.error(), (413, "RequestEntityTooLargeException".to_owned()));
    assert_eq!(send(&server, ecs("ListClusters").body(body(vec![b' '; 1000])).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn a_body_of_unknown_length_that_grows_too_large_is_refused() {
    let server = serve(limited(|limits| limits.body_bytes = 1000)).await;
    let chunks = (0..11).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b' '; 100]))));
    let answer = send(&server, ecs("ListClusters").body(StreamBody::new(stream::iter(chunks))).unwrap()).await;
    assert_eq!(answer.error(), (413, "RequestEntityTooLargeException".to_owned()));
}

#[tokio::test]
async fn a_body_that_comes_in_pieces_is_put_together() {
    let server = serve(config()).await;
    let chunks = ["{\"max", "Results\"", ":1}"].map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from(part))));
    let answer = send(&server, ecs("ListClusters").body(StreamBody::new(stream::iter(chunks))).unwrap()).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn deep_nesting_and_long_lists_are_refused_before_decoding() {
    let server = serve(limited(|limits| limits.json = JsonBounds { depth: 4, items: 4 })).await;
    for text in ["[[[[[]]]]]", r#"{"clusters":["1","2","3","4","5"]}"#] {
        let answer = send(&server, ecs("ListClusters").body(body(text)).unwrap()).await;
        assert_eq!(answer.error(), (400, "SerializationException".to_owned()), "{text}");
    }
}

#[tokio::test]
async fn too_many_requests_at_a_time_are_throttled() {
    let fake = FakeEcs::new();
    let mut config = EndpointConfig::new(fake.clone());
    config.limits.concurrent_requests = 1;
    let server = serve(config).await;
    let (first, second) = tokio::join!(send(&server, ecs("CreateCluster").body(body("{}")).unwrap()), async {
        fake.entered.acquire().await.unwrap().forget();
        let second = send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await;
        fake.release.add_permits(1);
        second
    });
    assert_eq!(first.status(), 200);
    // API_Operations' common errors: ThrottlingException, 400; its text is "Rate exceeded".
    assert_eq!(second.error(), (400, "ThrottlingException".to_owned()));
    assert_eq!(second.json()["message"], "Rate exceeded");
    assert_eq!(send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_times_out() {
    let server = serve(limited(|limits| limits.body_read_timeout = Duration::from_millis(20))).await;
    let chunks = stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let answer = send(&server, ecs("ListClusters").body(StreamBody::new(Box::pin(chunks))).unwrap()).await;
    assert_eq!(answer.error(), (408, "RequestTimeoutException".to_owned()));
}

#[tokio::test]
async fn a_connection_that_never_sends_a_head_is_closed() {
    let server = serve(limited(|limits| limits.header_read_timeout = Duration::from_millis(20))).await;
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let server = serve(limited(|limits| limits.connections = 1)).await;
    // `send` opens a connection and closes it; three in a row only work if each gives its place back.
    for _ in 0..3 {
        assert_eq!(send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await.status(), 200);
    }
}
