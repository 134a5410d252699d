//! On whose behalf, and where, a call is made.

use std::sync::Arc;

/// What is known of a request beside its operation and input. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The account, 12 digits. State is kept per account and region.
    pub account: Arc<str>,
    /// The region, as in the credential scope: `us-east-1`.
    pub region: Arc<str>,
    /// Identifies the request in logs and in the `x-amzn-RequestId` header of its answer.
    pub request_id: Arc<str>,
    /// Who calls, where that is known. ECS shows it as `createdBy`, `registeredBy` and the like.
    pub principal_arn: Option<Arc<str>>,
    /// The URL by which the client reaches this server, without a path: `http://127.0.0.1:5373`. `None` for a call that came over no network.
    pub endpoint: Option<Arc<str>>,
}

impl RequestContext {
    /// Account 000000000000 in us-east-1: a caller without credentials, and tests.
    pub fn local() -> Self {
        Self {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            request_id: "00000000-0000-0000-0000-000000000000".into(),
            principal_arn: None,
            endpoint: None,
        }
    }
}
