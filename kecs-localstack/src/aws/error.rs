//! Why a call of an AWS service failed.

use http::StatusCode;
use http::response::Parts;
use kecs_core::{BackendError, ErrorKind};

/// A call that failed: the service refused it, or nobody answered. Holds no input and no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwsCallError {
    /// The service answered with an error of its own.
    #[error("{code}: {message}")]
    Service {
        /// The error's name, without namespace: `ParameterNotFound`.
        code: String,
        /// What the service says.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// Nobody answered, or not in a form that can be read.
    #[error("{0}")]
    Unanswered(#[source] BackendError),
}

impl AwsCallError {
    /// The error's name where the service answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            Self::Unanswered(_) => None,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            // "Throttling" and its kin are 400s of JSON services.
            Self::Service { code, status, .. } => (*status >= 500 && *status != 501) || *status == 429 || code.contains("Throttl"),
            Self::Unanswered(error) => error.is_retryable(),
        }
    }

    /// The same as an error of a backend, for a seam that answers with one.
    pub fn into_backend_error(self) -> BackendError {
        match self {
            Self::Unanswered(error) => error,
            Self::Service { ref code, status, .. } => {
                let kind = match (status, code.as_str()) {
                    (501, _) => ErrorKind::Unsupported,
                    _ if self.is_retryable() => ErrorKind::Unavailable,
                    (404, _) | (_, "NoSuchEntity") => ErrorKind::NotFound,
                    _ => ErrorKind::Invalid,
                };
                BackendError::new(kind, self.to_string())
            }
        }
    }

    pub(super) fn unanswered(service: &str, error: BackendError) -> Self {
        tracing::debug!(service, error = %kecs_core::Report(&error), "an AWS service did not answer");
        Self::Unanswered(error)
    }

    pub(super) fn malformed(service: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let message = format!("a call of {service} has no readable form");
        Self::Unanswered(BackendError::new(ErrorKind::Internal, message).with_source(error))
    }

    /// Reads the error out of an answer of any protocol.
    pub(super) fn answered(service: &str, head: &Parts, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let member = |names: &[&str]| names.iter().find_map(|name| json[*name].as_str()).map(str::to_owned);
        let header = head.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let code = header.or_else(|| member(&["__type", "code", "Code"])).or_else(|| element(&text, "Code"));
        let message = member(&["message", "Message"]).or_else(|| element(&text, "Message"));
        let code = code.map_or_else(|| status_name(head.status), |code| plain(&code).to_owned());
        let message = message.unwrap_or_else(|| format!("{service} answered with status {}", head.status.as_u16()));
        Self::Service { code, message, status: head.status.as_u16() }
    }
}

/// A status for an answer without a body, such as that of HEAD.
fn status_name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("Unknown").replace(' ', "")
}

/// `com.amazonaws.ssm#ParameterNotFound:http://…` as `ParameterNotFound`.
fn plain(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.split(':').next().unwrap_or(code)
}

/// The text of the first element of this name, where it is simple text. What it is made of is not copied elsewhere: it may be secret.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).next()
}

/// The texts of all elements of this name; of those that have others within, the text is not simple.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            rest = rest.split_once(&begin)?.1;
            let innermost = rest.split_once(&begin).map_or(rest, |(before, _)| before);
            if let Some((text, _)) = innermost.split_once(&end) {
                return Some(plain_text(text));
            }
        }
    })
}

fn plain_text(mut text: &str) -> String {
    const ENTITIES: [(&str, char); 6] =
        [("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\''), ("&apos;", '\''), ("&amp;", '&')];
    // No character is longer than the entity that it has: what grows would leave copies behind.
    let mut plain = String::with_capacity(text.len());
    while let Some(at) = text.find('&') {
        plain.push_str(&text[..at]);
        text = &text[at..];
        let entity = ENTITIES.iter().find_map(|&(entity, character)| Some((text.strip_prefix(entity)?, character)));
        let (rest, character) = entity.unwrap_or_else(|| (&text[1..], '&'));
        plain.push(character);
        text = rest;
    }
    plain.push_str(text);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_their_order_and_entities_are_characters() {
        let xml = "<a><b>1 &lt;&amp;lt; 2</b><b></b><c>&</c><b>&#39;&quot;&apos;&gt;</b><b>with <b>in</b></b><b>open</a>";
        assert_eq!(elements(xml, "b").collect::<Vec<_>>(), ["1 <&lt; 2", "", "'\"'>", "in"]);
        assert_eq!(element(xml, "c").unwrap(), "&");
        assert_eq!(element(xml, "d"), None);
    }
}
