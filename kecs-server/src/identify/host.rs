//! What a host name says: `ecs.eu-west-1.amazonaws.com`, `bucket.s3.localhost.localstack.cloud`.

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

/// Service and region as a host name gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AwsHost<'a> {
    pub(crate) service: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    /// The labels before the service: a bucket, an account. They do not belong to AWS's own fixed names.
    pub(crate) prefix: Option<&'a str>,
}

/// The endings of names that mean an AWS service, ours and AWS's own.
const SUFFIXES: [&str; 5] = [".localhost.localstack.cloud", ".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".localhost"];

impl<'a> AwsHost<'a> {
    /// Reads a host, with or without a port. A name that is not AWS's gives nothing. Reading is by shape, right to left: an
    /// optional region, the service, then whatever belongs to the customer. LocalStack puts the region before S3 or behind it.
    pub(crate) fn parse(authority: Option<&'a str>) -> Self {
        let Some(name) = authority.map(strip_port) else {
            return Self::default();
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let Some(labels) = SUFFIXES.iter().find_map(|suffix| strip_suffix_ignore_case(name, suffix)) else {
            return Self::default();
        };
        let labels = labels.strip_suffix(".dualstack").unwrap_or(labels);
        let (labels, region) = match labels.rsplit_once('.') {
            Some((rest, last)) if is_region(last) => (rest, Some(last)),
            _ => (labels, None),
        };
        let labels = labels.strip_suffix(".dualstack").unwrap_or(labels);
        let (prefix, service) = match labels.rsplit_once('.') {
            Some((prefix, service)) => (Some(prefix), service),
            None => (None, labels),
        };
        let (service, in_label) = service_of(service.strip_suffix("-fips").unwrap_or(service));
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let known = !service.is_empty() && service.bytes().all(plain) && !is_region(service);
        Self { service: known.then_some(service), region: region.or(in_label), prefix }
    }
}

/// The service that a label means, and the region that is a part of it: S3 has other names, those for websites, acceleration, access points and control,
/// and the old ones with a dash before the region ("Amazon S3 endpoints and quotas" of the General Reference; "Virtual hosting of buckets" and
/// "Website endpoints" of the S3 user guide).
fn service_of(label: &str) -> (&str, Option<&str>) {
    let Some(name) = label.strip_prefix("s3-") else { return (label, None) };
    if matches!(name, "accelerate" | "website" | "accesspoint" | "control" | "external-1") {
        return ("s3", None);
    }
    let region = name.strip_prefix("website-").or_else(|| name.strip_prefix("fips-")).unwrap_or(name);
    if is_region(region) { ("s3", Some(region)) } else { (label, None) }
}

/// The name or address part of `host`, `host:port`, `[v6]` or `[v6]:port`; brackets are removed.
pub(crate) fn strip_port(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    authority.split_once(':').map_or(authority, |(name, _)| name)
}

/// The shape of a region: `us-east-1`, `us-gov-west-1`, `ap-southeast-7`.
pub(crate) fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let area = parts.next().unwrap_or_default();
    let Some(number) = parts.next_back() else {
        return false;
    };
    let words = parts.clone().count();
    area.len() == 2
        && area.bytes().all(|byte| byte.is_ascii_lowercase())
        && (1..=2).contains(&words)
        && parts.all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The host that a request is for: the `Host` header, or the authority of the URI (HTTP/2).
pub(crate) fn authority_of(head: &Parts) -> Option<&str> {
    match head.headers.get(HOST) {
        Some(host) => host.to_str().ok(),
        None => head.uri.authority().map(Authority::as_str),
    }
}

pub(crate) fn strip_suffix_ignore_case<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(suffix.len())?;
    let (rest, end) = (name.get(..at)?, name.get(at..)?);
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}
