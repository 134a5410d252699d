//! Calls of all other AWS services, streamed to the backend that answers for them.

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Body as HttpBody;
use kecs_core::{BackendError, Body, ErrorKind, Report, ServiceId};

use super::Shared;
use super::ecs::now;
use crate::errors::{Protocol, WireError};
use crate::gather::{BoxError, boxed, gather, verified};
use crate::identify::{IdentifiedBy, Identity};
use crate::reply::full;
use crate::{AccessKeys, Auth, Payload, verify};

pub(super) async fn call<B>(
    shared: &Shared,
    head: &Parts,
    identity: &Identity<'_>,
    protocol: Protocol,
    body: B,
) -> Result<Response<Body>, WireError>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let body = match &shared.auth {
        Auth::Off => boxed(body),
        Auth::Required(keys) => verified_body(shared, keys, head, identity, protocol, body).await?,
    };
    let service = ServiceId::new(&*identity.service);
    if !shared.aws.serves(&service) {
        return Err(WireError::no_backend(protocol, &identity.service));
    }
    let request = forwarded(head, identity, body);
    shared.aws.call(&service, request).await.map_err(|error| failed(protocol, &identity.service, &error))
}

/// Verifies the signature before anything is passed on. A body whose hash the head states is compared while it streams; only one whose
/// hash is stated nowhere has to be gathered.
async fn verified_body<B>(
    shared: &Shared,
    keys: &AccessKeys,
    head: &Parts,
    identity: &Identity<'_>,
    protocol: Protocol,
    body: B,
) -> Result<Body, WireError>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let refuse = |error| WireError::signature(protocol, &error);
    let declared = head.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let is_hash = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let presigned = identity.service == "s3" && !head.headers.contains_key(http::header::AUTHORIZATION);
    if declared.is_none() && !presigned {
        let body = gather(body, shared.limits.body_bytes, shared.limits.body_read_timeout).await?;
        verify(keys, head, Payload::Whole(&body), &identity.service, now(shared)).map_err(refuse)?;
        return Ok(full(body));
    }
    verify(keys, head, Payload::Streamed, &identity.service, now(shared)).map_err(refuse)?;
    Ok(match declared.filter(is_hash) {
        Some(hash) => verified(body, hash.to_ascii_lowercase()),
        None => boxed(body),
    })
}

/// The request as the service knows it: without the path prefix that named the service.
fn forwarded(head: &Parts, identity: &Identity<'_>, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    request.method_mut().clone_from(&head.method);
    request.headers_mut().clone_from(&head.headers);
    *request.uri_mut() = head.uri.clone();
    if identity.identified_by == IdentifiedBy::Path {
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = PathAndQuery::try_from(format!("{}{query}", identity.path)).expect("a part of a path is a path");
        let mut parts = head.uri.clone().into_parts();
        parts.path_and_query = Some(path);
        *request.uri_mut() = Uri::from_parts(parts).expect("only the path was changed");
    }
    request
}

/// A backend that fails: its own words go to the log, the client is told which service it is and whether to try again.
fn failed(protocol: Protocol, service: &str, error: &BackendError) -> WireError {
    tracing::error!(error = %Report(error), service, "a backend failed");
    if error.kind() == ErrorKind::Unsupported {
        return WireError::no_backend(protocol, service);
    }
    let message = format!("The backend of the AWS service '{service}' does not answer.");
    WireError::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
}
