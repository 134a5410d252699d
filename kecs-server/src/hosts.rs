//! Who may talk to the endpoint from a browser: the policy on `Host`, `Origin` and `Sec-Fetch-Site`.
//!
//! The endpoint runs commands, and needs no credentials by default, so a page in the user's browser must not be able to drive it.
//! Two doors have to be shut. *DNS rebinding*: a name of the attacker's resolves to this machine, and the page is then of the
//! "same origin" as the endpoint; so the `Host` must be a name that an attacker cannot point anywhere. *Cross-site requests*: a page
//! sends a request here openly; so an `Origin` that is not ours is refused.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::ORIGIN;
use http::request::Parts;
use thiserror::Error;

use crate::header::SEC_FETCH_SITE;
use crate::identify::{AwsHost, authority_of, strip_port};

/// Why a request was refused before it was looked at. The texts go to the client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostRefused {
    /// The `Host` is not a name of this endpoint.
    #[error("host '{0}' is not served here; to allow it, add it to allowed-hosts")]
    Host(String),
    /// There is no `Host` at all.
    #[error("the request names no host")]
    NoHost,
    /// A browser page of another origin sent the request.
    #[error("requests from origin '{0}' are refused; to allow it, add it to allowed-origins")]
    Origin(String),
    /// A browser says that another site sent the request.
    #[error("cross-site requests from a browser are refused; to allow a site, add its origin to allowed-origins")]
    CrossSite,
}

/// Which hosts and origins are accepted.
///
/// Always accepted as a host: loopback addresses, `localhost` and names under it, `localhost.localstack.cloud` and names under it
/// (which resolve to 127.0.0.1, in a zone of LocalStack's), the address that the endpoint listens on (any address when it listens on
/// all of them: an address cannot be rebound), and AWS's own endpoint names. Of those only `<service>.<region>.amazonaws.com`,
/// `<service>.amazonaws.com`, their `api.aws` and China forms, and S3's bucket names: load balancers and instances also have names under
/// `amazonaws.com`, and their owners decide which private address those lead to.
#[derive(Debug, Clone, Default)]
pub struct HostPolicy {
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    listen: Option<IpAddr>,
}

impl HostPolicy {
    /// A policy that also accepts `allowed_hosts` (names without a port; `*.example.org` for all names under one) and
    /// `allowed_origins` (as a browser writes them, `http://localhost:3000`; `*` for all).
    pub fn new(allowed_hosts: Vec<String>, allowed_origins: Vec<String>) -> Self {
        Self { allowed_hosts, allowed_origins, listen: None }
    }

    /// The same, for an endpoint that is bound to `address`.
    #[must_use]
    pub fn listening_on(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address.ip().to_canonical());
        self
    }

    /// Checks the head of a request.
    ///
    /// # Errors
    ///
    /// The first reason to refuse it.
    pub fn check(&self, head: &Parts) -> Result<(), HostRefused> {
        let authority = authority_of(head).ok_or(HostRefused::NoHost)?;
        // Both are there in an absolute-form request, and a rebound page controls neither alone.
        if let Some(uri) = head.uri.authority() {
            self.check_host(uri.as_str())?;
        }
        self.check_host(authority)?;
        self.check_origin(&head.headers, authority)
    }

    /// Whether a browser page of `origin` may read answers (CORS).
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }

    fn check_host(&self, authority: &str) -> Result<(), HostRefused> {
        let host = strip_port(authority);
        let host = host.strip_suffix('.').unwrap_or(host);
        let accepted = match host.parse::<IpAddr>() {
            Ok(address) => self.accepts_address(address.to_canonical()),
            Err(_) => is_local_name(host) || is_aws_name(host),
        };
        if accepted || self.allowed_hosts.iter().any(|pattern| matches(pattern, host)) {
            return Ok(());
        }
        Err(HostRefused::Host(shortened(host)))
    }

    fn accepts_address(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.listen.is_some_and(|listen| listen == address || listen.is_unspecified())
    }

    fn check_origin(&self, headers: &HeaderMap, authority: &str) -> Result<(), HostRefused> {
        let Some(origin) = headers.get(ORIGIN) else {
            // A browser leaves Origin out of plain GETs, and says this instead.
            return match headers.get(&SEC_FETCH_SITE) {
                Some(site) if site == "cross-site" => Err(HostRefused::CrossSite),
                _ => Ok(()),
            };
        };
        let origin = origin.to_str().map_err(|_| HostRefused::Origin("(not text)".to_owned()))?;
        // Our own pages. The host was accepted before, so it is not a name that was rebound.
        let own = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|own| own.eq_ignore_ascii_case(authority));
        if own || self.allows_origin(origin) {
            return Ok(());
        }
        Err(HostRefused::Origin(shortened(origin)))
    }
}

fn is_local_name(host: &str) -> bool {
    ["localhost", "localhost.localstack.cloud"].iter().any(|name| matches(name, host) || is_under(name, host))
}

/// An endpoint name that AWS itself gives out: no customer decides what it resolves to.
fn is_aws_name(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    let parsed = AwsHost::parse(Some(&lower));
    matches!((parsed.service, parsed.prefix), (Some(_), None) | (Some("s3"), Some(_)))
}

fn is_under(parent: &str, host: &str) -> bool {
    crate::identify::strip_suffix_ignore_case(host, parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => is_under(parent, host),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// What the client sent, cut so that an error body stays small.
fn shortened(text: &str) -> String {
    text.chars().take(255).collect()
}

#[cfg(test)]
mod tests;
