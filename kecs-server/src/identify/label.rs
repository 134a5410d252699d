//! What the access log calls a request.

use std::borrow::Cow;

use http::Method;
use http::request::Parts;

use super::{AwsHost, Identity, authority_of};

/// The operation as far as the head tells it: its name; for S3, the method and what it is about; else the method.
pub(crate) fn label(head: &Parts, identity: &Identity<'_>) -> Cow<'static, str> {
    if let Some(operation) = &identity.operation {
        return Cow::Owned(operation.clone().into_owned());
    }
    let about = if identity.service == "s3" { About::of(head, identity.path) } else { About::Unknown };
    match (&head.method, about) {
        (&Method::GET, About::Unknown) => "GET",
        (&Method::GET, About::Service) => "GET service",
        (&Method::GET, About::Bucket) => "GET bucket",
        (&Method::GET, About::Object) => "GET object",
        (&Method::PUT, About::Unknown | About::Service) => "PUT",
        (&Method::PUT, About::Bucket) => "PUT bucket",
        (&Method::PUT, About::Object) => "PUT object",
        (&Method::POST, About::Unknown | About::Service) => "POST",
        (&Method::POST, About::Bucket) => "POST bucket",
        (&Method::POST, About::Object) => "POST object",
        (&Method::DELETE, About::Unknown | About::Service) => "DELETE",
        (&Method::DELETE, About::Bucket) => "DELETE bucket",
        (&Method::DELETE, About::Object) => "DELETE object",
        (&Method::HEAD, About::Unknown | About::Service) => "HEAD",
        (&Method::HEAD, About::Bucket) => "HEAD bucket",
        (&Method::HEAD, About::Object) => "HEAD object",
        (&Method::PATCH, _) => "PATCH",
        (&Method::OPTIONS, _) => "OPTIONS",
        _ => "other",
    }
    .into()
}

/// What a request of S3 is about.
#[derive(Clone, Copy)]
enum About {
    Unknown,
    Service,
    Bucket,
    Object,
}

impl About {
    fn of(head: &Parts, path: &str) -> Self {
        let host = AwsHost::parse(authority_of(head));
        let host_has_bucket = host.service == Some("s3") && host.prefix.is_some();
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments = match path.split_once('/') {
            _ if path.is_empty() => 0,
            None | Some((_, "")) => 1,
            Some(_) => 2,
        };
        match segments + usize::from(host_has_bucket) {
            0 => Self::Service,
            1 => Self::Bucket,
            _ => Self::Object,
        }
    }
}
