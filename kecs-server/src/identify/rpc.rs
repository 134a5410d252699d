//! Smithy's RPC v2 calls (CBOR), which CloudWatch's SDKs send: the path names service and operation.

use http::request::Parts;

use crate::header::SMITHY_PROTOCOL;

/// Service and operation of a call to `/service/<service>/operation/<operation>` that says that it is one
/// (smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html: `Smithy-Protocol` is required). Without saying so it is an object of S3.
pub(super) fn target<'a>(head: &Parts, path: &'a str) -> Option<(&'a str, &'a str)> {
    let says_so = head.headers.get(&SMITHY_PROTOCOL).is_some_and(|protocol| protocol.as_bytes().starts_with(b"rpc-v2-"));
    if !says_so {
        return None;
    }
    // Before them may be a prefix, and before the service its namespace.
    let (_, rest) = path.split_once("/service/")?;
    let (service, operation) = rest.split_once("/operation/")?;
    let service = service.rsplit_once('.').map_or(service, |(_namespace, name)| name);
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name(service) && is_name(operation)).then_some((service, operation))
}
