//! Which headers belong to one connection, and must not be passed on (RFC 9110 §7.6.1).

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};

/// Whether a header always belongs to the connection. `Trailer` is among them, since trailers are written anew.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The further headers that a message's `Connection` names.
#[derive(Debug, Default)]
pub(super) struct Named<'a>(Vec<&'a str>);

impl<'a> Named<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut named = Self::default();
        for value in headers.get_all(CONNECTION) {
            named.add(value.as_bytes());
        }
        named
    }

    /// Adds what one `Connection` header says. Values that are not text name no header.
    pub(super) fn add(&mut self, value: &'a [u8]) {
        let Ok(value) = std::str::from_utf8(value) else { return };
        let options = value.split(',').map(str::trim).filter(|option| !option.is_empty());
        self.0.extend(options.filter(|option| !is_option(option)));
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        !self.0.is_empty() && self.0.iter().any(|named| named.eq_ignore_ascii_case(name))
    }

    /// Whether a header is left out, by its nature or by its name.
    pub(super) fn excludes(&self, name: &HeaderName) -> bool {
        is_hop_by_hop(name.as_str()) || self.holds(name.as_str())
    }
}

/// Options of connections that are not names of headers worth remembering. `Content-Length` and `Host` cannot be taken away by naming them:
/// without them a message is another one.
fn is_option(option: &str) -> bool {
    ["close", "keep-alive", "content-length", "host"].iter().any(|known| known.eq_ignore_ascii_case(option))
}
