//! The request decoder.

use futures::FutureExt;
use kecs_model::RequestContext;
use kecs_model::ecs::{EcsApi, Operation, dispatch};
use kecs_server::{JsonBounds, check_json_bounds};

/// Serves nothing: what is looked at is the way there.
#[derive(Debug)]
struct Unserved;

impl EcsApi for Unserved {}

/// The first line names the operation, or its first byte does; the rest is the body. Whatever it is, it is decoded or refused, and a refusal
/// has a code that SDKs know.
pub fn decode(bytes: &[u8]) {
    let (name, body) = split(bytes);
    let operation = std::str::from_utf8(name).ok().and_then(Operation::from_name).unwrap_or_else(|| {
        let at = name.first().map_or(0, |&byte| usize::from(byte));
        Operation::ALL[at % Operation::ALL.len()]
    });
    if check_json_bounds(body, JsonBounds::default()).is_err() {
        return;
    }
    let answer = dispatch(&Unserved, &RequestContext::local(), operation, body).now_or_never();
    let error = answer.expect("decoding waits for nothing").expect_err("nothing is served");
    assert!(!error.code().as_str().is_empty());
    assert!(error.message().len() <= 2 * body.len() + 1024, "an error that grows beyond its cause");
}

/// At the first end of a line.
pub(crate) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, b""),
    }
}
