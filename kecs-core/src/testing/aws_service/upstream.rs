//! An endpoint that does what a case says, byte by byte.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A listener on loopback whose connections are played by hand.
#[derive(Debug)]
pub struct Upstream(TcpListener);

impl Upstream {
    /// On a free port.
    pub async fn bind() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    /// The next connection.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = self.0.accept().await.expect("a listener accepts");
        Peer { stream, received: BytesMut::new() }
    }
}

/// One connection, seen from the endpoint.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    received: BytesMut,
}

impl Peer {
    /// Reads the head of a request, its names in lower case.
    pub async fn head(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        let lower = |line: &str| match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        };
        head.split("\r\n").map(lower).collect::<Vec<_>>().join("\r\n")
    }

    /// Reads up to this text, and with it.
    pub async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.received.windows(end.len()).position(|window| window == end.as_bytes()) {
                return String::from_utf8_lossy(&self.received.split_to(at + end.len())).into_owned();
            }
            let read = self.stream.read_buf(&mut self.received).await;
            assert!(read.is_ok_and(|read| read > 0), "the connection ended before {end:?}: {:?}", self.received);
        }
    }

    /// Waits until the other side closes, and returns what it sent before.
    pub async fn rest(&mut self) -> String {
        // A reset is an end too.
        while self.stream.read_buf(&mut self.received).await.is_ok_and(|read| read > 0) {}
        String::from_utf8_lossy(&self.received.split()).into_owned()
    }

    /// Sends this.
    pub async fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("the connection is open");
    }
}
