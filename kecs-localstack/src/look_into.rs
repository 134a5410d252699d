//! What a decorator of the backend needs to look into a call on its way, and into what was there before.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ErrorKind, Scope};

use crate::Caller;

/// The longest body that is looked into: a rule has at most 5 targets, each with 8 KiB of input and as much of a template.
const LONGEST: usize = 1024 * 1024;

/// The first and the longest pause of one who asks again.
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(500);
pub(crate) const LAST_RETRY: Duration = Duration::from_secs(30);

/// Waits until a backend is ready.
pub(crate) async fn ready(backend: &dyn AwsServiceBackend) {
    let mut pause = FIRST_RETRY;
    while !matches!(backend.health().await, Ok(AwsHealth::Ready)) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
}

/// On whose behalf a request is made, as LocalStack reads it off the credential.
pub(crate) fn caller(request: &Request<Body>) -> Caller {
    let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = header.split_once("Credential=").map_or("", |(_, rest)| rest);
    let mut parts = credential.split([',', ' ']).next().unwrap_or_default().split('/');
    let key = parts.next().filter(|key| key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()));
    let region = parts.nth(1).filter(|region| !region.is_empty());
    Scope::new(key.unwrap_or("000000000000"), region.unwrap_or("us-east-1"))
}

pub(crate) async fn gathered(request: Request<Body>) -> Result<(Request<()>, Bytes), BackendError> {
    let (head, body) = request.into_parts();
    Ok((Request::from_parts(head, ()), whole(body).await?))
}

pub(crate) async fn whole(body: Body) -> Result<Bytes, BackendError> {
    // Boxed, since the compiler does not see through the adapter that a future which holds it may change threads.
    let whole = Limited::new(body, LONGEST).boxed_unsync().collect().await;
    whole.map(http_body_util::Collected::to_bytes).map_err(|error| {
        BackendError::new(ErrorKind::Invalid, "a list of targets broke off, or is longer than 1 MiB").with_source(error)
    })
}

pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}
