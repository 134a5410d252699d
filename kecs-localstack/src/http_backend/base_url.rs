//! Where an endpoint is: `http://HOST[:PORT]`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;
use thiserror::Error;

/// The URL of an AWS-compatible endpoint: `http`, a host, and a port (default 80). It has no path, since AWS's requests begin at the root.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: Arc<str>,
    host: Arc<str>,
    port: u16,
}

/// Why a text is not a [`BaseUrl`]. One line, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaseUrlError {
    /// It is no URL with a scheme and a host.
    #[error("'{0}' is not a URL; write it like http://127.0.0.1:4566")]
    NotAUrl(String),
    /// It is not `http`.
    #[error("'{0}' is not an http:// URL, and TLS to an endpoint is not supported; use its http:// address")]
    NotHttp(String),
    /// It holds more than scheme, host and port.
    #[error("'{0}' has more than a host and a port; write it like http://127.0.0.1:4566")]
    NotBare(String),
}

impl BaseUrl {
    /// The URL as one writes it into `AWS_ENDPOINT_URL`, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name or address; a v6 address without its brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// What a request without a `Host` of its own says.
    pub(super) fn authority(&self) -> &str {
        self.text.strip_prefix("http://").unwrap_or(&self.text)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::NotAUrl(text.to_owned()))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(BaseUrlError::NotAUrl(text.to_owned()));
        };
        if scheme != "http" {
            return Err(BaseUrlError::NotHttp(text.to_owned()));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            // A user's name and password would be among it: it is not repeated.
            let shown = if authority.as_str().contains('@') { "the URL" } else { text };
            return Err(BaseUrlError::NotBare(shown.to_owned()));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(BaseUrlError::NotAUrl(text.to_owned()));
        }
        Ok(Self { text: format!("http://{authority}").into(), host: host.into(), port: authority.port_u16().unwrap_or(80) })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, String, u16) {
        let url: BaseUrl = text.parse().unwrap();
        (url.to_string(), url.host().to_owned(), url.port())
    }

    #[test]
    fn host_and_port_are_read() {
        assert_eq!(parsed("http://127.0.0.1:4566"), ("http://127.0.0.1:4566".into(), "127.0.0.1".into(), 4566));
        assert_eq!(parsed("http://localstack/"), ("http://localstack".into(), "localstack".into(), 80));
        assert_eq!(parsed("http://[::1]:4566"), ("http://[::1]:4566".into(), "::1".into(), 4566));
    }

    #[test]
    fn what_is_not_a_bare_http_url_is_refused_with_the_way_out() {
        for (text, found) in [
            ("localhost:4566", "write it like http://"),
            ("", "write it like http://"),
            ("https://localhost:4566", "use its http:// address"),
            ("http://localhost:4566/aws", "more than a host"),
        ] {
            let error = text.parse::<BaseUrl>().unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        let error = "http://user:hunter2@localhost".parse::<BaseUrl>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
