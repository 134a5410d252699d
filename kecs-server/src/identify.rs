//! Whose request is it: AWS service, operation, account and region, from the request head alone.

mod credential;
mod host;
mod label;
mod rpc;
mod services;

use std::borrow::Cow;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;

pub use credential::CredentialScope;
pub(crate) use host::{AwsHost, authority_of, is_region, strip_port, strip_suffix_ignore_case};
pub(crate) use label::label;

use crate::header::X_AMZ_TARGET;
use crate::percent;

/// The account of requests that do not name one: what LocalStack and moto use too.
pub const DEFAULT_ACCOUNT: &str = "000000000000";

/// What a request says about itself. Borrowed from the request head wherever that is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity<'a> {
    /// The AWS service by its signing name: `ecs`, `s3`, `elasticloadbalancing`.
    pub service: Cow<'a, str>,
    /// Which part of the request named the service.
    pub identified_by: IdentifiedBy,
    /// The operation, where the head tells it: the part of `X-Amz-Target` behind the dot, of an RPC v2 path, or `Action` of the query.
    pub operation: Option<Cow<'a, str>>,
    /// The 12-digit account: the access key id when that is 12 digits, else the default.
    pub account: Cow<'a, str>,
    /// The region: of the credential scope, else of the host, else the configured default.
    pub region: Cow<'a, str>,
    /// The access key id of the credential, when there is one. It is a name, not a secret.
    pub access_key_id: Option<Cow<'a, str>>,
    /// The cluster whose tasks the request speaks for: of the prefix `/_kecs/clusters/<cluster>`, which the endpoint of a task has whose cluster
    /// has AWS services of its own.
    pub cluster: Option<&'a str>,
    /// The path that the service sees: without the prefix that named the cluster, and without `/api/v1/<service>` when that named the service.
    pub path: &'a str,
}

/// What a request means that names neither account nor region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityDefaults {
    /// The account of callers whose access key id is not an account: [`DEFAULT_ACCOUNT`].
    pub account: String,
    /// The region of requests without a credential scope, and without one in their host: `us-east-1`.
    pub region: String,
}

impl Default for IdentityDefaults {
    fn default() -> Self {
        Self { account: DEFAULT_ACCOUNT.to_owned(), region: "us-east-1".to_owned() }
    }
}

/// Which part of a request named its service, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum IdentifiedBy {
    /// The path prefix `/api/v1/<service>/`.
    Path,
    /// The SigV4 credential scope, in the `Authorization` header or in a presigned query.
    Credential,
    /// The service prefix of `X-Amz-Target`, or the service in the path of an RPC v2 call.
    Target,
    /// The host name.
    Host,
    /// `Action` and `Version` in the query, or an unsigned form post (only STS has those).
    Action,
    /// Nothing did: S3, whose requests need carry none of the above.
    Default,
}

/// Identifies a request. Pure, total (never panics), and reads only the head.
///
/// The parts of the request are asked in the order of [`IdentifiedBy`], and the first that knows decides the service.
pub fn identify<'a>(head: &'a Parts, defaults: &'a IdentityDefaults) -> Identity<'a> {
    let query = head.uri.query().unwrap_or_default();
    let credential = credential_scope(head, query);
    let target = head.headers.get(&X_AMZ_TARGET).and_then(|value| value.to_str().ok());
    let host = AwsHost::parse(authority_of(head));
    let action = percent::query_value(query, "Action");

    let (cluster, path) = prefixed_cluster(head.uri.path());
    let prefixed = prefixed_service(path);
    let path = prefixed.map_or(path, |(_, rest)| rest);
    let target = target.and_then(|target| target.split_once('.')).or_else(|| rpc::target(head, path));

    let (service, identified_by) = prefixed
        .map(|(service, _)| (Cow::Borrowed(service), IdentifiedBy::Path))
        .or_else(|| {
            let scope = credential.as_ref()?;
            Some((scope.service.clone(), IdentifiedBy::Credential))
        })
        .or_else(|| {
            let service = services::of_target(target?.0)?;
            Some((Cow::Borrowed(service), IdentifiedBy::Target))
        })
        .or_else(|| Some((Cow::Borrowed(host.service?), IdentifiedBy::Host)))
        .or_else(|| {
            action.as_ref()?;
            let version = percent::query_value(query, "Version")?;
            let service = services::of_version(&version)?;
            Some((Cow::Borrowed(service), IdentifiedBy::Action))
        })
        .or_else(|| {
            // STS's web identity and SAML calls are sent unsigned, as a form, by every SDK; no other service has such calls.
            is_form_post(head, path).then_some((Cow::Borrowed("sts"), IdentifiedBy::Action))
        })
        .unwrap_or((Cow::Borrowed("s3"), IdentifiedBy::Default));

    let operation = match target {
        Some((_, operation)) => Some(Cow::Borrowed(operation)),
        None => action,
    };
    let region = match &credential {
        Some(scope) => scope.region.clone(),
        None => Cow::Borrowed(host.region.unwrap_or(&defaults.region)),
    };
    let access_key_id = credential.map(|scope| scope.access_key_id).or_else(|| credential::sigv2_access_key_id(head, query));
    let account = match &access_key_id {
        Some(id) if is_account(id) => id.clone(),
        _ => Cow::Borrowed(defaults.account.as_str()),
    };
    Identity { service, identified_by, operation, account, region, access_key_id, cluster, path }
}

/// What a cluster's name follows upon.
pub(crate) const CLUSTERS: &str = "/_kecs/clusters/";

/// `/_kecs/clusters/<cluster>/rest` as `<cluster>` and `/rest`. No bucket's name begins with an underscore.
fn prefixed_cluster(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix(CLUSTERS) else { return (None, path) };
    let (cluster, rest) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    // What a cluster's name may consist of needs no decoding.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if cluster.is_empty() || !cluster.bytes().all(plain) { (None, path) } else { (Some(cluster), rest) }
}

/// `/api/v1/<service>/rest` as `<service>` and `/rest`.
fn prefixed_service(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/api/v1/")?;
    let (service, rest) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!service.is_empty() && service.bytes().all(plain)).then_some((service, rest))
}

/// The SigV4 credential of a request, in its `Authorization` header or in a presigned query.
pub(crate) fn credential_scope<'a>(head: &'a Parts, query: &'a str) -> Option<CredentialScope<'a>> {
    let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(scope) = header.and_then(CredentialScope::from_authorization) {
        return Some(scope);
    }
    // Only a presigned URL has this; looking for it costs a scan of the query, which ECS requests do not have.
    CredentialScope::from_query(query)
}

fn is_form_post(head: &Parts, path: &str) -> bool {
    head.method == http::Method::POST
        && path == "/"
        && head.headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
