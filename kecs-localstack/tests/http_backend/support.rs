//! An endpoint that does what the test says, byte by byte.

use std::convert::Infallible;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use kecs_core::{AwsServiceBackend, BackendError, Body, ServiceId};
use kecs_localstack::{HttpBackend, HttpBackendConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A part of a large body.
pub(crate) static PART: [u8; 64 * 1024] = [0; 64 * 1024];

/// A body that does not end.
pub(crate) fn endless() -> Body {
    streamed(futures::stream::repeat(Bytes::from_static(&PART)))
}

/// A listener whose connections the test plays itself.
#[derive(Debug)]
pub(crate) struct Upstream {
    listener: TcpListener,
}

impl Upstream {
    pub(crate) async fn bind() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// A backend in front of it.
    pub(crate) fn backend(&self) -> HttpBackend {
        self.backend_with(|_| {})
    }

    pub(crate) fn backend_with(&self, change: impl FnOnce(&mut HttpBackendConfig)) -> HttpBackend {
        let mut config = HttpBackendConfig::default();
        change(&mut config);
        HttpBackend::new(self.url().parse().unwrap(), config)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        Peer { stream, received: BytesMut::new() }
    }

    /// Answers one request on a new connection, and returns the connection with what was asked.
    pub(crate) async fn answer(&self, answer: &str) -> (Peer, String) {
        let mut peer = self.accept().await;
        let asked = peer.request().await;
        peer.write(answer).await;
        (peer, asked)
    }
}

/// One connection, seen from the endpoint.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    received: BytesMut,
}

impl Peer {
    /// Reads a request: its head, and the body that its `content-length` tells.
    pub(crate) async fn request(&mut self) -> String {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
        let body = self.exactly(length).await;
        head + &body
    }

    /// Reads the head of a request.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads up to this text, and with it.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.received.windows(end.len()).position(|window| window == end.as_bytes()) {
                return String::from_utf8(self.received.split_to(at + end.len()).to_vec()).unwrap();
            }
            assert_ne!(self.stream.read_buf(&mut self.received).await.unwrap(), 0, "closed in the middle of a request");
        }
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> String {
        while self.received.len() < length {
            assert_ne!(self.stream.read_buf(&mut self.received).await.unwrap(), 0, "closed in the middle of a body");
        }
        String::from_utf8(self.received.split_to(length).to_vec()).unwrap()
    }

    /// Waits until the forwarder closes, and returns what it sent before.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        // A reset is an end too.
        while self.stream.read_buf(&mut self.received).await.is_ok_and(|read| read > 0) {}
        self.received.split().to_vec()
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Closes so that what was not read becomes a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "localhost:4566").body(body("")).unwrap()
}

pub(crate) fn put(path: &str, body: Body) -> Request<Body> {
    Request::put(path).header("host", "localhost:4566").body(body).unwrap()
}

/// A body that is there.
pub(crate) fn body(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of unknown length.
pub(crate) fn streamed(parts: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    let frames = parts.map(|part| Ok::<_, Infallible>(http_body::Frame::data(part)));
    StreamBody::new(frames).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) async fn call(backend: &HttpBackend, request: Request<Body>) -> Result<Response<Body>, BackendError> {
    backend.call(&ServiceId::new("s3"), request).await
}

pub(crate) async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Fails a test that would hang.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not happen in 20 s")
}
