//! Names of headers that are looked up with every request: as names they are found faster than as texts.

use http::HeaderName;

/// Operation and, before the dot, service of a call in AWS's JSON protocols.
pub(crate) static X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// Says that a call is one of Smithy's RPC v2.
pub(crate) static SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
/// What a browser says of where a request comes from.
pub(crate) static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
