//! What it costs to pass a request on: KECS's gateway and sidecar beside HAProxy, nginx and Go's net/http, on the same upstream in one run.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use benches::{Caller, Mode, Server, Table, load_requests, median, pin_client, print, start_proxies, start_upstream};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As an SDK signs a request of S3; nobody looks at the signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024";

fn main() -> Result<()> {
    let mode = Mode::from_arguments();
    pin_client()?;
    let upstream = start_upstream()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(mode, upstream))
}

async fn run(mode: Mode, upstream: SocketAddr) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (proxies, missing) = start_proxies(upstream, folder.path())?;
    for name in missing {
        print(&format!("not measured, since it is not here: {name}"));
    }
    small(mode, upstream, &proxies).await?;
    large(mode, &proxies).await?;
    memory(mode, &proxies).await
}

fn get(address: SocketAddr, path: &str) -> Request<Full<Bytes>> {
    request("GET", address, path, Bytes::new())
}

fn request(method: &str, address: SocketAddr, path: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", address.to_string())
        .header("authorization", AUTHORIZATION)
        .header("x-amz-date", "20261122T120000Z")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .header("user-agent", "benches")
        .body(Full::new(body))
        .expect("it is well-formed")
}

/// What a proxy did in one round of small requests.
#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    /// µs of CPU for each request.
    cpu: f64,
    /// To HAProxy in the same round, if it is there.
    ratio: Option<f64>,
    /// How much later the answer comes than from the upstream itself in the same round, in µs.
    added_p50: f64,
    added_p99: f64,
}

/// Small requests on connections that are kept: what one costs, and how much later the answer comes. The proxies take turns, since a machine that others use
/// too is not as fast in one second as in the next; what is told is the median of the rounds.
async fn small(mode: Mode, upstream: SocketAddr, proxies: &[Server]) -> Result<()> {
    let rounds = mode.pick(11, 1);
    let table = Table::new(
        &format!("Small requests (200 bytes), keep-alive, median of {rounds} rounds"),
        &["proxy", "64 connections: requests/s", "CPU µs/request", "to HAProxy", "1 connection: p50 added", "p99 added"],
    );
    let mut seen = vec![Vec::new(); proxies.len()];
    for _ in 0..rounds {
        for (proxy, round) in seen.iter_mut().zip(small_round(mode, upstream, proxies).await?) {
            proxy.push(round);
        }
    }
    for (proxy, rounds) in proxies.iter().zip(&seen) {
        let median = |of: fn(&Round) -> Option<f64>| median(rounds.iter().filter_map(of));
        let show = |figure: Option<f64>, decimals: usize| figure.map_or_else(String::new, |figure| format!("{figure:.decimals$}"));
        table.row(&[
            proxy.name.to_owned(),
            show(median(|round| Some(round.per_second)), 0),
            show(median(|round| Some(round.cpu)), 1),
            show(median(|round| round.ratio), 2),
            format!("{} µs", show(median(|round| Some(round.added_p50)), 0)),
            format!("{} µs", show(median(|round| Some(round.added_p99)), 0)),
        ]);
    }
    Ok(())
}

/// Each proxy once.
#[allow(clippy::cast_precision_loss, reason = "rough figures")]
async fn small_round(mode: Mode, upstream: SocketAddr, proxies: &[Server]) -> Result<Vec<Round>> {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let alone = |address| load_requests(address, 1, mode.duration() / 16, move |_| get(address, "/bucket/key"));
    let direct = alone(upstream).await?;
    let mut round = Vec::new();
    for proxy in proxies {
        let address = proxy.address;
        // The first calls wake what sleeps.
        load_requests(address, 64, mode.duration() / 32, move |_| get(address, "/bucket/key")).await?;
        let before = proxy.exact_cpu()?;
        let load = load_requests(address, 64, mode.duration() / 4, move |_| get(address, "/bucket/key")).await?;
        let cpu = micros(proxy.exact_cpu()?.saturating_sub(before)) / load.requests as f64;
        let single = alone(address).await?;
        let added = |percent| micros(single.percentile(percent)) - micros(direct.percentile(percent));
        let (added_p50, added_p99) = (added(50), added(99));
        round.push(Round { per_second: load.per_second(), cpu, ratio: None, added_p50, added_p99 });
    }
    if let Some(haproxy) = proxies.iter().position(|proxy| proxy.name == "HAProxy") {
        let haproxy = round[haproxy].cpu;
        for one in &mut round {
            one.ratio = Some(one.cpu / haproxy);
        }
    }
    Ok(round)
}

/// Bodies down and up, one at a time. The proxies take turns here too.
async fn large(mode: Mode, proxies: &[Server]) -> Result<()> {
    let rounds = mode.pick(5, 1);
    let title = format!("Bodies, one connection, median of {rounds} rounds");
    let table = Table::new(&title, &["proxy", "body", "down: MiB/s", "CPU ms/MiB", "up: MiB/s", "CPU ms/MiB"]);
    for size in mode.pick(vec![1 << 10, 64 << 10, 1 << 20, 64 << 20], vec![1 << 10, 1 << 20]) {
        let body = Bytes::from(vec![b'x'; size]);
        let mut seen = vec![Vec::new(); proxies.len()];
        for _ in 0..rounds {
            for (proxy, rounds) in proxies.iter().zip(&mut seen) {
                let down = transfer(mode, proxy, size, || get(proxy.address, &format!("/bucket/{size}"))).await?;
                let up = transfer(mode, proxy, size, || request("PUT", proxy.address, "/bucket/key", body.clone())).await?;
                rounds.push([down.0, down.1, up.0, up.1]);
            }
        }
        for (proxy, rounds) in proxies.iter().zip(&seen) {
            let show = |column: usize, decimals: usize| {
                let figure = median(rounds.iter().map(|round| round[column])).unwrap_or_default();
                format!("{figure:.decimals$}")
            };
            table.row(&[proxy.name.to_owned(), format!("{} KiB", size >> 10), show(0, 0), show(1, 2), show(2, 0), show(3, 2)]);
        }
    }
    Ok(())
}

/// MiB in a second, and the proxy's CPU ms for each.
#[allow(clippy::cast_precision_loss, reason = "rough figures")]
async fn transfer(mode: Mode, proxy: &Server, size: usize, request: impl Fn() -> Request<Full<Bytes>>) -> Result<(f64, f64)> {
    let mut caller = Caller::new(proxy.address);
    caller.send(request()).await?;
    let (before, started) = (proxy.exact_cpu()?, Instant::now());
    let mut bytes = 0;
    while started.elapsed() < mode.duration() / 8 {
        caller.send(request()).await?;
        bytes += size;
    }
    let (cpu, took) = (proxy.exact_cpu()?.saturating_sub(before), started.elapsed());
    let mib = bytes as f64 / f64::from(1 << 20);
    Ok((mib / took.as_secs_f64(), cpu.as_secs_f64() * 1e3 / mib))
}

/// What many connections hold that do nothing, or take nothing.
async fn memory(mode: Mode, proxies: &[Server]) -> Result<()> {
    let (idle, slow) = mode.pick((1000, 100), (20, 5));
    let (readers, connections) = (format!("{slow} slow readers of 64 MiB"), format!("{idle} idle connections"));
    let table = Table::new("Memory", &["proxy", "RSS", &readers, &connections]);
    for proxy in proxies {
        let rss = |proxy: &Server| anyhow::Ok(format!("{:.1} MiB", mib(proxy.resident()?)));
        let at_rest = rss(proxy)?;
        // First, as what the others leave behind would hide what these take.
        let connections = open(proxy.address, slow, &format!("/bucket/{}", 64 << 20)).await?;
        // Long enough for whoever buffers to do so.
        tokio::time::sleep(mode.pick(Duration::from_secs(3), Duration::from_millis(100))).await;
        let with_slow = rss(proxy)?;
        drop(connections);
        let connections = open(proxy.address, idle, "/bucket/key").await?;
        let with_idle = rss(proxy)?;
        drop(connections);
        table.row(&[proxy.name.to_owned(), at_rest, with_slow, with_idle]);
    }
    Ok(())
}

/// Connections that each asked once, and read the first bytes of the answer.
async fn open(address: SocketAddr, count: usize, path: &str) -> Result<Vec<TcpStream>> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {AUTHORIZATION}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut begin = [0; 64];
        stream.read_exact(&mut begin).await?;
        connections.push(stream);
    }
    Ok(connections)
}

#[allow(clippy::cast_precision_loss, reason = "a rough figure")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
