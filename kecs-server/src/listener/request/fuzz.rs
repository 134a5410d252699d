//! What is taken here, held against what hyper's server takes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::take;
use crate::listener::HEAD_BYTES;

/// A request as a service sees it.
type Seen = (Method, Uri, HeaderMap, Bytes);

/// The bytes of a connection: those requests that are taken from them one after the other are the ones with which hyper begins.
///
/// # Panics
/// When they are not.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let ours = taken(bytes);
    if ours.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O needs nothing");
    let hypers = runtime.block_on(by_hyper(bytes));
    assert!(hypers.len() >= ours.len(), "hyper takes {} requests, and here are {ours:?}", hypers.len());
    assert_eq!(ours[..], hypers[..ours.len()]);
}

fn taken(bytes: &[u8]) -> Vec<Seen> {
    let mut left = Bytes::copy_from_slice(bytes);
    let mut all = Vec::new();
    while let Some(taken) = take(&left, HeaderMap::new()) {
        left = left.slice(taken.length..);
        let (head, body) = taken.request.into_parts();
        let runs = futures::FutureExt::now_or_never(body.collect()).expect("it is there");
        let body = runs.unwrap_or_else(|never| match never {}).to_bytes();
        all.push((head.method, head.uri, head.headers, body));
    }
    all
}

async fn by_hyper(bytes: &[u8]) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            if let Ok(body) = body.collect().await {
                let request = (head.method, head.uri, head.headers, body.to_bytes());
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let (mut client, server) = tokio::io::duplex(bytes.len().max(1));
    let connection =
        http1::Builder::new().half_close(true).max_buf_size(HEAD_BYTES as usize).serve_connection(TokioIo::new(server), service);
    let sent = async {
        client.write_all(bytes).await.ok();
        client.shutdown().await.ok();
        // What is answered is of no interest, but must be read.
        tokio::io::copy(&mut client, &mut tokio::io::sink()).await.ok();
    };
    let _ = tokio::join!(connection, sent);
    std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner))
}
