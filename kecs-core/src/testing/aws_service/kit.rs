//! What the cases are written with.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};

use crate::{AwsServiceBackend, BackendError, Body, ServiceId};

/// A body that is there.
pub(super) fn body(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of unknown length.
pub(super) fn streamed(parts: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    let frames = parts.map(|part| Ok::<_, Infallible>(Frame::data(part)));
    StreamBody::new(frames).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "localhost").body(body("")).expect("it is well-formed")
}

pub(super) fn put(path: &str, body: Body) -> Request<Body> {
    Request::put(path).header("host", "localhost").body(body).expect("it is well-formed")
}

pub(super) async fn call(backend: &impl AwsServiceBackend, request: Request<Body>) -> Result<Response<Body>, BackendError> {
    soon(backend.call(&ServiceId::new("s3"), request)).await
}

/// The next part of a body.
pub(super) async fn next(body: &mut Body) -> Bytes {
    let frame = soon(body.frame()).await.expect("the body goes on").expect("the body is whole");
    frame.into_data().unwrap_or_else(|_| panic!("trailers came too early"))
}

/// All of a body.
pub(super) async fn whole(mut body: Body) -> Bytes {
    let mut all = Vec::new();
    while let Some(frame) = soon(body.frame()).await {
        if let Ok(data) = frame.expect("the body is whole").into_data() {
            all.extend_from_slice(&data);
        }
    }
    all.into()
}

/// Fails a case that would hang. An emulator may load a service for its first call.
pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("it happens within a minute")
}
