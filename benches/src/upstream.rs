//! What the proxies pass requests on to: it costs little, and runs on the client's core.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// 200 bytes of JSON.
const SMALL: &[u8] = &[b'x'; 200];
/// How a large body is written.
const CHUNK: usize = 64 * 1024;

/// Starts it on a thread of its own, which ends with the program. `GET /…/<n>` answers n bytes, and any other GET 200; PUT reads what comes.
///
/// # Errors
/// When no port is free.
pub fn start() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || runtime.block_on(serve(listener)));
    Ok(address)
}

async fn serve(listener: std::net::TcpListener) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A proxy that hangs up is no error.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let (head, mut body) = request.into_parts();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let path = head.uri.path();
    // What a LocalStack says of itself: kecs asks before it passes anything on.
    if path == "/_localstack/health" {
        return Ok(Response::new(Full::from(r#"{"services": {}, "edition": "community", "version": "4.14.0"}"#).boxed()));
    }
    let length = path.rsplit('/').next().and_then(|number| number.parse::<usize>().ok()).filter(|_| head.method == Method::GET);
    let Some(length) = length else { return Ok(Response::new(Full::from(SMALL).boxed())) };
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let whole = (0..length / CHUNK).map({
        let chunk = chunk.clone();
        move |_| chunk.clone()
    });
    let rest = Some(chunk.slice(..length % CHUNK)).filter(|rest| !rest.is_empty());
    let frames = whole.chain(rest).map(|data| Ok(Frame::data(data)));
    let body = StreamBody::new(futures::stream::iter(frames)).boxed();
    Ok(Response::builder().header("content-length", length).body(body).expect("a number is a header's value"))
}
