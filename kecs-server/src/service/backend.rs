//! Calls of all other AWS services, streamed to the backend that answers for them.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use hyper::body::Body as HttpBody;
use kecs_core::{AwsServiceBackend, Body};

use super::{Shared, caller};
use crate::errors::WireError;
use crate::forward::Call;
use crate::gather::{BoxError, boxed, gather, verified};
use crate::identify::credential_scope;
use crate::own_services::is_not_yet;
use crate::reply::full;
use crate::{AccessKeys, Auth, Payload};

/// `aws` is the backend of the cluster whose task calls, or the one of everybody.
pub(super) async fn call<B>(
    shared: &Shared,
    aws: &Arc<dyn AwsServiceBackend>,
    head: Parts,
    call: &Call,
    body: B,
) -> Result<Response<Body>, WireError>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (service, protocol) = (&call.service, call.protocol);
    // A permit first: gathered bodies are bounded by it too.
    let permit = call.permit(&shared.backend_permits).inspect_err(|_| shared.metrics.throttled())?;
    let body = match &shared.auth {
        Auth::Off => boxed(body),
        Auth::Required(keys) => verified_body(shared, keys, &head, call, body).await?,
    };
    if is_not_yet(service.as_str()) {
        return Err(WireError::not_yet(protocol, service.as_str(), &call.operation));
    }
    if !aws.serves(service) {
        return Err(WireError::no_backend(protocol, service.as_str()));
    }
    call.pass_on(&**aws, head, body, permit).await
}

/// Verifies the signature before anything is passed on. A body whose hash the head states is compared while it streams; only one whose
/// hash is stated nowhere has to be gathered.
async fn verified_body<B>(shared: &Shared, keys: &AccessKeys, head: &Parts, call: &Call, body: B) -> Result<Body, WireError>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let service = call.service.as_str();
    let scope = credential_scope(head, head.uri.query().unwrap_or_default());
    let key = scope.as_ref().map(|scope| &*scope.access_key_id);
    let refuse = |error| WireError::signature(call.protocol, &error);
    let declared = head.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let is_hash = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let presigned = service == "s3" && !head.headers.contains_key(http::header::AUTHORIZATION);
    if declared.is_none() && !presigned {
        let body = gather(body, shared.limits.body_bytes, shared.limits.body_read_timeout).await?;
        caller::verified(shared, keys, head, Payload::Whole(&body), service, key).map_err(refuse)?;
        return Ok(full(body));
    }
    caller::verified(shared, keys, head, Payload::Streamed, service, key).map_err(refuse)?;
    Ok(match declared.filter(is_hash) {
        Some(hash) => verified(body, hash.to_ascii_lowercase()),
        None => boxed(body),
    })
}
