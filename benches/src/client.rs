//! A client of the ECS API that costs little itself: bodies are made beforehand, answers are read and not decoded.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// As an SDK signs; neither server looks at the signature unless told to.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/ecs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024";

/// One connection, kept alive as far as the server does.
#[derive(Debug)]
pub struct Caller {
    address: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Of a server; connects at the first call.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Calls an operation of ECS and decodes the answer.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn ecs(&mut self, operation: &str, body: &Value) -> Result<Value> {
        let answer = self.ecs_bytes(operation, body.to_string().into()).await?;
        serde_json::from_slice(&answer).context("the answer is not JSON")
    }

    /// Calls an operation of ECS.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn ecs_bytes(&mut self, operation: &str, body: Bytes) -> Result<Bytes> {
        self.send(ecs_request(self.address, operation, body)?).await.with_context(|| operation.to_owned())
    }

    /// Sends any request and reads the answer.
    ///
    /// # Errors
    /// When the server cannot be reached, or answers anything but 2xx.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        let response = self.connected().await?.send_request(request).await?;
        let status = response.status();
        let closes = closes(&response);
        let body = response.into_body().collect().await?.to_bytes();
        if closes {
            self.connection = None;
        }
        if !status.is_success() {
            bail!("{status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.connection {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            // A connection that breaks is seen by whoever sends on it.
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        Ok(self.connection.as_mut().expect("it was just made"))
    }
}

fn ecs_request(address: SocketAddr, operation: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
    let request = Request::post("/")
        .header("host", address.to_string())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
        .header("x-amz-date", "20261122T120000Z")
        .header("user-agent", "benches")
        .header("authorization", AUTHORIZATION)
        .body(Full::new(body))?;
    Ok(request)
}

fn closes(response: &Response<Incoming>) -> bool {
    let says_close = response.headers().get("connection").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    says_close || response.version() == http::Version::HTTP_10
}

/// What came of repeating a request.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many were answered.
    pub requests: u64,
    /// How long it took.
    pub took: Duration,
    /// From request to answer, sorted.
    latencies: Vec<Duration>,
}

impl Load {
    /// What took so long each, and so long together.
    pub fn of(mut latencies: Vec<Duration>, took: Duration) -> Self {
        latencies.sort_unstable();
        Self { requests: latencies.len() as u64, took, latencies }
    }

    /// Answers in a second.
    #[allow(clippy::cast_precision_loss, reason = "a rate is a rough figure")]
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// The latency that `percent` of the requests stayed below.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Repeats an operation of ECS on so many connections for so long. `body` makes the body of the request with that number.
///
/// # Errors
/// When any request fails.
pub async fn load<F>(address: SocketAddr, operation: &'static str, connections: usize, time: Duration, body: F) -> Result<Load>
where
    F: Fn(u64) -> Bytes + Clone + Send + 'static,
{
    let request = move |number| ecs_request(address, operation, body(number)).expect("an operation's name is a header's value");
    load_requests(address, connections, time, request).await.context(operation)
}

/// Repeats a request on so many connections for so long. `request` makes the one with that number.
///
/// # Errors
/// When any request fails.
pub async fn load_requests<F>(address: SocketAddr, connections: usize, time: Duration, request: F) -> Result<Load>
where
    F: Fn(u64) -> Request<Full<Bytes>> + Clone + Send + 'static,
{
    let mut callers = JoinSet::new();
    let started = Instant::now();
    for caller in 0..connections {
        let request = request.clone();
        callers.spawn(async move {
            let mut connection = Caller::new(address);
            let mut latencies = Vec::new();
            let mut number = caller as u64;
            while started.elapsed() < time {
                let request = request(number);
                let sent = Instant::now();
                connection.send(request).await?;
                latencies.push(sent.elapsed());
                number += connections as u64;
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(caller) = callers.join_next().await {
        latencies.extend(caller??);
    }
    Ok(Load::of(latencies, started.elapsed()))
}
