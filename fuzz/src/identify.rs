//! Whose request it is, and whether it may be: all that is read of a head before anything is believed.

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri};
use kecs_core::SecretValue;
use kecs_server::{AccessKey, AccessKeys, HostPolicy, IdentityDefaults, Payload, identify as identified, verify};

/// The first line is method and target, the others are headers, as HTTP/1.1 writes them. Nobody but who has the key is let through, and the
/// account is always one.
pub fn identify(bytes: &[u8]) {
    let Some(head) = head(bytes) else { return };
    let defaults = IdentityDefaults::default();
    let identity = identified(&head, &defaults);
    assert!(identity.account.len() == 12 && identity.account.bytes().all(|byte| byte.is_ascii_digit()), "{:?}", identity.account);
    assert!(!identity.service.is_empty());
    assert!(!identity.region.contains('/'), "keys of the state are made of regions: {:?}", identity.region);
    assert!(identity.path.starts_with('/') || identity.path == "*" || head.uri.path().is_empty(), "{:?}", identity.path);
    let policy = HostPolicy::new(vec!["*.example.org".to_owned()], vec!["https://example.org".to_owned()]);
    let _ = policy.check(&head);
    let secret = SecretValue::new("a secret that no seed is signed with".to_owned());
    let key = AccessKey { id: "AKIDEXAMPLE".to_owned(), secret, account: "000000000000".to_owned() };
    let keys: AccessKeys = [key].into_iter().collect();
    for payload in [Payload::Whole(b""), Payload::Streamed] {
        assert!(verify(&keys, &head, payload, &identity.service, 1_440_938_160).is_err(), "let in without the key");
    }
}

fn head(bytes: &[u8]) -> Option<Parts> {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let first = lines.next()?;
    let at = first.iter().position(|&byte| byte == b' ')?;
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::from_bytes(&first[..at]).ok()?;
    head.uri = Uri::try_from(&first[at + 1..]).ok()?;
    for line in lines {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            head.headers.append(name, value);
        }
    }
    Some(head)
}
