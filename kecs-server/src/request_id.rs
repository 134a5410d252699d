//! Ids of requests.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::HeaderValue;
use uuid::{Builder, Uuid};

/// Gives each request of one endpoint an id of its own. They are unique, and no secret: the kernel is asked for randomness once, not for each
/// request.
#[derive(Debug)]
pub(crate) struct RequestIds {
    random: u128,
    next: AtomicU64,
}

/// One request's id: a UUID, as AWS's are.
#[derive(Clone, Copy)]
pub(crate) struct RequestId([u8; uuid::fmt::Hyphenated::LENGTH]);

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { random: Uuid::new_v4().as_u128(), next: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> RequestId {
        // An odd factor makes neighbours look unlike; multiplying by it loses nothing.
        let number = u128::from(self.next.fetch_add(1, Relaxed)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let id = Builder::from_random_bytes(self.random.wrapping_add(number).to_be_bytes()).into_uuid();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        id.hyphenated().encode_lower(&mut text);
        RequestId(text)
    }
}

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a UUID is ASCII")
    }

    pub(crate) fn to_header(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("a UUID is a header value")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_uuids_and_differ() {
        let ids = RequestIds::new();
        let drawn: HashSet<String> = (0..10_000).map(|_| ids.next().to_string()).collect();
        assert_eq!(drawn.len(), 10_000);
        assert!(drawn.iter().all(|id| Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 4)));
    }
}
