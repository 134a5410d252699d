//! Calls of Amazon ECS, answered by the engine in this process.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Body as HttpBody;
use kecs_core::{Body, Report};
use kecs_model::ecs::{Operation, dispatch};
use kecs_model::{ApiError, ErrorCode, RequestContext, aws_json};

use super::{Shared, caller};
use crate::errors::{Protocol, WireError};
use crate::gather::{BoxError, gather};
use crate::identify::{Identity, authority_of};
use crate::reply::{AMZ_JSON, reply};
use crate::request_id::RequestId;
use crate::{Auth, Payload, check_json_bounds};

/// AWS's own have at most 16 characters; some people name theirs.
const LONGEST_REGION: usize = 32;

/// The only prefix of `X-Amz-Target` that ECS has ever had.
const TARGET_PREFIX: &str = "AmazonEC2ContainerServiceV20141113.";

pub(super) async fn call<B>(
    shared: &Shared,
    head: &Parts,
    identity: &Identity<'_>,
    request_id: RequestId,
    body: B,
) -> Result<Response<Body>, WireError>
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let operation = operation(head);
    // A permit first: gathered bodies are bounded by it too.
    let _permit = shared.permits.try_acquire().map_err(|_| {
        shared.metrics.throttled();
        WireError::ecs(ErrorCode::ThrottlingException, "Rate exceeded")
    })?;
    let body = gather(body, shared.limits.body_bytes, shared.limits.body_read_timeout).await?;
    let account = account(shared, head, identity, &body)?;
    let operation = operation?;
    check_content_type(head)?;
    check_json_bounds(&body, shared.limits.json)
        .map_err(|error| WireError::ecs(ErrorCode::SerializationException, error.to_string()))?;
    check_region(&identity.region)?;
    let ctx = RequestContext {
        principal_arn: Some(format!("arn:aws:iam::{account}:root").into()),
        account: account.into(),
        region: identity.region.as_ref().into(),
        request_id: request_id.as_str().into(),
        endpoint: endpoint(head).map(Into::into),
    };
    match dispatch(&*shared.api, &ctx, operation, &body).await {
        Ok(body) => Ok(reply(StatusCode::OK, AMZ_JSON, body)),
        Err(error) => Ok(refused(&error)),
    }
}

/// The URL that the client used. There is no TLS here, so a scheme other than http is what a client of HTTP/2 says, or a proxy in front of us.
fn endpoint(head: &Parts) -> Option<String> {
    let authority = authority_of(head).filter(|authority| !authority.is_empty())?;
    Some(format!("{}://{authority}", head.uri.scheme_str().unwrap_or("http")))
}

fn refused(error: &ApiError) -> Response<Body> {
    if error.status() >= 500 {
        tracing::error!(error = %Report(error), "an operation failed");
    } else {
        tracing::debug!(error = %Report(error), "an operation was refused");
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply(status, AMZ_JSON, aws_json::error_body(error))
}

fn operation(head: &Parts) -> Result<Operation, WireError> {
    let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = target.strip_prefix(TARGET_PREFIX);
    let operation = name.filter(|_| head.method == Method::POST).and_then(Operation::from_name);
    operation.ok_or_else(|| {
        let text = "ECS has no such operation: it takes a POST with x-amz-target: AmazonEC2ContainerServiceV20141113.<Operation>.";
        WireError::ecs(ErrorCode::UnknownOperationException, text)
    })
}

/// The types that a browser page may post to another site without asking first. No AWS client uses them for ECS.
fn check_content_type(head: &Parts) -> Result<(), WireError> {
    let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let simple = ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"];
    let is_simple = |kind: &str| content_type.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()));
    if simple.iter().any(|kind| is_simple(kind)) {
        return Err(WireError::ecs(ErrorCode::SerializationException, "ECS takes content-type: application/x-amz-json-1.1."));
    }
    Ok(())
}

/// State is kept by region, so a region is at least a name. The text is AWS's ("Troubleshoot signed requests for AWS APIs").
fn check_region(region: &str) -> Result<(), WireError> {
    let is_name = (1..=LONGEST_REGION).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_name {
        return Ok(());
    }
    Err(WireError::ecs(ErrorCode::InvalidSignatureException, "Credential should be scoped to a valid region."))
}

/// Who the caller is.
fn account(shared: &Shared, head: &Parts, identity: &Identity<'_>, body: &[u8]) -> Result<String, WireError> {
    match &shared.auth {
        Auth::Off => Ok(caller::claimed(shared, identity).into_owned()),
        Auth::Required(keys) => {
            caller::verified(shared, keys, head, Payload::Whole(body), &identity.service, identity.access_key_id.as_deref())
                .map_err(|error| WireError::signature(Protocol::Json, &error))
        }
    }
}
